"""Record a network as a graph of ATen operations, and read the nodes of the graph."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch._decomp import get_decompositions

from latentarium.errors import UserError
from latentarium.warning_filter import ignore_warnings

aten = torch.ops.aten
DECOMPOSED = (
    aten.native_layer_norm, aten.native_group_norm, aten._softmax, aten.var_mean, aten.gelu,
    aten.silu, aten.upsample_bilinear2d, aten.upsample_bicubic2d,
)  # fmt: skip
KEPT = (aten.leaky_relu.default, aten.elu.default, aten.softplus.default)
"""Operations that torch would decompose into several."""


def record(network: nn.Module, inputs: Sequence[Tensor]) -> torch.export.ExportedProgram:
    """Return the graph of a network, for inputs of the given shapes.

    Raises:
        UserError: The network can't be recorded (code "not-exportable").
    """
    with ignore_warnings(), torch.no_grad():  # of torch's own code
        try:
            program = torch.export.export(network, tuple(inputs), strict=False)
            table = torch.export.default_decompositions()
            table.update(get_decompositions(DECOMPOSED))
            for operation in KEPT:
                table.pop(operation, None)
            return program.run_decompositions(table)
        except Exception as error:  # the exporter raises errors of many types
            reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
            raise not_exportable(reason[:200]) from error


def not_exportable(reason: str) -> UserError:
    """Return the error for a decoder that a page can't compute."""
    return UserError(
        f"A page can't compute this decoder ({reason}): use --onnx in place of --html, or build "
        "the decoder from convolutions, dense layers and elementwise functions.",
        code="not-exportable",
    )


def unknown_operation(node: fx.Node) -> UserError:
    """Return the error for an operation that the page lacks."""
    return not_exportable(f"its operation {operation_name(node)} is unknown to the page")


def operation_name(node: fx.Node) -> str:
    """Return the name of an operation, such as "add"."""
    schema = getattr(node.target, "_schema", None)
    return getattr(node.target, "__name__", "") if schema is None else schema.name.split("::")[1]


def all_arguments(node: fx.Node) -> list[Any]:
    """Return all arguments of an ATen operation in order, with defaults for those not given."""
    target: Any = node.target
    given = dict(enumerate(node.args))
    return [
        given.get(k, node.kwargs.get(argument.name, argument.default_value))
        for k, argument in enumerate(target._schema.arguments)
    ]


def example(value: Any) -> Tensor:  # noqa: ANN401
    """Return the recorded example of a node's value, whose shape and type are right."""
    return value.meta["val"]
