"""Imports go one way, and what must be quick imports no torch."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "src" / "latentarium"
ORDER = [
    ["errors"],
    ["shapes"],
    ["config"],
    ["memory", "files", "rng", "tables", "machine", "cached"],
    ["progress"],
    ["distributions", "nn", "stats"],
    ["data"],
    ["objectives"],
    ["image_files", "charts"],
    ["models"],
    ["presets"],
    ["classifier"],
    ["metrics"],
    ["run"],
    ["latent"],
    ["training"],
    ["evaluation"],
    ["diagnostics"],
    ["bench"],
    ["tour"],
    ["studio"],
    ["cli"],
    ["__main__"],
]
LEVEL = {room: level for level, rooms in enumerate(ORDER) for room in rooms}


def modules():
    return sorted(p for p in PACKAGE.rglob("*.py") if p != PACKAGE / "__init__.py")


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def is_room(name: str) -> bool:
    return name in LEVEL or any((PACKAGE / end).exists() for end in (name, f"{name}.py"))


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        assert not (isinstance(node, ast.ImportFrom) and node.level), "imports are absolute"
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("latentarium."):
            found.add((node.module or "").split(".")[1])
        elif isinstance(node, ast.ImportFrom) and node.module == "latentarium":
            found |= {a.name for a in node.names if is_room(a.name)}
        elif isinstance(node, ast.Import):
            found |= {
                a.name.split(".")[1] for a in node.names if a.name.startswith("latentarium.")
            }
    return found


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_only_go_down(path):
    here = room(path)
    assert here in LEVEL, f"{here} has no place in the order"
    for other in imported(path):
        allowed = LEVEL[other] < LEVEL[here] or other == here or same_level(here, other)
        assert allowed, f"{path.name} in {here} must not import {other}"


def same_level(here: str, other: str) -> bool:
    """The only two rooms of one level that lean on each other."""
    return {here, other} == {"latent", "metrics"}


def test_the_order_is_the_documented_one():
    text = (PACKAGE.parent.parent / "docs" / "architecture.md").read_text()
    for rooms in ORDER:
        assert ", ".join(rooms) in text, f"docs/architecture.md does not show {rooms}"


def test_every_module_says_what_it_is():
    for path in modules():
        if path.name != "__init__.py":
            assert ast.get_docstring(ast.parse(path.read_text())), path


def test_the_command_line_starts_without_torch():
    code = (
        "import sys, latentarium.cli, latentarium.presets, latentarium.progress;"
        "assert 'torch' not in sys.modules, 'torch is imported'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
