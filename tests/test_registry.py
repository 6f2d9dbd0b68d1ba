"""Components are registered and found by name, and user files are imported once."""

from dataclasses import dataclass

import pytest

from latentarium import registry
from latentarium.config import Config, PriorConfig, component_files, from_dict, to_dict
from latentarium.presets import vae_debug
from support.errors import raises_code

OWN_PRIOR = """
from dataclasses import dataclass
import latentarium as la
from latentarium.distributions import StandardNormal

@dataclass(frozen=True, kw_only=True)
class ShiftedConfig(la.PriorConfig):
    kind: str = "{name}"
    shift: float = 0.5

@la.register("prior", "{name}", settings=ShiftedConfig)
class Shifted(StandardNormal):
    def __init__(self, latent_dim, num_classes, settings):
        super().__init__(latent_dim)
        self.shift = settings.shift
"""


@pytest.fixture
def own_prior(tmp_path, request):
    name = f"shifted_{abs(hash(request.node.name))}"
    path = tmp_path / "own_prior.py"
    path.write_text(OWN_PRIOR.format(name=name))
    yield name, path
    registry._entries["prior"].pop(name, None)
    registry._settings["prior"].pop(name, None)


@pytest.mark.parametrize("kind", ["family", "trunk", "prior", "adversarial_loss", "preset"])
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


def test_a_name_of_another_module_is_refused():
    with raises_code("name-taken"):
        registry.register("trunk", "conv")(object)


def test_settings_must_be_a_frozen_dataclass():
    @dataclass
    class Mutable:
        kind: str = "mutable"

    with raises_code("invalid-settings"):
        registry.register("prior", "mutable", settings=Mutable)


def test_an_imported_component_is_used_and_its_file_recorded(own_prior):
    name, path = own_prior
    module = registry.import_file(path)
    assert registry.import_file(path) is module
    settings = registry.settings_type("prior", name)
    assert settings is not None
    assert issubclass(settings, PriorConfig)
    values = to_dict(vae_debug())
    values["model"]["prior"] = {"kind": name, "shift": 2.0}
    config = from_dict(Config, values)
    assert to_dict(config) == values
    assert component_files(config.model) == (str(path),)
    assert component_files(vae_debug().model) == ()


def test_a_configuration_with_an_unknown_component_is_an_error():
    values = to_dict(vae_debug())
    values["model"]["prior"] = {"kind": "not_there"}
    with raises_code("unknown-component"):
        from_dict(Config, values)


def test_a_file_that_cannot_be_imported_is_an_error(tmp_path):
    with raises_code("no-such-file"):
        registry.import_file(tmp_path / "missing.py")
    broken = tmp_path / "broken.py"
    broken.write_text("import no_such_module_anywhere")
    with raises_code("import-failed"):
        registry.import_file(broken)
    broken.write_text("value = 1")
    assert registry.import_file(broken).value == 1
