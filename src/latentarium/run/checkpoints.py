"""Checkpoints: each is a file of tensors and a JSON file with their checksum.

The last two checkpoints are kept. If the newest is damaged, training resumes from the previous
one.
"""

import warnings
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load as tensors_from_bytes
from safetensors.torch import save as tensors_to_bytes
from torch import Tensor

from latentarium.errors import UserError
from latentarium.files import (
    is_temporary,
    numbered_files,
    read_regular_file,
    sha256,
    to_json,
    write_atomic,
)
from latentarium.run.compat import upgrade_checkpoint_tensors
from latentarium.run.records import parse_checkpoint_card
from latentarium.texts import Text

NUM_KEPT = 2


@dataclass(frozen=True)
class Checkpoint:
    """Everything that is needed to resume a training.

    Arguments:
        step: Number of finished steps.
        seconds: Training time so far.
        tensors: All tensors of the training state by name: `model.*`, `ema.*` and
            `optimizer.PLAYER.*`, and `log.PLAYER.*` for the losses since the last row of the
            log.
    """

    step: int
    seconds: float
    tensors: dict[str, Tensor]


def add(folder: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint, then delete the oldest ones; a failed write changes no others."""
    content = tensors_to_bytes({k: t.contiguous() for k, t in checkpoint.tensors.items()})
    stem = f"{checkpoint.step:09d}"
    write_atomic(folder / f"{stem}.safetensors", content)
    # written last: tensors without this file are not a checkpoint
    card = {"step": checkpoint.step, "seconds": checkpoint.seconds, "sha256": sha256(content)}
    write_atomic(folder / f"{stem}.json", to_json(card))
    cards = numbered_files(folder, ".json")
    kept = list(cards)[-NUM_KEPT:]
    for step, path in cards.items():
        if step not in kept:
            path.unlink()
    for step, path in numbered_files(folder, ".safetensors").items():
        if step not in kept:
            path.unlink()
    for path in filter(is_temporary, folder.iterdir()):  # left by a process killed during a write
        path.unlink()


def latest(folder: Path) -> Checkpoint | None:
    """Return the newest intact checkpoint; damaged ones are skipped with a warning.

    Raises:
        UserError: There are checkpoints, but all of them are damaged (code
            "damaged-checkpoints").
    """
    cards = numbered_files(folder, ".json")
    for path in reversed(cards.values()):
        try:
            return _read(path)
        except (OSError, ValueError, SafetensorError) as error:
            warnings.warn(
                f"The checkpoint {path.with_suffix('.safetensors')} is damaged ({error}). Trying "
                "the previous one.",
                stacklevel=3,
            )
    if cards:
        raise UserError(
            Text(
                "All checkpoints in {folder} are damaged. Restore them from a backup, or "
                "train into a new folder.",
                folder=folder.parent,
            ),
            code="damaged-checkpoints",
        )
    return None


def steps(folder: Path) -> list[int]:
    """Return the steps of all checkpoints, in order."""
    return list(numbered_files(folder, ".json"))


def _read(card_path: Path) -> Checkpoint:
    card = parse_checkpoint_card(read_regular_file(card_path))
    content = read_regular_file(card_path.with_suffix(".safetensors"))
    if sha256(content) != card.sha256:
        raise ValueError("its checksum is wrong")
    if card.step != int(card_path.stem):
        raise ValueError("its step differs from that in its file name")
    tensors = upgrade_checkpoint_tensors(tensors_from_bytes(content))
    return Checkpoint(card.step, card.seconds, tensors)
