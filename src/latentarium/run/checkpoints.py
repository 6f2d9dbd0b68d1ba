"""A folder of checkpoints: of each its tensors, and a card with their checksum. The last two are
kept, and a kill or a damaged file costs no more than the newest."""

import warnings
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load as tensors_from_bytes
from safetensors.torch import save as tensors_to_bytes
from torch import Tensor

from latentarium.errors import UserError
from latentarium.files import (
    from_json,
    is_temporary,
    numbered_files,
    read_regular_file,
    sha256,
    to_json,
    write_atomic,
)

KEPT = 2


@dataclass(frozen=True)
class Checkpoint:
    """All that resuming needs."""

    step: int
    seconds: float
    tensors: dict[str, Tensor]


def add(folder: Path, checkpoint: Checkpoint) -> None:
    """Adds a checkpoint, then drops the oldest ones; a failure leaves the others as they are."""
    content = tensors_to_bytes({k: t.contiguous() for k, t in checkpoint.tensors.items()})
    stem = f"{checkpoint.step:09d}"
    write_atomic(folder / f"{stem}.safetensors", content)
    card = {"step": checkpoint.step, "seconds": checkpoint.seconds, "sha256": sha256(content)}
    write_atomic(folder / f"{stem}.json", to_json(card))
    cards = numbered_files(folder, ".json")
    kept = list(cards)[-KEPT:]
    for step, old in cards.items():
        if step not in kept:
            old.unlink()
    for step, old in numbered_files(folder, ".safetensors").items():
        if step not in kept:
            old.unlink()
    for left in filter(is_temporary, folder.iterdir()):  # by a kill in the middle of a write
        left.unlink()


def latest(folder: Path) -> Checkpoint | None:
    """The newest checkpoint that is whole; a damaged one is passed over with a warning.

    Raises:
        UserError: There are checkpoints, but all of them are damaged.
    """
    cards = numbered_files(folder, ".json")
    for path in reversed(cards.values()):
        try:
            return _read(path)
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            warnings.warn(
                f"The checkpoint {path.with_suffix('.safetensors')} is damaged ({error}); the "
                "one before it is tried.",
                stacklevel=3,
            )
    if cards:
        raise UserError(
            f"All checkpoints in {folder.parent} are damaged: restore them from a copy, or "
            "train into a new folder."
        )
    return None


def steps(folder: Path) -> list[int]:
    """The steps of the checkpoints that are kept."""
    return list(numbered_files(folder, ".json"))


def _read(card_path: Path) -> Checkpoint:
    card = from_json(read_regular_file(card_path))
    content = read_regular_file(card_path.with_suffix(".safetensors"))
    if sha256(content) != card["sha256"]:
        raise ValueError("its checksum is wrong")
    if card["step"] != int(card_path.stem):
        raise ValueError("its step is not that of its name")
    return Checkpoint(card["step"], card["seconds"], tensors_from_bytes(content))
