"""A folder of checkpoints: of each its tensors, and a card with their checksum. The last two are
kept, and a kill or a damaged file costs no more than the newest."""

import json
import warnings
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load as tensors_from_bytes
from safetensors.torch import save as tensors_to_bytes
from torch import Tensor

from latentarium.errors import UserError
from latentarium.files import sha256, to_json, write_atomic

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
    for old in sorted(folder.glob("*.json"))[:-KEPT]:
        old.unlink()
        old.with_suffix(".safetensors").unlink(missing_ok=True)
    kept = {p.stem for p in folder.glob("*.json")}
    for orphan in folder.iterdir():  # left by a kill in the middle of a write
        if orphan.stem not in kept:
            orphan.unlink()


def latest(folder: Path) -> Checkpoint | None:
    """The newest checkpoint that is whole; a damaged one is passed over with a warning.

    Raises:
        UserError: There are checkpoints, but all of them are damaged.
    """
    cards = sorted(folder.glob("*.json"), reverse=True)
    for path in cards:
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
    return sorted(int(p.stem) for p in folder.glob("*.json"))


def _read(card_path: Path) -> Checkpoint:
    card = json.loads(card_path.read_text())
    content = card_path.with_suffix(".safetensors").read_bytes()
    if sha256(content) != card["sha256"]:
        raise ValueError("its checksum is wrong")
    if card["step"] != int(card_path.stem):
        raise ValueError("its step is not that of its name")
    return Checkpoint(card["step"], card["seconds"], tensors_from_bytes(content))
