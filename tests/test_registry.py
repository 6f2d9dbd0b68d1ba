"""Components are registered and looked up by name, and user files are imported once."""

from dataclasses import dataclass

import pytest

from latentarium import registry
from latentarium.config import (
    NAMED_COMPONENTS,
    Config,
    PriorConfig,
    component_files,
    from_dict,
    to_dict,
)
from latentarium.presets import vae_debug
from support.errors import raises_code
from support.own_components import component_file


@pytest.fixture
def own_prior(tmp_path):
    with component_file("prior", tmp_path, "own_prior_registry") as path:
        yield path


@pytest.mark.parametrize("kind", ["family", "trunk", "preset", *NAMED_COMPONENTS.values()])
def test_each_kind_has_built_in_components(kind):
    entries = registry.registered(kind)
    assert entries
    for name, entry in entries.items():
        assert registry.component(kind, name) is entry.component
        assert registry.source_file(kind, name) is None


def test_an_unknown_name_is_an_error():
    with raises_code("unknown-component") as caught:
        registry.component("trunk", "cnv")
    assert "conv" in str(caught.value)
    with raises_code("unknown-component"):
        registry.settings_type("family", "vae")


def test_a_name_that_another_module_registered_is_refused():
    with raises_code("name-taken"):
        registry.register("trunk", "conv")(object)


def test_settings_must_be_a_frozen_dataclass():
    @dataclass
    class Mutable:
        kind: str = "mutable"

    with raises_code("invalid-settings"):
        registry.register("prior", "mutable", settings=Mutable)


def test_an_imported_component_is_used_and_its_file_recorded(own_prior):
    module = registry.import_file(own_prior)
    assert registry.import_file(own_prior) is module
    settings = registry.settings_type("prior", own_prior.stem)
    assert settings is not None
    assert issubclass(settings, PriorConfig)
    values = to_dict(vae_debug())
    values["model"]["prior"] = {"kind": own_prior.stem, "shift": 2.0}
    config = from_dict(Config, values)
    assert to_dict(config) == values
    assert component_files(config.model) == (str(own_prior),)
    assert component_files(vae_debug().model) == ()


def test_a_configuration_with_an_unknown_component_is_an_error():
    values = to_dict(vae_debug())
    values["model"]["prior"] = {"kind": "not_there"}
    with raises_code("unknown-component"):
        from_dict(Config, values)


def test_a_file_that_cannot_be_imported_is_an_error_and_can_be_corrected(tmp_path):
    with raises_code("no-such-file"):
        registry.import_file(tmp_path / "missing.py")
    broken = tmp_path / "broken.py"
    broken.write_text("import no_such_module_anywhere")
    with raises_code("import-failed"):
        registry.import_file(broken)
    broken.write_text("value = 1")
    assert registry.import_file(broken).value == 1
