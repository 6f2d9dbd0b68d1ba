"""Imports go one way, without circles, and the command line starts without torch."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "src" / "latentarium"
ORDER = [
    "texts",
    "errors",
    "arguments unchecked",
    "registry",
    "shapes",
    "config",
    "memory files rng tables terminal machine cached parent warning_filter",
    "locks progress workers",
    "stats",
    "distributions nn optimizers",
    "data",
    "objectives",
    "image_files",
    "charts",
    "point_plot",
    "models",
    "presets",
    "classifier",
    "metrics",
    "run",
    "latent",
    "training",
    "evaluation",
    "estimators",
    "diagnostics",
    "bench",
    "export",
    "tour",
    "studio",
    "cli",
    "__main__",
]
"""The packages and modules of latentarium, lowest first. Each imports only from lower lines."""
STUDIO_ORDER = [
    "errors",
    "protocol redact",
    "priority_lock",
    "limiter",
    "process_ids",
    "child_processes",
    "deployment",
    "security",
    "responses",
    "preparation",
    "loaded_model",
    "registry",
    "lab",
    "samples query",
    "compare",
    "training",
    "services",
    "routes",
    "server",
    "serve",
]
"""The same inside latentarium.studio."""
QUICK = "cli presets config registry progress errors arguments files"
"""Modules that must not import torch, so that `--help` is quick."""


def levels(order: list[str]) -> dict[str, int]:
    return {name: level for level, names in enumerate(order) for name in names.split()}


def modules(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*.py") if p != folder / "__init__.py")


def imported_modules(path: Path, package: str, folder: Path) -> set[str]:
    """Return the first-level members of a package that a file imports."""
    members = {p.stem if p.suffix else p.name for p in folder.iterdir()}
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: imports are absolute"
            module = node.module or ""
            if module == package:
                names |= {alias.name for alias in node.names if alias.name in members}
            elif module.startswith(f"{package}."):
                names.add(module.removeprefix(f"{package}.").split(".")[0])
        elif isinstance(node, ast.Import):
            names |= {
                alias.name.removeprefix(f"{package}.").split(".")[0]
                for alias in node.names
                if alias.name.startswith(f"{package}.")
            }
    return names


def violations(folder: Path, package: str, order: list[str]) -> list[str]:
    """Return all imports that go up, sideways, or to a module without a place in the order."""
    level, wrong = levels(order), []
    for path in modules(folder):
        here = path.relative_to(folder).parts[0].removesuffix(".py")
        if here not in level:
            wrong.append(f"{here} has no place in the order")
            continue
        for other in imported_modules(path, package, folder) - {here}:
            if other not in level:
                wrong.append(f"{path}: {other} has no place in the order")
            elif level[other] >= level[here]:
                wrong.append(f"{path.relative_to(folder)} imports {other}")
    return wrong


def test_imports_go_down_only():
    assert violations(PACKAGE, "latentarium", ORDER) == []


def test_imports_inside_the_studio_go_down_only():
    assert violations(PACKAGE / "studio", "latentarium.studio", STUDIO_ORDER) == []


def test_modules_of_a_package_have_no_import_circles():
    """Within each package too, the graph of imports at module level is acyclic."""
    graph = {name_of(path): module_imports(path) for path in modules(PACKAGE)}
    finished: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, f"circle: {' -> '.join([*trail[trail.index(name) :], name])}"
        if name in finished or name not in graph:
            return
        for other in graph[name]:
            visit(other, (*trail, name))
        finished.add(name)

    for name in graph:
        visit(name, ())


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def module_imports(path: Path) -> set[str]:
    """Return the modules of latentarium that a file imports when it is imported itself."""
    names: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("latentarium."):
            for alias in node.names:
                submodule = PACKAGE.parent / (node.module or "").replace(".", "/") / alias.name
                is_module = submodule.with_suffix(".py").exists()
                names.add(f"{node.module}.{alias.name}" if is_module else node.module or "")
    return names - {name_of(path)}


def test_a_forbidden_import_is_found(tmp_path):
    """Show that the tests above can fail."""
    (tmp_path / "low.py").write_text("from pkg import high\n")
    (tmp_path / "high.py").write_text("import pkg.low\n")
    assert violations(tmp_path, "pkg", ["low", "high"]) == ["low.py imports high"]


def test_the_documented_order_is_the_tested_one():
    text = (PACKAGE.parent.parent / "docs" / "architecture.md").read_text()
    for names in ORDER:
        line = ", ".join(names.split())
        assert line in text, f"docs/architecture.md does not list: {line}"


@pytest.mark.parametrize("path", modules(PACKAGE), ids=name_of)
def test_every_module_has_a_docstring(path):
    text = path.read_text()
    assert not text.strip() or ast.get_docstring(ast.parse(text))


def test_the_command_line_starts_without_torch():
    names = ", ".join(f"latentarium.{name}" for name in QUICK.split())
    code = f"import sys, {names}; assert 'torch' not in sys.modules, 'torch is imported'"
    subprocess.run([sys.executable, "-c", code], check=True)
