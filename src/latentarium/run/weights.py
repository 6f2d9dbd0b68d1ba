"""Weights files: safetensors with a checksum and the training step in the metadata."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as tensors_from_bytes
from safetensors.torch import save as tensors_to_bytes
from torch import Tensor, nn

from latentarium.errors import UserError
from latentarium.files import from_json, read_regular_file, sha256
from latentarium.models.origin import WeightsKind
from latentarium.texts import Text

METADATA_KEY = "latentarium"
MAX_HEADER_BYTES = 100_000_000
"""Largest header that the safetensors format allows."""
MAX_NAMED = 3
"""Number of tensors that an error message names."""


def weights_to_bytes(
    model: nn.Module, *, step: int, config_hash: str, kind: WeightsKind | None = None
) -> bytes:
    """Return the content of a weights file.

    Arguments:
        model: The model.
        step: The training step of the weights.
        config_hash: Hash of the configuration that the weights belong to.
        kind: Whether the weights are averaged; None if the file's name determines it.
    """
    metadata: dict[str, Any] = {"step": step, "config": config_hash}
    if kind is not None:
        metadata["weights"] = kind
    return tensors_to_file(model.state_dict(), metadata)


def tensors_to_file(tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> bytes:
    """Return the content of a safetensors file with a checksum and other metadata."""
    tensors = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
    content = json.dumps({"sha256": _digest(tensors), **metadata})
    # one key: safetensors writes several in random order, which would change the file's hash
    return tensors_to_bytes(tensors, metadata={METADATA_KEY: content})


def tensors_from_file(content: bytes) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors of a safetensors file by name, and its metadata.

    Raises:
        SafetensorError: The content is truncated or damaged.
        ValueError: The checksum is wrong.
    """
    tensors = tensors_from_bytes(content)
    metadata = _metadata(_header(content))
    if "sha256" in metadata and metadata["sha256"] != _digest(tensors):
        raise ValueError("its checksum is wrong")
    return tensors, metadata


def weights_from_bytes(content: bytes, *, config_hash: str) -> dict[str, Tensor]:
    """Return the tensors of a weights file by name.

    Files of earlier versions lack some metadata, and only the existing metadata is checked.

    Raises:
        SafetensorError: The content is truncated or damaged.
        ValueError: The checksum is wrong, or the weights belong to another configuration.
    """
    tensors, metadata = tensors_from_file(content)
    if metadata.get("config", config_hash) != config_hash:
        raise ValueError("its weights were trained with another configuration")
    return tensors


def read_weights(path: Path, *, config_hash: str) -> dict[str, Tensor]:
    """Return the tensors of a weights file by name.

    Raises:
        UserError: The file is damaged, or can't be read (code "damaged-weights").
    """
    try:
        return weights_from_bytes(read_regular_file(path), config_hash=config_hash)
    except (OSError, SafetensorError, ValueError) as error:
        raise _damaged(path, error) from None


def load_weights(path: Path, model: nn.Module, *, config_hash: str) -> None:
    """Read a weights file into a model.

    Raises:
        UserError: The file is damaged, or its tensors do not fit the model (code
            "damaged-weights").
    """
    try:
        model.load_state_dict(read_weights(path, config_hash=config_hash))
    except RuntimeError as error:
        raise _damaged(path, error) from None


def require_shapes(path: Path, shapes: dict[str, tuple[int, ...]] | None) -> None:
    """Check that a weights file contains the tensors of a model; only its header is read.

    A model is built only after this check, so that damaged settings can't exhaust the memory.

    Arguments:
        path: The weights file.
        shapes: The shapes of the model's tensors; None if they are unknown.

    Raises:
        UserError: The file is damaged, or has other tensors (code "damaged-weights").
    """
    try:
        stored = _shapes(_read_header(path))
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise _damaged(path, error) from None
    if shapes is not None and (differences := shape_differences(stored, shapes)):
        raise _damaged(path, ", ".join(differences))


