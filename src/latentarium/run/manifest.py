"""config.json: what identifies a run, and everything that is needed to build its model."""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import latentarium
from latentarium.config import Config, DataCard, component_files, flat, from_dict, to_dict
from latentarium.errors import UserError
from latentarium.files import from_json, read_regular_file, sha256, to_json, write_atomic
from latentarium.machine import versions
from latentarium.run.compat import upgrade_config

FORMAT = 1
LOCATION_SETTINGS = ("train.device", "train.data", "train.labels")
"""Settings that may change when a run is resumed."""


@dataclass(frozen=True)
class Manifest:
    """The content of config.json.

    Arguments:
        id: The identifier of the run; a run that replaces it in the folder has another id.
        config: The configuration.
        data: The card of the training data.
        imports: Names of the Python files that define custom components of the run.
        config_hash: Hash of the settings and the data that determine the weights.
    """

    id: str
    config: Config
    data: DataCard
    imports: tuple[str, ...]
    config_hash: str


def write_manifest(path: Path, config: Config, data: DataCard) -> None:
    """Write the config.json of a new run.

    Raises:
        UserError: The file can't be written.
    """
    content = {
        "format": FORMAT,
        "id": secrets.token_hex(8),
        "config": to_dict(config),
        "data": to_dict(data),
        "versions": versions(),
        "imports": [Path(file).name for file in component_files(config.model)],
    }
    write_atomic(path, to_json(content))


def read_manifest(path: Path) -> Manifest:
    """Read the config.json of a run.

    The config.json of earlier versions has no id; its hash is used as the id.

    Raises:
        UserError: There is no such file (code "not-a-run"), it is damaged (code "damaged-file") or
            has another format (code "run-format"), a setting is invalid, or a component is not
            registered (code "unknown-component").
    """
    try:
        content = read_json(path)
    except FileNotFoundError:
        raise UserError(
            f"{path.parent} is not a run folder: it has no config.json. Give the folder of a run.",
            code="not-a-run",
        ) from None
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
    return Manifest(
        id=str(content.get("id") or _hash(content)),
        config=config,
        data=from_dict(DataCard, content.get("data"), f"{path}: data"),
        imports=imports,
        config_hash=_config_hash(content),
    )


def require_same_config(folder: Path, stored: Config, given: Config) -> None:
    """Check that the given settings are equal to those of the run in a folder.

    Raises:
        UserError: A setting differs (code "other-run").
    """
    old, new = flat(to_dict(stored)), flat(to_dict(given))
    for key in sorted(old.keys() | new.keys()):
        if key not in LOCATION_SETTINGS and old.get(key) != new.get(key):
            raise UserError(
                f"{folder} contains another run: its {key} is {old.get(key)!r}, not "
                f"{new.get(key)!r}. Give the same settings to resume it, or train into another "
                "folder.",
                code="other-run",
            )


def require_same_data(folder: Path, stored: DataCard, given: DataCard) -> None:
    """Check that a data set is the one that the run in a folder was trained on.

    Raises:
        UserError: The fingerprints differ (code "other-data").
    """
    if given.fingerprint != stored.fingerprint:
        raise UserError(
            f"{folder} was not trained on the given data ({given.source}): the fingerprint of its "
            f"training data ({stored.source}) is {stored.fingerprint[:12]}, and that of the given "
            f"data is {given.fingerprint[:12]}. Give the original data, for instance with --data.",
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


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON file of a run.

    Raises:
        FileNotFoundError: There is no such file.
        UserError: The file is damaged or can't be read (code "damaged-file").
    """
    try:
        return from_json(read_regular_file(path))
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path} can't be read ({error}). Restore it from a backup, or train again.",
            code="damaged-file",
        ) from None


def _config_hash(content: dict[str, Any]) -> str:
    """Return a hash of the stored settings, unchanged by settings that later versions add."""
    config = content["config"]  # from_dict has checked that it is a dict
    settings = {k: v for k, v in flat(config).items() if k not in (*LOCATION_SETTINGS, "name")}
    return _hash({"config": settings, "data": content["data"].get("fingerprint")})


def _hash(content: object) -> str:
    return sha256(json.dumps(content, sort_keys=True).encode())[:16]
