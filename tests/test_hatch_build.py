"""The build hook that builds the studio's page."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

HOOK = Path(__file__).parents[1] / "hatch_build.py"


@pytest.fixture
def hook(monkeypatch, tmp_path):
    """The module of the hook, with a stub of hatchling whose root is `tmp_path`."""
    interface = ModuleType("interface")
    interface.BuildHookInterface = type("Interface", (), {"root": str(tmp_path)})  # type: ignore
    for name in ("", ".builders", ".builders.hooks", ".builders.hooks.plugin"):
        monkeypatch.setitem(sys.modules, f"hatchling{name}", ModuleType("part"))
    monkeypatch.setitem(sys.modules, "hatchling.builders.hooks.plugin.interface", interface)
    spec = importlib.util.spec_from_file_location("hatch_build", HOOK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_linked_node_modules_of_another_clone_are_not_emptied(hook, tmp_path, monkeypatch):
    other = tmp_path / "other"
    other.mkdir()
    (tmp_path / "studio").mkdir()
    link = tmp_path / "studio" / "node_modules"
    link.symlink_to(other)
    link_exists = []
    monkeypatch.setattr(hook, "run_npm", lambda *_: link_exists.append(link.exists()))
    with pytest.raises(RuntimeError):  # npm, replaced here, has built nothing
        hook.PageHook().initialize("standard", {"artifacts": []})
    assert link_exists == [False, False]
    assert other.is_dir()


def test_both_pages_are_built_unless_both_are_there(hook, tmp_path, monkeypatch):
    sources, page = tmp_path / "studio", tmp_path / hook.PAGE
    exported = tmp_path / hook.EXPORTED_PAGE / "page.html"
    sources.mkdir()
    page.mkdir(parents=True)
    (page / "index.html").touch()
    (page / hook.STAMP_NAME).write_text(hook.fingerprint(sources))
    calls = []

    def build(command, folder):
        calls.append(command[0])
        exported.parent.mkdir(parents=True, exist_ok=True)
        exported.touch()

    monkeypatch.setattr(hook, "run_npm", build)
    for _ in range(2):  # the second time, nothing is left to do
        data = {"artifacts": []}
        hook.PageHook().initialize("standard", data)
        assert calls == ["ci", "run"]
        assert len(data["artifacts"]) == 2
