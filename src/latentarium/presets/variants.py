"""Functions that derive a preset from another one."""

from dataclasses import replace
from typing import Any

from latentarium.config import Config, NetConfig


def vary(config: Config, name: str, **fields: dict[str, Any]) -> Config:
    """Return a copy with a new name and new fields in `model`, `optimizer` or `train`."""
    parts = {part: replace(getattr(config, part), **new) for part, new in fields.items()}
    return replace(config, name=name, **parts)


def shrink(config: Config, name: str) -> Config:
    """Return a tiny copy that trains in a few seconds, for tests."""
    small = NetConfig(width=4, depth=1, hidden=16)
    model: dict[str, Any] = {"latent_dim": 8 if config.model.adversarial else 4}
    model |= dict.fromkeys(config.model.trunks, small)
    train = {
        "steps": 40,
        "batch_size": 16,
        "log_every": 10,
        "sample_every": 20,
        "checkpoint_every": 10,
        "ema_halflife": 100,
        "snapshots": 3,
    }
    return vary(config, name, model=model, train=train)
