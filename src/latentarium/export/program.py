"""A decoder as a short list of steps on arrays, which the exported page can compute.

    matmul    (..., N, K) x (..., K, M), with broadcast leading axes
    conv      two-dimensional convolution or transposed convolution, with or without bias
    map       an elementwise function of one to three arrays, which are broadcast
    gather    copy elements: the place of an output element in the input is a sum of one number
              for each of its coordinates; -1 in a table stands for the fill value
    reshape   the same elements in another shape
    cat       arrays joined along an axis
    reduce    sum, mean or maximum over axes

Values are numbered: first the inputs, then the constants, then the results of the steps. All are
float32 of fixed shapes, for one image. Steps that depend on no input are marked `constant`; the
page computes them once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True, kw_only=True)
class Step:
    """One operation."""

    op: str
    inputs: tuple[int, ...]
    """Numbers of values."""
    shape: tuple[int, ...]
    """Shape of the result."""
    constant: bool = False
    attributes: dict[str, Any] = field(default_factory=dict)
    """Further arguments, as JSON values."""

    def to_json(self) -> dict[str, Any]:
        """Return the step as JSON values."""
        mark = {"constant": True} if self.constant else {}
        fields = {"op": self.op, "inputs": list(self.inputs), "shape": list(self.shape)}
        return {**fields, **mark, **self.attributes}


@dataclass(frozen=True, kw_only=True)
class Program:
    """The steps of a decoder, with its weights."""

    inputs: tuple[tuple[int, ...], ...]
    """Shapes of the inputs: (1, Z), and (1, K) if the decoder takes a label."""
    constants: tuple[Tensor, ...]
    steps: tuple[Step, ...]
    output: int
    """Number of the value that contains the image (1, C, H, W)."""

    @property
    def num_numbers(self) -> int:
        """Number of elements of all constants."""
        return sum(constant.numel() for constant in self.constants)

    def rounded(self, dtype: torch.dtype) -> "Program":
        """Return the same steps with constants that are rounded to another type."""
        return replace(self, constants=tuple(c.to(dtype).float() for c in self.constants))

    def to_json(self) -> dict[str, Any]:
        """Return everything but the values of the constants as JSON values."""
        return {
            "inputs": [list(shape) for shape in self.inputs],
            "constants": [list(constant.shape) for constant in self.constants],
            "steps": [step.to_json() for step in self.steps],
            "output": self.output,
        }

    @torch.no_grad()
    def run(self, inputs: Sequence[Tensor]) -> Tensor:
        """Compute the images (N, C, H, W) of several rows, one after the other.

        This is the reference for the page's arithmetic.

        Arguments:
            inputs: Latents (N, Z), and labels (N, K) if the decoder takes them.
        """
        fixed: dict[int, Tensor] = dict(enumerate(self.constants, len(self.inputs)))
        images = []
        for row in zip(*(x.split(1) for x in inputs), strict=True):
            values = {**fixed, **dict(enumerate(row))}
            for number, step in enumerate(self.steps, len(self.inputs) + len(self.constants)):
                if number not in values:
                    values[number] = OPERATIONS[step.op](
                        [values[i] for i in step.inputs], step.shape, step.attributes
                    )
                    if step.constant:
                        fixed[number] = values[number]
            images.append(values[self.output])
        return torch.cat(images)


UNARY: dict[str, Callable[..., Tensor]] = {
    "identity": lambda x: x,
    "neg": torch.neg, "abs": torch.abs, "exp": torch.exp, "expm1": torch.expm1,
    "log": torch.log, "log1p": torch.log1p, "sqrt": torch.sqrt, "rsqrt": torch.rsqrt,
    "reciprocal": torch.reciprocal, "sin": torch.sin, "cos": torch.cos, "tanh": torch.tanh,
    "sigmoid": torch.sigmoid, "erf": torch.erf, "relu": torch.relu, "floor": torch.floor,
    "leaky_relu": functional.leaky_relu, "clamp": torch.clamp,
    "elu": lambda x, alpha, scale, inner: scale * torch.where(
        x > 0, x, alpha * torch.expm1(inner * x)
    ),
    "softplus": functional.softplus,
}  # fmt: skip
"""Elementwise functions of one array, with their further arguments."""
BINARY: dict[str, Callable[..., Tensor]] = {
    "add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div, "pow": torch.pow,
    "maximum": torch.maximum, "minimum": torch.minimum, "gt": torch.gt, "ge": torch.ge,
    "lt": torch.lt, "le": torch.le, "eq": torch.eq, "ne": torch.ne,
    "where": lambda condition, x, y: torch.where(condition != 0, x, y),
}  # fmt: skip
"""Elementwise functions of two or three arrays; comparisons give 1 or 0."""

Operation = Callable[[list[Tensor], tuple[int, ...], dict[str, Any]], Tensor]


def _map(x: list[Tensor], shape: tuple[int, ...], options: dict[str, Any]) -> Tensor:
    function = {**UNARY, **BINARY}[options["function"]]
    return function(*x, *options.get("arguments", ())).float().expand(shape)


def _conv(x: list[Tensor], shape: tuple[int, ...], options: dict[str, Any]) -> Tensor:
    bias = x[2] if len(x) > 2 else None
    return torch.ops.aten.convolution(
        x[0],
        x[1],
        bias,
        options["stride"],
        options["padding"],
        options["dilation"],
        options["transposed"],
        options["output_padding"],
        options["groups"],
    )


def _gather(x: list[Tensor], shape: tuple[int, ...], options: dict[str, Any]) -> Tensor:
    index = gather_index(shape, options["offset"], options["tables"])
    gathered = x[0].reshape(-1)[index.clamp_min(0)]
    return gathered.where(index >= 0, torch.tensor(float(options["fill"])))


def gather_index(shape: tuple[int, ...], offset: int, tables: list[int | list[int]]) -> Tensor:
    """Return the place in the input of each output element of a gather step, -1 for the fill.

    Arguments:
        shape: Shape of the output.
        offset: Place of the element whose coordinates are all 0.
        tables: For each axis a stride, or the number of each coordinate, -1 for the fill.
    """
    index, inside = torch.full(shape, offset), torch.ones(shape, dtype=torch.bool)
    for axis, (size, table) in enumerate(zip(shape, tables, strict=True)):
        column = torch.arange(size) * table if isinstance(table, int) else torch.tensor(table)
        column = column.view(-1, *(1,) * (len(shape) - axis - 1))
        index = index + column
        if not isinstance(table, int):
            inside = inside & (column >= 0)
    return index.where(inside, torch.tensor(-1))


def gather_tables(index: Tensor) -> tuple[int, list[int | list[int]]]:
    """Return offset and tables, as `gather_index` takes them, of a regular movement."""
    inside = (index >= 0).nonzero()
    if not len(inside):
        return 0, [[-1] * size for size in index.shape]
    first = inside[0].tolist()
    offset = start = int(index[tuple(first)])
    tables: list[int | list[int]] = []
    for axis in range(index.ndim):
        line = index[(*first[:axis], slice(None), *first[axis + 1 :])].tolist()
        lowest = min(place for place in line if place >= 0)
        table = [place - lowest if place >= 0 else -1 for place in line]
        offset += lowest - start
        stride = table[1] if len(table) > 1 else 0
        regular = stride >= 0 and table == [stride * k for k in range(len(table))]
        tables.append(stride if regular else table)
    return offset, tables


def _reduce(x: list[Tensor], shape: tuple[int, ...], options: dict[str, Any]) -> Tensor:
    function = {"sum": torch.sum, "mean": torch.mean, "max": torch.amax}[options["function"]]
    return function(x[0], dim=options["axes"]).reshape(shape)


OPERATIONS: dict[str, Operation] = {
    "matmul": lambda x, shape, options: torch.matmul(x[0], x[1]),
    "conv": _conv,
    "map": _map,
    "gather": _gather,
    "reshape": lambda x, shape, options: x[0].reshape(shape),
    "cat": lambda x, shape, options: torch.cat(x, options["axis"]),
    "reduce": _reduce,
}
