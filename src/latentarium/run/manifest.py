"""config.json: what identifies a run, and everything that is needed to build its model."""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import latentarium
from latentarium.config import (
    Config,
    DataCard,
    component_files,
    flat,
    from_dict,
    read_fields,
    to_dict,
)
from latentarium.errors import UserError
from latentarium.files import read_json, sha256, to_json, write_atomic
from latentarium.machine import versions
from latentarium.run.compat import upgrade_config
from latentarium.run.records import Step
from latentarium.texts import Text

FORMAT = 1
LOCATION_SETTINGS = ("train.device", "train.data", "train.labels")
"""Settings that may change when a run is resumed."""


@dataclass(frozen=True, kw_only=True)
class InitialWeights:
    """The weights of another run from which a training started."""

    run: str
    """The identifier of the other run."""
    name: str
    """The name of its folder, or shipped:NAME."""
    step: Step | None
    """The training step of its weights; None if it is unknown."""
    weights: str
    """SHA-256 of its weights file."""
    loaded: Step
    """Number of tensors that were loaded."""
    skipped: tuple[str, ...] = ()
    """Names of the tensors of this run that kept their own initial values."""


@dataclass(frozen=True, kw_only=True)
class Extension:
    """A change of the number of steps of a run."""

    from_steps: Step
    to_steps: Step
    at_step: Step
    """The step from which the training continued."""


@dataclass(frozen=True)
class Manifest:
    """The content of config.json.

    Arguments:
        id: The identifier of the run; a run that replaces it in the folder has another id.
        config: The configuration.
        data: The card of the training data.
        imports: Names of the Python files that define custom components of the run.
        config_hash: Hash of the settings and the data that determine the weights. An extension
            does not change it, so that earlier weights and snapshots still belong to the run.
        initial_weights: The weights from which the training started; None for random ones.
        extensions: The changes of the number of steps, in order.
    """

    id: str
    config: Config
    data: DataCard
    imports: tuple[str, ...]
    config_hash: str
    initial_weights: InitialWeights | None
    extensions: tuple[Extension, ...]


def write_manifest(
    path: Path, config: Config, data: DataCard, initial_weights: InitialWeights | None = None
) -> None:
    """Write the config.json of a new run.

    Raises:
        UserError: The file can't be written.
    """
    content: dict[str, Any] = {
        "format": FORMAT,
        "id": secrets.token_hex(8),
        "config": to_dict(config),
        "data": to_dict(data),
        "versions": versions(),
        "imports": [Path(file).name for file in component_files(config.model)],
    }
    if initial_weights is not None:
        content["initial_weights"] = asdict(initial_weights)
    write_atomic(path, to_json(content))


def extend_manifest(path: Path, steps: int, at_step: int) -> None:
    """Change the number of steps in the config.json of a run, and record the change.

    Arguments:
        path: The path of config.json.
        steps: The new number of steps.
        at_step: The step from which the training continues.

    Raises:
        UserError: The file is damaged or can't be written.
    """
    content = _read(path)
    settings = content["config"]["train"]  # read_manifest has checked them
    extension = Extension(from_steps=settings["steps"], to_steps=steps, at_step=at_step)
    content["extensions"] = [*content.get("extensions", []), asdict(extension)]
    settings["steps"] = steps
    write_atomic(path, to_json(content))


def read_manifest(path: Path) -> Manifest:
    """Read the config.json of a run.

    The config.json of earlier versions has no id; its hash is used as the id.

    Raises:
        UserError: There is no such file (code "not-a-run"), it is damaged (code "damaged-file") or
            has another format (code "run-format"), a setting is invalid, or a component is not
            registered (code "unknown-component").
    """
    content = _read(path)
    if content.get("format") != FORMAT:
        made_with = content.get("versions")
        version = made_with.get("latentarium") if isinstance(made_with, dict) else None
        raise UserError(
            f"{path.parent} has run format {content.get('format')!r}, but this version of "
            f"latentarium ({latentarium.__version__}) reads format {FORMAT}. Use the version that "
            f"wrote the run ({version or 'unknown'}), or train again into a new folder.",
            code="run-format",
        )
    imports = content.get("imports")
    imports = tuple(map(str, imports)) if isinstance(imports, list) else ()
    with naming_imports(imports):
        config = from_dict(Config, upgrade_config(content.get("config")), f"{path}: config")
    data = from_dict(DataCard, content.get("data"), f"{path}: data")
    history = _History(**read_fields(_History, content, str(path), ignore_unknown=True))
    return Manifest(
        id=str(content.get("id") or _hash(content)),
        config=config,
        data=data,
        imports=imports,
        config_hash=_config_hash(content, history),
        initial_weights=history.initial_weights,
        extensions=history.extensions,
    )


@dataclass(frozen=True, kw_only=True)
class _History:
    """The keys of config.json that not every run has."""

    initial_weights: InitialWeights | None = None
    extensions: tuple[Extension, ...] = ()


