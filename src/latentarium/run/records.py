"""The JSON files of a run that are read back, and the values that each must contain.

A run folder may come from someone else, or be damaged, so its files are checked before they are
used. Keys that this version does not know are ignored.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from latentarium.config import Range, read_fields
from latentarium.errors import UserError
from latentarium.files import from_json, read_json, read_regular_file
from latentarium.run.compat import OLD_DUALITY_GAP_FILE, upgrade_duality_gap
from latentarium.texts import Text, text_of

Step = Annotated[int, Range(0, 10**12)]
Seconds = Annotated[float, Range(low=0)]


@dataclass(frozen=True, kw_only=True)
class Progress:
    """The content of progress.json."""

    step: Step
    seconds: Seconds


@dataclass(frozen=True, kw_only=True)
class Notes:
    """The content of notes.json: what the user has written about a run."""

    title: str = ""
    """Display name; empty: the name of the folder."""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class CheckpointCard:
    """The JSON file of a checkpoint."""

    step: Step
    seconds: Seconds
    sha256: str


@dataclass(frozen=True, kw_only=True)
class MetricsHead:
    """The part of metrics.json that `evaluate_run` adds to a report."""

    weights: str = ""


@dataclass(frozen=True, kw_only=True)
class PlayerGain:
    """The gain of a player at a snapshot."""

    player: str
    gain: float
    at_least: float | None = None
    interval: tuple[float, float] | None = None
    """In files of earlier versions, in place of `at_least`."""
    before: float = 0.0
    after: float = 0.0
    rate: float = 0.0
    steps: int = 0
    scale: float = 1.0


@dataclass(frozen=True, kw_only=True)
class SnapshotGap:
    """The duality gap at a snapshot."""

    total: float
    at_least: float | None = None
    interval: tuple[float, float] | None = None
    """In files of earlier versions, in place of `at_least`."""
    gains: tuple[PlayerGain, ...] = ()
    response_steps: int = 0
    seconds: Seconds = 0.0


@dataclass(frozen=True, kw_only=True)
class DualityGaps:
    """The content of duality_gap.json."""

    protocol: dict[str, Any] | None
    wanted: tuple[Step, ...]
    snapshots: dict[str, SnapshotGap]


def read_progress(path: Path) -> Progress | None:
    """Read progress.json; None if it is missing or damaged, since it is only a display."""
    try:
        content = from_json(read_regular_file(path))
        return Progress(**read_fields(Progress, content, str(path), ignore_unknown=True))
    except (OSError, ValueError):
        return None


def read_notes(path: Path) -> Notes:
    """Read notes.json; empty notes if it is missing or damaged, since it is only a display."""
    try:
        content = from_json(read_regular_file(path))
        return Notes(**read_fields(Notes, content, str(path), ignore_unknown=True))
    except (OSError, ValueError):
        return Notes()


def parse_checkpoint_card(content: bytes) -> CheckpointCard:
    """Parse the JSON file of a checkpoint.

    Raises:
        ValueError: The content is damaged.
    """
    values = from_json(content)
    return CheckpointCard(**read_fields(CheckpointCard, values, "its card", ignore_unknown=True))


def read_metrics(path: Path) -> dict[str, Any] | None:
    """Read metrics.json, of which `Report.from_dict` checks the measurements; None if there is
    none.

    Raises:
        UserError: The file is damaged (code "damaged-file").
    """
    return _read(path, MetricsHead, "Evaluate the run again.") if path.exists() else None


def read_duality_gap(folder: Path) -> dict[str, Any] | None:
    """Read duality_gap.json, or its file of earlier versions; None if there is none.

    Raises:
        UserError: The file is damaged (code "damaged-file").
    """
    for path in (folder / "duality_gap.json", folder / OLD_DUALITY_GAP_FILE):
        if path.exists():
            return _read(path, DualityGaps, "Delete it, and measure the duality gap again.")
    return None


def _read(path: Path, kind: type, advice: str) -> dict[str, Any]:
    """Read a JSON object that has at least the fields of a dataclass."""
    content = read_json(path, f"There is no {path.name}.")
    if kind is DualityGaps:
        content = upgrade_duality_gap(content)
    try:
        read_fields(kind, content, path.name, ignore_unknown=True)
    except UserError as error:
        raise UserError(
            Text(
                "{path} is damaged: {problem} {advice}",
                path=path,
                problem=text_of(error),
                advice=advice,
            ),
            code="damaged-file",
        ) from None
    return content
