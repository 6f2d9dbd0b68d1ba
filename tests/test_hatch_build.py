"""The hook that builds the page."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

HOOK = Path(__file__).parents[1] / "hatch_build.py"


def test_the_modules_of_another_clone_are_left_alone(tmp_path, monkeypatch):
    interface = ModuleType("interface")
    interface.BuildHookInterface = type("Interface", (), {"root": str(tmp_path)})  # type: ignore
    for name in ("", ".builders", ".builders.hooks", ".builders.hooks.plugin"):
        monkeypatch.setitem(sys.modules, f"hatchling{name}", ModuleType("part"))
    monkeypatch.setitem(sys.modules, "hatchling.builders.hooks.plugin.interface", interface)
    spec = importlib.util.spec_from_file_location("hatch_build", HOOK)
    assert spec is not None
    assert spec.loader is not None
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)
    other = tmp_path / "other"
    other.mkdir()
    (tmp_path / "studio").mkdir()
    link = tmp_path / "studio" / "node_modules"
    link.symlink_to(other)
    seen = []
    monkeypatch.setattr(hook, "run_npm", lambda *_: seen.append(link.exists()))
    page = hook.PageHook()
    with pytest.raises(RuntimeError, match="not there"):
        page.initialize("standard", {"artifacts": []})
    assert seen == [False, False]
    assert other.is_dir()
