"""Trunks take any image there and back."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from latentarium.config import NetConfig
from latentarium.nn import DecoderTrunk, Fourier, build_decoder, build_encoder, stage_sizes
from latentarium.nn.conv import ConvDecoder, ResizeConv2d
from latentarium.rng import Noise
from support.errors import raises_code

SHAPES = [(1, 8, 8), (3, 9, 13), (1, 28, 28), (4, 29, 31), (3, 32, 48), (3, 64, 64)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["mlp", "conv"])
@pytest.mark.parametrize("norm", ["none", "batch"])
@pytest.mark.parametrize("activation", ["leaky_relu", "silu"])
def test_shapes_and_scale(shape, kind, norm, activation):
    config = NetConfig(kind=kind, width=8, depth=2, hidden=16, norm=norm, activation=activation)
    encoder, decoder = build_encoder(config, shape, extra=3), build_decoder(config, 5, shape)
    features = encoder(Noise(0).normal(6, *shape), Noise(1).normal(6, 3))
    assert features.shape == (6, encoder.num_features)
    images = decoder(Noise(2).normal(6, 5))
    assert images.shape == (6, *shape)
    assert 0.05 < float(images.detach().std()) < 20
    assert 0.05 < float(features.detach().std()) < 20


@pytest.mark.parametrize("kind", ["mlp", "conv"])
def test_every_hidden_layer_has_the_activation_of_the_settings(kind):
    config = NetConfig(kind=kind, width=4, depth=2, hidden=8, activation="silu")
    for trunk in build_encoder(config, (1, 8, 8)), build_decoder(config, 5, (1, 8, 8)):
        layers = [type(layer) for layer in trunk.modules()]
        weights = sum(layer in (nn.Linear, nn.Conv2d, nn.ConvTranspose2d) for layer in layers)
        outputs = isinstance(trunk, DecoderTrunk)  # the last layer has no activation
        assert layers.count(nn.SiLU) == weights - outputs > 1
        assert nn.LeakyReLU not in layers


@pytest.mark.parametrize("upsampling", ["transposed", "bilinear"])
def test_decoders_reach_every_size(upsampling):
    config = NetConfig(width=2, depth=1, hidden=4, upsampling=upsampling)
    sides = [*range(2, 34), 47, 63, 64, 65, 100, 127, 128]
    for height, width in [*zip(sides, sides, strict=True), *zip(sides, sides[::-1], strict=True)]:
        images = build_decoder(config, 3, (2, height, width))(torch.ones(1, 3))
        assert images.shape == (1, 2, height, width)
        build_encoder(config, (2, height, width))(images)


def test_bilinear_upsampling_leaves_no_checkerboard():
    """Away from the border, equal features give equal pixels; transposed convolutions give a
    pattern of period 2."""
    patterns = {}
    for upsampling in ("transposed", "bilinear"):
        torch.manual_seed(0)
        config = NetConfig(width=4, depth=2, upsampling=upsampling)
        decoder = build_decoder(config, 3, (3, 32, 32))
        assert isinstance(decoder, ConvDecoder)
        image = decoder.convolutions(torch.ones(1, *decoder.coarsest))[0, :, 14:18, 14:18].detach()
        patterns[upsampling] = float((image - image[:, :1, :1]).abs().max())
    assert patterns["bilinear"] < 1e-5 < 1e-2 < patterns["transposed"]


@pytest.mark.parametrize("size", [(4, 6), (9, 12), (7, 5), (2, 3)])
def test_resize_convolution_equals_its_definition(size):
    torch.manual_seed(0)
    height, width = size
    layer = ResizeConv2d(3, 2, (height % 2, width % 2))
    x = torch.randn(2, 3, height // 2, width // 2)
    larger = functional.interpolate(x, scale_factor=2, mode="bilinear")
    larger = functional.pad(larger, (1, 1 + width % 2, 1, 1 + height % 2), mode="replicate")
    expected = functional.conv2d(larger, layer.weight, layer.bias)
    torch.testing.assert_close(layer(x), expected)


def test_only_convolutional_trunks_have_upsampling():
    with raises_code("invalid-setting"):
        NetConfig(kind="mlp", upsampling="bilinear")


def test_stages_halve_until_eight():
    assert stage_sizes(28, 28) == [(28, 28), (14, 14), (7, 7)]
    assert stage_sizes(8, 8) == [(8, 8), (4, 4)]
    assert stage_sizes(64, 20)[-1] == (8, 2)


def test_extra_inputs_matter():
    encoder = build_encoder(NetConfig(width=4, depth=1, hidden=8), (1, 8, 8), extra=2)
    x = Noise(0).normal(1, 1, 8, 8)
    zero, one = encoder(x, torch.zeros(1, 2)), encoder(x, torch.ones(1, 2))
    assert not torch.equal(zero, one)


@pytest.mark.parametrize("scale", [0.2, 0.7])
def test_fourier_features_have_a_gaussian_kernel_of_the_scale(scale):
    """E cos(2 pi b . d) over b ~ N(0, s^2) is exp(-2 pi^2 s^2 |d|^2), its characteristic
    function; and sin^2 + cos^2 is 1 for each frequency."""
    torch.manual_seed(0)
    x, moved = torch.zeros(1, 2), torch.tensor([[0.3, 0.4]])  # 0.5 apart
    kernels = []
    for _ in range(300):
        waves = Fourier(2, scale)
        here, there = waves(x)[:, 2:], waves(moved)[:, 2:]
        count = here.shape[1] // 2
        assert float(there.square().sum()) == pytest.approx(count, rel=1e-5)
        kernels.append(float((here * there).sum()) / count)
    expected = math.exp(-2 * (math.pi * scale * 0.5) ** 2)
    assert sum(kernels) / len(kernels) == pytest.approx(expected, abs=0.03)


def test_fourier_features_enter_both_trunks_beside_the_input_and_are_kept_but_not_trained():
    torch.manual_seed(0)
    config = NetConfig(kind="mlp", width=8, depth=2, fourier=1.0)
    for trunk, inputs in (
        (build_encoder(config, (2, 1, 1), extra=3), 5),
        (build_decoder(config, 5, (2, 1, 1)), 5),
    ):
        assert isinstance(trunk.dense, torch.nn.Sequential)
        waves = trunk.dense[0]
        assert isinstance(waves, Fourier)
        x = Noise(0).normal(4, inputs)
        assert torch.equal(waves(x)[:, :inputs], x)
        assert "dense.0.frequencies" in trunk.state_dict()
        assert "dense.0.frequencies" not in dict(trunk.named_parameters())
    plain = build_encoder(NetConfig(kind="mlp", width=8, depth=2), (2, 1, 1))
    assert not list(plain.buffers())
