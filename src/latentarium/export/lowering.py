"""Convert a decoder to a `Program`.

`torch.export` records the decoder as a graph of ATen operations, whatever modules it is made of.
What depends on no input is computed here, unless the result would be larger than the weights that
it is computed from. Operations that only move elements (permute, slice, pad, index and so on) are
applied to the places of the elements, which gives the tables of a gather step.

References:
    https://docs.pytorch.org/docs/stable/export.html
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn

from latentarium.export.graph import (
    all_arguments,
    example,
    not_exportable,
    operation_name,
    record,
    unknown_operation,
)
from latentarium.export.program import BINARY, UNARY, Program, Step, gather_index, gather_tables

MOVES = {
    "permute", "transpose", "t", "expand", "slice", "select", "flip", "constant_pad_nd",
    "replication_pad1d", "replication_pad2d", "reflection_pad1d", "reflection_pad2d", "index",
    "_unsafe_index", "index_select", "repeat", "roll", "split_with_sizes", "split", "unbind",
    "broadcast_in_dim", "chunk", "upsample_nearest1d", "upsample_nearest2d", "getitem", "unfold",
    "narrow", "diagonal", "as_strided",
}  # fmt: skip
"""Operations that only move elements."""
RESHAPES = {
    "view", "_unsafe_view", "reshape", "unsqueeze", "squeeze", "clone", "alias", "detach",
    "_to_copy", "convert_element_type", "contiguous", "lift_fresh_copy",
}  # fmt: skip
"""Operations after which the elements are the same, in the same order."""
REDUCTIONS = {"sum": "sum", "mean": "mean", "amax": "max", "any": "max"}
BATCH_NORM = "_native_batch_norm_legit_no_training"
LARGEST = 3.4028234663852886e38
"""The largest float32, a limit of clamping that changes nothing."""


def lower(network: nn.Module, inputs: Sequence[Tensor]) -> Program:
    """Return the program of a network that returns a tuple of one tensor.

    Arguments:
        network: The network in evaluation mode.
        inputs: Example inputs of one row.

    Raises:
        UserError: The network can't be recorded, or a program has no such operation (code
            "not-exportable").
    """
    with torch.no_grad():
        return _Lowering(record(network, inputs)).lower()


class _Lowering:
    """Converts one recorded graph."""

    def __init__(self, program: torch.export.ExportedProgram) -> None:
        self.graph: fx.Graph = program.graph
        signature = program.graph_signature
        tensors: dict[str, Any] = {**program.state_dict, **program.constants}
        lifted = {
            **signature.inputs_to_parameters,
            **signature.inputs_to_buffers,
            **signature.inputs_to_lifted_tensor_constants,
        }
        self.known: dict[fx.Node, Any] = {}
        """Values of nodes that depend on no input."""
        self.sources: dict[fx.Node, frozenset[fx.Node]] = {}
        """The weights that each of these was computed from."""
        self.inputs: list[fx.Node] = []
        for node in self.graph.nodes:
            if node.op == "placeholder" and node.target in lifted:
                self.known[node] = tensors[lifted[node.target]].detach()
                self.sources[node] = frozenset([node])
            elif node.op == "placeholder":
                self.inputs.append(node)
        self.names: dict[fx.Node, str] = {node: f"i{k}" for k, node in enumerate(self.inputs)}
        self.constants: dict[str, Tensor] = {}
        self.steps: dict[str, tuple[str, tuple[str, ...], tuple[int, ...], bool, dict]] = {}

    def lower(self) -> Program:
        """Return the program."""
        self._compute_constants()
        outputs = next(node for node in self.graph.nodes if node.op == "output").args[0]
        if len(outputs) != 1:
            raise not_exportable("it changes its buffers, or returns several tensors")
        output = outputs[0]
        needed = self._needed(output)
        for node in self.graph.nodes:
            if node in needed and isinstance(node.meta.get("val"), Tensor):
                self._emit(node)
        used = {i for step in self.steps.values() for i in step[1]} | {self.names[output]}
        constants = {name: value for name, value in self.constants.items() if name in used}
        inputs = [f"i{k}" for k in range(len(self.inputs))]
        numbers = {name: k for k, name in enumerate([*inputs, *constants, *self.steps])}
        return Program(
            inputs=tuple(tuple(example(node).shape) for node in self.inputs),
            constants=tuple(constants.values()),
            steps=tuple(
                Step(
                    op=op,
                    inputs=tuple(numbers[i] for i in inputs),
                    shape=shape,
                    constant=constant,
                    attributes=attributes,
                )
                for op, inputs, shape, constant, attributes in self.steps.values()
            ),
            output=numbers[self.names[output]],
        )

    def _needed(self, output: fx.Node) -> set[fx.Node]:
        """Return the nodes from which a node is computed. The graph may be too deep to recurse."""
        needed, waiting = set(), [output]
        while waiting:
            node = waiting.pop()
            if node not in needed:
                needed.add(node)
                waiting += [] if self._is_embedded(node) else node.all_input_nodes
        return needed

    def _is_embedded(self, node: fx.Node) -> bool:
        """Return whether the value of a node is a constant of the program."""
        value = self.known.get(node)
        if not isinstance(value, Tensor):
            return False
        return value.numel() <= sum(self.known[source].numel() for source in self.sources[node])

    def _compute_constants(self) -> None:
        for node in self.graph.nodes:
            if node.op != "call_function":
                continue
            if operation_name(node) == "full_like":  # depends on the shape of its input only
                self.known[node] = torch.full(example(node).shape, float(all_arguments(node)[1]))
                self.sources[node] = frozenset([node])
            elif all(n in self.known for n in node.all_input_nodes):
                arguments = fx.map_arg((node.args, node.kwargs), self.known.__getitem__)
                self.known[node] = node.target(*arguments[0], **arguments[1])
                parts = [self.sources[n] for n in node.all_input_nodes]
                self.sources[node] = frozenset().union(*parts) or frozenset([node])

    # ---------------------------------------------------------------------------------- one value

    def _emit(self, node: fx.Node) -> str:
        """Add the step or the constant of a node, unless it exists, and return its name."""
        if node not in self.names:
            embedded = self._is_embedded(node)
            name = self._constant(self.known[node]) if embedded else self._operation(node)
            self.names[node] = name
        return self.names[node]

    def _constant(self, value: Tensor) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = value.float().contiguous()
        return name

    def _step(
        self, op: str, inputs: Sequence[str], shape: Sequence[int], **attributes: object
    ) -> str:
        name = f"s{len(self.steps)}"
        fixed = all(i in self.constants or (i in self.steps and self.steps[i][3]) for i in inputs)
        self.steps[name] = (op, tuple(inputs), tuple(shape), fixed, attributes)
        return name

    def _argument(self, value: object) -> str:
        """Return the name of an operand, which may be a number."""
        if isinstance(value, fx.Node):
            return self._emit(value)
        return self._constant(torch.tensor(float(value)))  # pyright: ignore[reportArgumentType]

    def _operation(self, node: fx.Node) -> str:
        name, shape = operation_name(node), tuple(example(node).shape)
        dtype = example(node).dtype
        if dtype.is_floating_point and dtype != torch.float32:
            raise not_exportable(f"its operation {name} has the type {dtype}")
        source = node.args[0]
        if isinstance(source, fx.Node) and operation_name(source) == BATCH_NORM:
            return self._batch_norm(source, shape)
        if name in MOVES:
            return self._move(node)
        arguments = all_arguments(node)
        if name in RESHAPES:
            return self._step("reshape", [self._argument(arguments[0])], shape)
        if name in UNARY or name == "hardtanh":
            return self._unary("clamp" if name == "hardtanh" else name, arguments, shape)
        if name in (*BINARY, "rsub"):
            return self._binary(name, node, arguments, shape)
        if name in ("mm", "bmm"):
            return self._step("matmul", [self._argument(a) for a in arguments], shape)
        if name == "addmm" and arguments[3:] == [1, 1]:
            product = self._step("matmul", [self._argument(a) for a in arguments[1:3]], shape)
            bias = self._argument(arguments[0])
            return self._step("map", [product, bias], shape, function="add")
        if name == "convolution":
            return self._convolution(arguments, shape)
        if name == "cat":
            parts = [self._argument(a) for a in arguments[0]]
            return self._step("cat", parts, shape, axis=arguments[1] % len(shape))
        if name in REDUCTIONS:
            return self._reduction(REDUCTIONS[name], arguments, shape)
        if name == "logical_not":
            operands = [self._argument(arguments[0]), self._argument(0)]
            return self._step("map", operands, shape, function="eq")
        if name == "var":
            return self._variance(arguments, shape)
        raise unknown_operation(node)

    def _unary(self, function: str, arguments: list[Any], shape: tuple[int, ...]) -> str:
        further = arguments[1:]
        if function == "clamp":
            limits = (-LARGEST, LARGEST)
            further = [limit if a is None else a for a, limit in zip(further, limits, strict=True)]
        if not all(isinstance(a, int | float) for a in further):
            raise not_exportable(f"an argument of its operation {function} is not a number")
        return self._step(
            "map", [self._argument(arguments[0])], shape, function=function,
            arguments=[float(a) for a in further],
        )  # fmt: skip

    def _binary(
        self, function: str, node: fx.Node, arguments: list[Any], shape: tuple[int, ...]
    ) -> str:
        if node.kwargs.get("rounding_mode") is not None:
            raise not_exportable(f"its operation {function} rounds")
        count = 3 if function == "where" else 2
        operands = [self._argument(a) for a in arguments[:count]]
        alpha = arguments[2] if function in ("add", "sub", "rsub") else 1
        if alpha != 1:
            scaled = arguments[1]
            other = tuple(example(scaled).shape) if isinstance(scaled, fx.Node) else ()
            factor = self._argument(alpha)
            operands[1] = self._step("map", [operands[1], factor], other, function="mul")
        if function == "rsub":
            function, operands = "sub", operands[::-1]
        return self._step("map", operands, shape, function=function)

    def _convolution(self, arguments: list[Any], shape: tuple[int, ...]) -> str:
        if len(shape) != 4:
            raise not_exportable(f"it has a convolution of {len(shape) - 2} dimensions")
        names = ("stride", "padding", "dilation", "transposed", "output_padding", "groups")
        options = dict(zip(names, arguments[3:], strict=True))
        operands = [self._argument(a) for a in arguments[:3] if a is not None]
        return self._step("conv", operands, shape, **options)

    def _batch_norm(self, node: fx.Node, shape: tuple[int, ...]) -> str:
        """Add the steps x * scale + shift, whose numbers are known."""
        x, *statistics, _, epsilon = all_arguments(node)
        if any(n is not None and n not in self.known for n in statistics):
            raise not_exportable("its batch normalization depends on its input")
        weight, bias, mean, variance = (None if n is None else self.known[n] for n in statistics)
        scale = (variance + epsilon).rsqrt() * (1.0 if weight is None else weight)
        shift = (0.0 if bias is None else bias) - mean * scale
        axes = (-1, *(1,) * (len(shape) - 2))
        factors = [self._constant(scale.view(axes)), self._constant(shift.view(axes))]
        product = self._step("map", [self._argument(x), factors[0]], shape, function="mul")
        return self._step("map", [product, factors[1]], shape, function="add")

    def _reduction(self, function: str, arguments: list[Any], shape: tuple[int, ...]) -> str:
        rank = example(arguments[0]).ndim
        given = arguments[1] if len(arguments) > 1 and arguments[1] else range(rank)
        axes = sorted(axis % rank for axis in ([given] if isinstance(given, int) else given))
        operand = self._argument(arguments[0])
        return self._step("reduce", [operand], shape, function=function, axes=axes)

    def _variance(self, arguments: list[Any], shape: tuple[int, ...]) -> str:
        full = tuple(example(arguments[0]).shape)
        axes = [axis % len(full) for axis in arguments[1] or range(len(full))]
        kept = tuple(1 if axis in axes else size for axis, size in enumerate(full))
        n = math.prod(full[axis] for axis in axes)
        correction = 1 if arguments[2] is None else arguments[2]
        x = self._argument(arguments[0])
        mean = self._step("reduce", [x], kept, function="mean", axes=axes)
        deviation = self._step("map", [x, mean], full, function="sub")
        squares = self._step("map", [deviation, deviation], full, function="mul")
        variance = self._step("reduce", [squares], shape, function="mean", axes=axes)
        factor = self._argument(n / max(n - correction, 1e-30))
        return self._step("map", [variance, factor], shape, function="mul")

    # ---------------------------------------------------------------------------------- movements

    def _move(self, node: fx.Node) -> str:
        source, move = self._movement(node)
        shape = example(source).shape
        # float64, since some operations take no integers
        places = torch.arange(1, math.prod(shape) + 1, dtype=torch.float64).reshape(shape)
        index = move(places).long() - 1
        fill = 0.0
        if operation_name(node) == "constant_pad_nd":
            fill = float(all_arguments(node)[2])
        offset, tables = gather_tables(index)
        if not torch.equal(gather_index(tuple(index.shape), offset, tables), index):
            raise not_exportable(
                f"its operation {operation_name(node)} moves elements irregularly"
            )
        return self._step(
            "gather", [self._argument(source)], index.shape, offset=offset, tables=tables,
            fill=fill,
        )  # fmt: skip

    def _movement(self, node: fx.Node) -> tuple[fx.Node, Callable[[Tensor], Tensor]]:
        """Return the input of an operation that moves elements, and the operation as a function.

        Numbers that are filled in by padding become 0.
        """
        source, *others = node.args
        if not isinstance(source, fx.Node) or any(
            n not in self.known for n in node.all_input_nodes if n is not source
        ):
            raise not_exportable(
                f"the arguments of its operation {operation_name(node)} depend on its input"
            )
        others, kwargs = fx.map_arg((others, node.kwargs), self.known.__getitem__)
        if operation_name(node) == "constant_pad_nd":
            others = others[:1]
        target: Any = node.target
        if operation_name(node) == "getitem":
            if operation_name(source) not in MOVES:
                raise unknown_operation(source)
            inner, move = self._movement(source)
            position: Any = others[0]
            return inner, lambda x: move(x)[position]
        return source, lambda x: target(x, *others, **kwargs)
