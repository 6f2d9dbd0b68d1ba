"""A training that the page requests, and its command line."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from latentarium import presets
from latentarium.data.toy import MIXTURES
from latentarium.errors import UserError
from latentarium.studio.training.settings import SNAPSHOTS, SettingValue, setting_options
from latentarium.studio.training.uploads import UPLOAD_PREFIX, Uploads
from latentarium.texts import Text

BUILT_IN_DATA = ("mnist", "mnist-dynamic", "stacked-mnist", *MIXTURES)
"""Data sets that need no files from the user."""


@dataclass(frozen=True, kw_only=True)
class TrainingRequest:
    """A training that the page requests."""

    preset: str
    data: str
    """One of `BUILT_IN_DATA`, or upload:NAME."""
    name: str
    """The name of the run's folder."""
    steps: int | None
    """None: the number of steps of the preset."""
    seed: int
    image_size: int | None = None
    """Height and width to which images are fitted; None: as `load_data` chooses."""
    batch_size: int | None = None
    """None: the batch size of the preset."""
    settings: Mapping[str, SettingValue] = field(default_factory=dict)
    """Settings that differ from the preset, by their full names."""


def train_arguments(
    request: TrainingRequest, uploads: Uploads, folder: Path | None = None
) -> list[str]:
    """Return the arguments of latentarium for a training.

    Arguments:
        request: The training.
        uploads: The user's images.
        folder: The folder of the run; None for an estimate, which needs no folder.

    Raises:
        UserError: There is no such preset or no such data (code "unknown-data"), or a setting
            is refused.
    """
    presets.get(request.preset)
    if request.data.startswith(UPLOAD_PREFIX):
        data = str(uploads.source(request.data.removeprefix(UPLOAD_PREFIX)))
    elif request.data in BUILT_IN_DATA:
        data = request.data
    else:
        raise UserError(
            Text(
                "There is no data set named {data!r}: choose one from the list.",
                data=request.data[:80],
            ),
            code="unknown-data",
        )
    changed = dict(request.settings)
    snapshots = None if folder is None or "train.snapshots" in changed else SNAPSHOTS
    options = {
        "--data": data, "--run": folder, "--train.seed": request.seed,
        "--train.steps": request.steps,
        "--train.batch-size": None if "train.batch_size" in changed else request.batch_size,
        "--image-size": request.image_size,
        "--train.snapshots": snapshots,
    }  # fmt: skip
    arguments = ["train", request.preset]
    for option, value in options.items():
        arguments += [] if value is None else [option, str(value)]
    return arguments + setting_options(request.preset, changed)
