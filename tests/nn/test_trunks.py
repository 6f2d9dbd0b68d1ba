"""Trunks take any image there and back."""

import pytest
import torch

from latentarium.config import NetConfig
from latentarium.nn.trunks import DecoderTrunk, EncoderTrunk, stage_sizes
from latentarium.random import Noise

SHAPES = [(1, 8, 8), (3, 9, 13), (1, 28, 28), (4, 29, 31), (3, 32, 48), (3, 64, 64)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["mlp", "conv"])
@pytest.mark.parametrize("norm", ["none", "batch"])
def test_shapes_and_scale(shape, kind, norm):
    config = NetConfig(kind=kind, width=8, depth=2, hidden=16, norm=norm)
    encoder, decoder = EncoderTrunk(shape, config, extra=3), DecoderTrunk(5, shape, config)
    features = encoder(Noise(0).normal(6, *shape), Noise(1).normal(6, 3))
    assert features.shape == (6, encoder.num_features)
    images = decoder(Noise(2).normal(6, 5))
    assert images.shape == (6, *shape)
    assert 0.05 < float(images.detach().std()) < 20
    assert 0.05 < float(features.detach().std()) < 20


def test_stages_halve_until_eight():
    assert stage_sizes(28, 28) == [(28, 28), (14, 14), (7, 7)]
    assert stage_sizes(8, 8) == [(8, 8), (4, 4)]
    assert stage_sizes(64, 20)[-1] == (8, 2)


def test_extra_inputs_matter():
    encoder = EncoderTrunk((1, 8, 8), NetConfig(width=4, depth=1, hidden=8), extra=2)
    x = Noise(0).normal(1, 1, 8, 8)
    zero, one = encoder(x, torch.zeros(1, 2)), encoder(x, torch.ones(1, 2))
    assert not torch.equal(zero, one)
