"""A model's weights as bytes: safetensors, with a checksum of what they hold in the header."""

import json

import torch
from safetensors.torch import load as tensors_from_bytes
from safetensors.torch import save as tensors_to_bytes
from torch import Tensor, nn

from latentarium.files import sha256


def weights_to_bytes(model: nn.Module) -> bytes:
    """The content of a file of weights."""
    tensors = {k: t.cpu().contiguous() for k, t in model.state_dict().items()}
    return tensors_to_bytes(tensors, metadata={"sha256": _digest(tensors)})


def weights_from_bytes(content: bytes) -> dict[str, Tensor]:
    """The tensors of a file of weights, by name.

    Raises:
        SafetensorError: It is cut or damaged.
        ValueError: The checksum is wrong. Files of before there was one have none.
    """
    tensors = tensors_from_bytes(content)
    size = int.from_bytes(content[:8], "little")
    noted = json.loads(content[8 : 8 + size]).get("__metadata__", {}).get("sha256")
    if noted is not None and noted != _digest(tensors):
        raise ValueError("its checksum is wrong")
    return tensors


def _digest(tensors: dict[str, Tensor]) -> str:
    """sha256 over names, types, shapes and values."""
    parts = []
    for name in sorted(tensors):
        tensor = tensors[name]
        parts.append(f"{name} {tensor.dtype} {tuple(tensor.shape)} ".encode())
        parts.append(tensor.flatten().view(torch.uint8).numpy().tobytes())
    return sha256(b"".join(parts))
