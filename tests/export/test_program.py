"""Decoders as steps on arrays, computed in torch."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from latentarium import presets
from latentarium.export.lowering import lower
from latentarium.export.networks import DecoderNetwork, latent_inputs
from latentarium.export.program import gather_index, gather_tables
from latentarium.models.gan import GAN
from support.errors import raises_code
from support.exported_models import covering_presets, model_of, shape_of, shrunk
from support.odd_decoder import OddDecoder


def require_parity(network, inputs):
    """Lower a network, and compare the steps with it for several rows; return the program."""
    program = lower(network, [x[:1] for x in inputs])
    with torch.no_grad():
        expected = network(*inputs)[0]
    assert float(expected.std()) > 1e-3
    assert float((program.run(inputs) - expected).abs().max()) <= 1e-5 * max(
        1, float(expected.abs().max())
    )
    return program


@pytest.mark.slow
@pytest.mark.parametrize("name", presets.all_presets())
def test_each_preset_of_full_size(name):
    model = model_of(presets.get(name).model, shape_of(name))
    require_parity(DecoderNetwork(model).eval(), latent_inputs(model, 5))


@pytest.mark.parametrize("name", [name for name in covering_presets() if "grid" in name])
def test_decoders_of_points(name):
    model = model_of(shrunk(presets.get(name).model), shape_of(name))
    require_parity(DecoderNetwork(model).eval(), latent_inputs(model, 5))


@pytest.mark.slow  # the same decoder is compared in the browser
def test_operations_that_no_preset_uses():
    decoder = OddDecoder().eval()
    require_parity(decoder, (torch.randn(3, 8, generator=torch.manual_seed(0)),))


def test_weights_are_stored_once_and_not_enlarged():
    """The kernels of resize convolutions are computed from smaller ones in the page."""
    model = model_of(shrunk(presets.get("gan_images").model), (3, 24, 16))
    program = lower(DecoderNetwork(model).eval(), latent_inputs(model, 1))
    assert isinstance(model, GAN)
    weights = sum(p.numel() for p in model.generator.trunk.parameters())
    assert weights <= program.num_numbers <= weights + 20  # and factors of the interpolation
    assert any(step.constant for step in program.steps)


def test_a_deep_decoder_needs_no_deep_recursion():

    class Deep(nn.Module):
        def forward(self, x):
            for _ in range(400):
                x = x.sin()
            return x

    assert len(lower(Wrapped(Deep()), (torch.ones(1, 4),)).steps) == 400


def test_batch_normalization_uses_the_learned_statistics():
    torch.manual_seed(0)
    norm = nn.BatchNorm1d(4)
    norm(torch.randn(50, 4) * 3 + 2)
    require_parity(Wrapped(norm).eval(), (torch.randn(5, 4),))


def test_a_decoder_that_changes_its_buffers_is_one_message():
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("calls", torch.zeros(1))

        def forward(self, x):
            self.calls += 1
            return x * self.calls

    with raises_code("not-exportable"):
        lower(Wrapped(Counting()), (torch.ones(1, 4),))


@pytest.mark.parametrize(
    "function",
    [
        lambda x: torch.linalg.eigvals(x.T @ x).real[None],
        lambda x: x.double().exp(),
        lambda x: x[:, x[0].abs().argsort()],
        lambda x: x.cumsum(1),
    ],
    ids=["eigenvalues", "float64", "data-dependent", "cumsum"],
)
def test_an_unknown_operation_is_one_message(function):
    class Unknown(nn.Module):
        def forward(self, x):
            return function(x)

    with raises_code("not-exportable"):
        lower(Wrapped(Unknown()).eval(), (torch.ones(1, 4),))


@pytest.mark.parametrize(
    "move",
    [
        lambda x: x.permute(2, 0, 1),
        lambda x: x.flip(0, 2)[:, 1:, ::2],
        lambda x: x.expand(3, 2, 4, 5).roll(2, 3),
        lambda x: functional.pad(x, (2, 1, 0, 3)),
        lambda x: functional.pad(x, (-1, 2)).flip(2),
        lambda x: x[:, [3, 0, 0, 2]],
        lambda x: x[:, :0],
    ],
)
def test_tables_describe_regular_movements(move):
    places = torch.arange(1, 41, dtype=torch.float64).reshape(2, 4, 5)
    index = move(places).long() - 1
    assert torch.equal(gather_index(tuple(index.shape), *gather_tables(index)), index)


class Wrapped(nn.Module):
    """A module whose output is the only element of a tuple."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return (self.inner(x),)
