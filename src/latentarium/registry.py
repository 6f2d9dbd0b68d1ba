"""Components that are chosen by name: families, trunks, priors, likelihoods, losses, presets, ...

Each kind of component has one table. `register` adds to it, and code that needs a component looks
it up by name. The built-in components of a kind are registered when the modules that define them
are imported, which the first look-up does.

This module imports no torch, so that the command line can list settings quickly.
"""

import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, TypeVar, cast, get_args

from latentarium.errors import UserError, did_you_mean
from latentarium.texts import Text

Kind = Literal[
    "family", "trunk", "prior", "likelihood", "objective", "adversarial_loss",
    "preset", "section", "claim", "bench",
]  # fmt: skip

_HOMES: dict[str, str] = {
    "family": "latentarium.models",
    "trunk": "latentarium.nn",
    "prior": "latentarium.distributions",
    "likelihood": "latentarium.distributions",
    "objective": "latentarium.objectives",
    "adversarial_loss": "latentarium.objectives",
    "preset": "latentarium.presets",
    "section": "latentarium.evaluation.sections",
    "claim": "latentarium.tour.claims",
    "bench": "latentarium.bench.benches",
}
"""The module or package that defines the built-in components of each kind. All modules of a
package are imported, so a new file needs no further entry."""

T = TypeVar("T")


@dataclass(frozen=True)
class Entry:
    """A registered component.

    Arguments:
        component: The class or function.
        settings: The frozen dataclass that configures it; None if it has no settings.
        module: The name of the module that defines it.
    """

    component: Any
    settings: type | None
    module: str


_entries: dict[str, dict[str, Entry]] = {kind: {} for kind in get_args(Kind)}
_settings: dict[str, dict[str, type]] = {kind: {} for kind in get_args(Kind)}
_imported: dict[str, ModuleType] = {}
_discovered: set[str] = set()


def register(kind: Kind, name: str, *, settings: type | None = None) -> Callable[[T], T]:
    """Return a decorator that makes a class or function available under a name.

    ```python
    @la.register("prior", "laplace", settings=LaplaceSettings)
    class Laplace(la.Prior): ...
    ```

    Arguments:
        kind: What it is: "family" (a `LatentModel`), "trunk" (a `Trunk`), "prior" (a `Prior`),
            "likelihood" (a `Likelihood`), "objective" (an `Objective` of VAEs),
            "adversarial_loss" (an `AdversarialLoss`), "preset" (a function that returns a
            `Config`), "section" (of `evaluate`), "claim" (of the tour) or "bench".
        name: The name in configurations and on the command line.
        settings: A frozen dataclass of its settings, stored in the configuration.

    Raises:
        UserError: The kind is unknown, the name is taken by another component (code
            "name-taken"), or `settings` is not a frozen dataclass.
    """
    if kind not in _entries:
        raise UserError(
            f"kind is {kind!r}; it must be one of {', '.join(_entries)}.", code="unknown-kind"
        )
    if settings is not None:
        register_settings(kind, name, settings)

    def add(component: T) -> T:
        module = getattr(component, "__module__", "")
        known = _entries[kind].get(name)
        if known is not None and known.module != module:
            raise UserError(
                f"The {kind} '{name}' is already registered by {known.module}: choose another "
                "name.",
                code="name-taken",
            )
        _entries[kind][name] = Entry(component, _settings[kind].get(name), module)
        return component

    return add


def register_settings(kind: Kind, name: str, settings: type) -> None:
    """Declare the settings of a component without importing the component itself.

    Raises:
        UserError: `settings` is not a frozen dataclass (code "invalid-settings").
    """
    if not (is_dataclass(settings) and cast(Any, settings).__dataclass_params__.frozen):
        raise UserError(
            f"The settings of the {kind} '{name}' are {settings!r}; they must be a frozen "
            "dataclass.",
            code="invalid-settings",
        )
    _settings[kind][name] = settings


def component(kind: Kind, name: str) -> Any:  # noqa: ANN401  each kind has its own type
    """Return the component of this name.

    Raises:
        UserError: No such component is registered (code "unknown-component").
    """
    entries = registered(kind)
    if name not in entries:
        raise _unknown(kind, name, entries)
    return entries[name].component


def settings_type(kind: Kind, name: str) -> type | None:
    """Return the settings dataclass of a component; None if it has no settings.

    Raises:
        UserError: No such component is registered (code "unknown-component").
    """
    if name in _settings[kind]:
        return _settings[kind][name]
    entries = registered(kind)
    if name not in entries:
        raise _unknown(kind, name, entries)
    return entries[name].settings


def declared_settings(kind: Kind, name: str) -> type | None:
    """Return the settings dataclass of a component, without importing components; None if it has
    none or is not known yet."""
    return _settings[kind].get(name)


def registered(kind: Kind) -> dict[str, Entry]:
    """Return all components of a kind by name, the built-in ones first."""
    if kind not in _discovered:
        home = importlib.import_module(_HOMES[kind])
        for module in pkgutil.iter_modules(getattr(home, "__path__", ())):
            importlib.import_module(f"{home.__name__}.{module.name}")
        _discovered.add(kind)
    return _entries[kind]


def import_file(path: str | Path) -> ModuleType:
    """Import a Python file that registers components; a second call returns the same module.

    Raises:
        UserError: There is no such file (code "no-such-file"), or it raises an exception (code
            "import-failed").
    """
    file = Path(path).resolve()
    if str(file) in _imported:
        return _imported[str(file)]
    if not file.is_file():
        raise UserError(
            f"There is no file {path} to import: give the path of a .py file.", code="no-such-file"
        )
    name = f"latentarium_import_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise UserError(f"{path} is not a Python file: give a .py file.", code="import-failed")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except UserError:
        del sys.modules[name]
        raise
    except Exception as error:
        del sys.modules[name]
        raise UserError(
            f"{path} can't be imported ({type(error).__name__}: {error}): correct the file.",
            code="import-failed",
        ) from error
    _imported[str(file)] = module
    return module


def source_file(kind: Kind, name: str) -> str | None:
    """Return the path of the file that defines a component; None for a built-in one."""
    module = registered(kind)[name].module
    if module.split(".")[0] == "latentarium":
        return None
    return getattr(sys.modules.get(module), "__file__", None)


def imported_files() -> tuple[str, ...]:
    """Return the paths of all imported files, for child processes that must import them too."""
    return tuple(_imported)


def _unknown(kind: Kind, name: str, known: Iterable[str]) -> UserError:
    label = kind.replace("_", " ")
    return UserError(
        Text(
            "No {kind} named '{name}' is registered.{hint} Components of your own are imported "
            "with --import FILE or latentarium.import_file.",
            kind=label,
            name=name,
            hint=did_you_mean(name, known),
        ),
        code="unknown-component",
    )
