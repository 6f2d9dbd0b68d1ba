"""Weights files: safetensors with a checksum and the training step in the metadata."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as tensors_from_bytes
from safetensors.torch import save as tensors_to_bytes
from torch import Tensor, nn

from latentarium.errors import UserError
from latentarium.files import sha256

METADATA_KEY = "latentarium"
MAX_HEADER_BYTES = 100_000_000
"""Largest header that the safetensors format allows."""


def weights_to_bytes(model: nn.Module, *, step: int, config_hash: str) -> bytes:
    """Return the content of a weights file.

    Arguments:
        model: The model.
        step: The training step of the weights.
        config_hash: Hash of the configuration that the weights belong to.
    """
    tensors = _tensors_of(model)
    metadata = {"sha256": _digest(tensors), "step": step, "config": config_hash}
    # one key: safetensors writes several in random order, which would change the file's hash
    return tensors_to_bytes(tensors, metadata={METADATA_KEY: json.dumps(metadata)})


def weights_from_bytes(content: bytes, *, config_hash: str) -> dict[str, Tensor]:
    """Return the tensors of a weights file by name.

    Files of earlier versions lack some metadata, and only the existing metadata is checked.

    Raises:
        SafetensorError: The content is truncated or damaged.
        ValueError: The checksum is wrong, or the weights belong to another configuration.
    """
    tensors = tensors_from_bytes(content)
    metadata = _metadata(content)
    if "sha256" in metadata and metadata["sha256"] != _digest(tensors):
        raise ValueError("its checksum is wrong")
    if metadata.get("config", config_hash) != config_hash:
        raise ValueError("its weights were trained with another configuration")
    return tensors


def load_weights(path: Path, model: nn.Module, *, config_hash: str) -> None:
    """Read a weights file into a model.

    Raises:
        UserError: The file is damaged, or its tensors do not fit the model (code
            "damaged-weights").
    """
    try:
        model.load_state_dict(weights_from_bytes(path.read_bytes(), config_hash=config_hash))
    except (SafetensorError, RuntimeError, ValueError) as error:
        raise UserError(
            f"{path} is damaged or does not fit config.json "
            f"({' '.join(str(error).split())[:200]}). Run the same train command again.",
            code="damaged-weights",
        ) from None


def weights_step(path: Path) -> int | None:
    """Return the training step in the metadata of a weights file.

    None if the file is damaged, or has no step because an earlier version wrote it. Only the
    header is read.
    """
    try:
        with path.open("rb") as file:
            start = file.read(8)
            header = file.read(min(int.from_bytes(start, "little"), MAX_HEADER_BYTES))
        return int(_metadata(start + header)["step"])
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None


def equals_unversioned(path: Path, model: nn.Module) -> bool:
    """Return whether a file of an earlier version contains exactly the weights of a model.

    Such a file is not replaced, so that its hash stays the one that metrics.json refers to.
    """
    try:
        content = path.read_bytes()
        tensors = tensors_from_bytes(content)
    except (OSError, SafetensorError):
        return False
    return "step" not in _metadata(content) and _digest(tensors) == _digest(_tensors_of(model))


def _tensors_of(model: nn.Module) -> dict[str, Tensor]:
    return {k: t.cpu().contiguous() for k, t in model.state_dict().items()}


def _metadata(content: bytes) -> dict[str, Any]:
    """Return those of the values sha256, step and config that the file has."""
    size = int.from_bytes(content[:8], "little")
    metadata = json.loads(content[8 : 8 + size]).get("__metadata__", {})
    return json.loads(metadata[METADATA_KEY]) if METADATA_KEY in metadata else metadata


def _digest(tensors: dict[str, Tensor]) -> str:
    """Return the SHA-256 of names, types, shapes and values."""
    parts = []
    for name in sorted(tensors):
        tensor = tensors[name]
        parts.append(f"{name} {tensor.dtype} {tuple(tensor.shape)} ".encode())
        parts.append(tensor.flatten().view(torch.uint8).numpy().tobytes())
    return sha256(b"".join(parts))
