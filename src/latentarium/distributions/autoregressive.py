"""The inverse of masked autoregressive flows, at the cost of a single pass of their networks.

Each value of x is a function of y and of the values before it. The library zuko evaluates the
whole network once for each value. But a unit of a masked network only depends on the values up to
some position, so here each unit is computed once, as soon as these values are known.

References:
    MADE: masked autoencoder for distribution estimation (Germain et al., 2015),
    https://arxiv.org/abs/1502.03509
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from latentarium.shapes import Latents

if TYPE_CHECKING:
    from zuko.flows import MaskedAutoregressiveTransform


@torch.no_grad()
def invert_autoregressive(transform: nn.Module, y: Latents) -> Latents:
    """Return the x that the transform maps to y.

    Arguments:
        transform: A composition of zuko's masked autoregressive transforms.
        y: The values.
    """
    from zuko.flows import MaskedAutoregressiveTransform

    for part in reversed(cast(Any, transform).transforms):
        is_masked = isinstance(part, MaskedAutoregressiveTransform)
        y = _invert_masked(part, y) if is_masked else part().inv(y)
    return y


def _invert_masked(transform: "MaskedAutoregressiveTransform", y: Latents) -> Latents:
    """Invert a single transform with a masked network."""
    from zuko.utils import unpack

    order = cast(Tensor, transform.order)
    rows, sizes = order.argsort(stable=True), order.bincount(minlength=transform.passes).tolist()
    given = y.T[rows]
    x = torch.zeros_like(given)
    layers = _layers(transform, x, rows)
    for position, (target, source) in enumerate(
        zip(x.split(sizes), given.split(sizes), strict=True)
    ):
        for layer in layers:
            layer.compute(position)
        outputs = layers[-1].units[position].unflatten(0, (len(target), -1)).permute(2, 0, 1)
        univariate = transform.univariate(*unpack(outputs, transform.shapes))
        target.copy_(cast(Tensor, univariate.inv(source.T)).T)
    return x[rows.argsort()].T.contiguous()


@dataclass(frozen=True)
class _Layer:
    """A masked linear layer, whose units are grouped by the position at which their values are
    known.

    Arguments:
        weight: The weights of each group, 0 where they are masked.
        bias: The biases of each group.
        activation: The function of the result; the identity for the last layer.
        inputs: The values of the layer before (units, N).
        units: The values of each group.
    """

    weight: Sequence[Tensor]
    bias: Sequence[Tensor]
    activation: nn.Module
    inputs: Tensor
    units: Sequence[Tensor]

    def compute(self, position: int) -> None:
        """Compute the values of a group."""
        linear = torch.addmm(self.bias[position], self.weight[position], self.inputs)
        self.units[position].copy_(self.activation(linear))


def _layers(
    transform: "MaskedAutoregressiveTransform", x: Tensor, columns: Tensor
) -> list[_Layer]:
    """Return the layers of a transform's network.

    Arguments:
        transform: The transform.
        x: The input (Z, N), sorted by its order.
        columns: The number of each row of x before it was sorted.
    """
    modules = list(transform.hyper)
    linear = cast(list[Any], modules[::2])
    activations = [*modules[1::2], nn.Identity()]
    order, inputs, layers = cast(Tensor, transform.order), x, []
    known = order + 1
    for layer, activation in zip(linear, activations, strict=True):
        known = (
            order.repeat_interleave(transform.total)  # the position that needs these outputs
            if layer is linear[-1]
            else torch.where(layer.mask, known, 0).amax(1)
        )
        rows, sizes = known.argsort(stable=True), known.bincount(minlength=transform.passes)
        weight = (layer.weight * layer.mask)[rows][:, columns].split(sizes.tolist())
        bias = layer.bias[rows, None].split(sizes.tolist())
        values = x.new_zeros(len(rows), x.shape[1])
        layers.append(_Layer(weight, bias, activation, inputs, values.split(sizes.tolist())))
        inputs, columns = values, rows
    return layers