def shape_differences(
    stored: dict[str, tuple[int, ...]], shapes: dict[str, tuple[int, ...]]
) -> list[str]:
    """Describe the differences between the tensors of a file and those of a model.

    Returns:
        A description of each of the first differences, and the number of the others.
    """
    differences = []
    for name in sorted(stored.keys() | shapes.keys()):
        if name not in stored:
            differences.append(f"it lacks {name}")
        elif name not in shapes:
            differences.append(f"{name} is not part of the model")
        elif stored[name] != shapes[name]:
            there, here = (" x ".join(map(str, s[name])) or "1" for s in (stored, shapes))
            differences.append(f"{name} is {there}, not {here}")
    others = len(differences) - MAX_NAMED
    return [*differences[:MAX_NAMED], *([f"and {others} more"] if others > 0 else [])]


def weights_step(path: Path) -> int | None:
    """Return the training step in the metadata of a weights file.

    None if the file is damaged, or has no step because an earlier version wrote it. Only the
    header is read.
    """
    try:
        return int(_metadata(_read_header(path))["step"])
    except (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError):
        return None


def weights_kind(path: Path) -> WeightsKind:
    """Return the kind of weights in a snapshot; "raw" if an earlier version wrote it. Only the
    header is read."""
    try:
        return "ema" if _metadata(_read_header(path)).get("weights") == "ema" else "raw"
    except (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError):
        return "raw"


def is_intact(path: Path, *, config_hash: str) -> bool:
    """Return whether a weights file can be read and belongs to a configuration."""
    try:
        read_weights(path, config_hash=config_hash)
    except UserError:
        return False
    return True


def equals_unversioned(path: Path, model: nn.Module) -> bool:
    """Return whether a file of an earlier version contains exactly the weights of a model.

    Such a file is not replaced, so that its hash stays the one that metrics.json refers to.
    """
    try:
        content = read_regular_file(path)
        tensors = tensors_from_bytes(content)
        metadata = _metadata(_header(content))
    except (OSError, ValueError, SafetensorError):
        return False
    return "step" not in metadata and _digest(tensors) == _digest(_tensors_of(model))


def _damaged(path: Path, reason: object) -> UserError:
    return UserError(
        Text(
            "{path} is damaged or does not fit config.json ({reason}). Run the same "
            "train command again.",
            path=path,
            reason=" ".join(str(reason).split())[:200],
        ),
        code="damaged-weights",
    )


def _tensors_of(model: nn.Module) -> dict[str, Tensor]:
    return {k: t.cpu().contiguous() for k, t in model.state_dict().items()}


def _read_header(path: Path) -> dict[str, Any]:
    """Read the header of a weights file.

    Raises:
        OSError: The file can't be read.
        ValueError: The header is damaged.
    """
    with path.open("rb") as file:
        start = file.read(8)
        return _header(start + file.read(min(int.from_bytes(start, "little"), MAX_HEADER_BYTES)))


def _header(content: bytes) -> dict[str, Any]:
    return from_json(content[8 : 8 + int.from_bytes(content[:8], "little")])


def _shapes(header: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    return {k: tuple(map(int, v["shape"])) for k, v in header.items() if k != "__metadata__"}


def _metadata(header: dict[str, Any]) -> dict[str, Any]:
    """Return those of the values sha256, step and config that the file has."""
    metadata = header.get("__metadata__", {})
    if not isinstance(metadata, dict):
        raise ValueError("its metadata is damaged")
    return from_json(metadata[METADATA_KEY].encode()) if METADATA_KEY in metadata else metadata


def _digest(tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of names, types, shapes and values."""
    parts = []
    for name in sorted(tensors):
        tensor = tensors[name]
        parts.append(f"{name} {tensor.dtype} {tuple(tensor.shape)} ".encode())
        parts.append(tensor.flatten().view(torch.uint8).numpy().tobytes())
    return sha256(b"".join(parts))