def require_same_config(folder: Path, stored: Config, given: Config) -> None:
    """Check that the given settings are equal to those of the run in a folder.

    More steps are no difference: they extend the run. Neither is a number of threads or a
    precision that is to be chosen, since it was chosen when the run started.

    Raises:
        UserError: A setting differs (code "other-run"), or there are fewer steps than before (code
            "fewer-steps").
    """
    old, new = flat(to_dict(stored)), flat(to_dict(given))
    allowed = [*LOCATION_SETTINGS, "train.steps"]
    if not given.train.threads:
        allowed.append("train.threads")
    if given.train.precision == "auto":
        allowed.append("train.precision")
    for key in sorted(old.keys() | new.keys()):
        if key not in allowed and old.get(key) != new.get(key):
            raise UserError(
                f"{folder} contains another run: its {key} is {old.get(key)!r}, not "
                f"{new.get(key)!r}. Give the same settings to resume it, or train into another "
                "folder.",
                code="other-run",
            )
    if given.train.steps < stored.train.steps:
        raise UserError(
            f"train.steps is {given.train.steps}, but the run in {folder} has "
            f"{stored.train.steps:,} steps. Give more steps to extend it, or end it early with "
            "latentarium finish.",
            code="fewer-steps",
        )


def require_same_initial_weights(
    folder: Path, stored: InitialWeights | None, given: InitialWeights | None
) -> None:
    """Check that a run started from the given weights.

    Raises:
        UserError: It started from other weights (code "other-run").
    """
    if given is None or (stored is not None and stored.weights == given.weights):
        return
    start = "random weights" if stored is None else f"the weights of {stored.name}"
    raise UserError(
        f"{folder} contains another run: it started from {start}, not from the weights of "
        f"{given.name}. Leave the initial weights out to resume it, or train into another folder.",
        code="other-run",
    )


@contextmanager
def naming_missing_data(folder: Path, source: str | None) -> Iterator[None]:
    """Say which run needs the data if the source of its training data does not exist.

    Arguments:
        folder: The folder of the run.
        source: The source of its training data; None if other data is loaded.

    Raises:
        UserError: The source does not exist (code "data-missing").
    """
    try:
        yield
    except UserError as error:
        if source is None or error.code not in ("file-not-found", "unknown-source"):
            raise
        raise UserError(
            Text(
                "{folder} was trained on {source}, and from the folder {here} there is no such "
                "file or folder. Give the place of the data with --data, in Python "
                "load_data(...).",
                folder=folder,
                source=source,
                here=Path.cwd(),
            ),
            code="data-missing",
        ) from None


def require_same_data(folder: Path, stored: DataCard, given: DataCard) -> None:
    """Check that a data set is the one that the run in a folder was trained on.

    Raises:
        UserError: The fingerprints differ (code "other-data").
    """
    if given.fingerprint != stored.fingerprint:
        raise UserError(
            f"{folder} was trained on {stored.source} (fingerprint {stored.fingerprint[:12]}), "
            f"not on {given.source} (fingerprint {given.fingerprint[:12]}). Give its training "
            "data with --data.",
            code="other-data",
        )


def require_same_kind(folder: Path, stored: DataCard, given: DataCard) -> None:
    """Check that a data set has the shape and the classes of a run's training data.

    Raises:
        UserError: Shape or classes differ (code "data-mismatch").
    """
    if given.image_shape != stored.image_shape or given.classes != stored.classes:
        raise UserError(
            f"{folder} was trained on images of shape {stored.image_shape} with "
            f"{len(stored.classes)} classes, but {given.source} has images of shape "
            f"{given.image_shape} with {len(given.classes)} classes. Give data with the same "
            "shape and classes.",
            code="data-mismatch",
        )


@contextmanager
def naming_imports(imports: tuple[str, ...]) -> Iterator[None]:
    """Name the Python files that a run needs in an "unknown-component" error.

    They are not imported automatically, because a run folder may come from someone else.
    """
    try:
        yield
    except UserError as error:
        if error.code != "unknown-component" or not imports:
            raise
        options = " ".join(f"--import {name}" for name in imports)
        raise UserError(
            f"{error} The run was trained with {options}: give the same option, or call "
            f"latentarium.import_file({imports[0]!r}) first.",
            code=error.code,
        ) from None


def _read(path: Path) -> dict[str, Any]:
    return read_json(path, f"{path.parent} is not a run folder: it has no config.json.")


def _config_hash(content: dict[str, Any], history: _History) -> str:
    """Return a hash of the stored settings, unchanged by settings that later versions add."""
    config = content["config"]  # from_dict has checked that it is a dict
    settings = {k: v for k, v in flat(config).items() if k not in (*LOCATION_SETTINGS, "name")}
    if history.extensions:
        settings["train.steps"] = history.extensions[0].from_steps
    hashed = {"config": settings, "data": content["data"].get("fingerprint")}
    if history.initial_weights is not None:
        hashed["initial_weights"] = history.initial_weights.weights
    return _hash(hashed)


def _hash(content: object) -> str:
    return sha256(json.dumps(content, sort_keys=True).encode())[:16]
