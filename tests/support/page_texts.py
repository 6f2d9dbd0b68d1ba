"""The texts that the server may send to the page, read from the source code."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from latentarium.data.readers.left_out import singular

SOURCES = Path(__file__).parents[2] / "src" / "latentarium"
MESSAGES = {
    "UserError": 0, "NotFoundError": 0, "TableError": 0, "BrokenImageError": 0,
    "NonFiniteError": 0, "ValueError": 0, "error_to_json": 0, "error_response": 0,
    "format_error": 1, "require": 1,
}  # fmt: skip
"""The position of the message among the arguments of exceptions and functions."""
SHOWN = (
    "config", "data/readers", "studio", "data/arrays.py", "data/batches.py", "data/check.py",
    "data/deep_images.py", "data/image_decoding.py", "data/preparation.py", "data/resize.py",
    "data/upload_limits.py", "presets/__init__.py", "presets/fit.py", "training/rehearsal.py",
)  # fmt: skip
"""Folders and modules whose errors the page shows, unless a module is in `NOT_SHOWN`."""
NOT_SHOWN = {
    "data/readers/amat.py", "data/readers/hugging_face.py", "data/readers/idx.py",
    "data/readers/label_rows.py", "data/readers/npy.py", "data/readers/npz.py",
    "data/readers/parquet.py", "data/readers/shards.py", "data/readers/shard_keys.py",
    "config/serialization.py", "studio/deployment.py", "studio/serve.py",
}  # fmt: skip
"""Readers of sources that can't be uploaded, and errors before the server starts."""


class Message(NamedTuple):
    """A message in the source code."""

    place: str
    templates: tuple[str, ...]
    """The templates that it may be made from; empty for an expression such as an f-string."""
    is_expression: bool


def templates() -> set[str]:
    """Return the templates of all texts that the page may show."""
    found = {template for message in texts() for template in message.templates}
    found |= {str(singular(template)) for template in _reasons()}
    return found | {template for message in errors() for template in message.templates}


def texts() -> Iterator[Message]:
    """Yield all calls of `Text`."""
    for path in SOURCES.rglob("*.py"):
        if "from latentarium.texts import" not in path.read_text() and path.stem != "texts":
            continue
        for call in _calls(path):
            if _name(call) == "Text" and call.args:
                yield _message(path, call, call.args[0])


def errors() -> Iterator[Message]:
    """Yield all errors with a message in the modules whose errors the page shows."""
    for folder in SHOWN:
        for path in _shown_modules(folder):
            for call in _calls(path):
                position = MESSAGES.get(_name(call), len(call.args))
                if position < len(call.args):
                    yield _message(path, call, call.args[position])


def _reasons() -> Iterator[str]:
    """Yield the templates of the reasons of files that are left out."""
    for path in _shown_modules("data/readers"):
        for call in _calls(path):
            if ast.unparse(call.func).endswith("left_out.add"):
                yield from _constants(call.args[0])
    for call in _calls(SOURCES / "data" / "readers" / "listing.py"):
        if _name(call) == "Text":
            yield from _constants(call.args[0])


def _shown_modules(folder: str) -> list[Path]:
    path = SOURCES / folder
    modules = path.rglob("*.py") if path.is_dir() else [path]
    return [m for m in modules if m.relative_to(SOURCES).as_posix() not in NOT_SHOWN]


def _calls(path: Path) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield node


def _name(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _message(path: Path, call: ast.Call, argument: ast.expr) -> Message:
    place = f"{path.relative_to(SOURCES)}:{call.lineno}"
    return Message(place, tuple(_constants(argument)), isinstance(argument, ast.JoinedStr))


def _constants(node: ast.expr) -> Iterator[str]:
    """Yield the strings that an expression may be; none if it is computed."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _constants(node.body)
        yield from _constants(node.orelse)
    elif isinstance(node, ast.Call) and _name(node) == "Text" and node.args:
        yield from _constants(node.args[0])
