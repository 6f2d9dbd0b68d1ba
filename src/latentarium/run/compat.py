"""Read files of runs that earlier versions wrote: map every old name to its current name."""

from typing import Any

from torch import Tensor

OLD_LOG_KEYS = {
    "told_apart": "pair_accuracy",
    "own_change": "own_delta",
    "foreign_change": "other_delta",
}
OLD_EMA_PREFIX, EMA_PREFIX = "average.", "ema."
OLD_DUALITY_GAP_FILE = "gap.json"
OLD_CONDITIONAL_PRESETS = {"gan_images": "cgan_images"}
"""Presets that were conditional under a name that an unconditional preset has now."""

OLD_SAMPLES = "importance_samples"
"""A setting of the model that is now one of its objective."""


def upgrade_config(config: object) -> object:
    """Return the settings in config.json with the current names of their preset and settings."""
    if not isinstance(config, dict):
        return config
    model, name = config.get("model"), config.get("name")
    if not isinstance(model, dict):
        return config
    if model.get("conditional") is True and isinstance(name, str):
        config = config | {"name": OLD_CONDITIONAL_PRESETS.get(name, name)}
    if OLD_SAMPLES in model:
        samples = model[OLD_SAMPLES]
        model = {key: value for key, value in model.items() if key != OLD_SAMPLES}
        if samples != 1:
            model["objective"] = {"kind": "importance_weighted", "samples": samples}
        config = config | {"model": model}
    return config


def upgrade_log_row(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of the log in which the keys of each player are the current ones."""
    return {
        key: {OLD_LOG_KEYS.get(name, name): v for name, v in value.items()}
        if isinstance(value, dict)
        else value
        for key, value in row.items()
    }


def upgrade_checkpoint_tensors(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint by their current names."""
    return {
        EMA_PREFIX + name.removeprefix(OLD_EMA_PREFIX)
        if name.startswith(OLD_EMA_PREFIX)
        else name: tensor
        for name, tensor in tensors.items()
    }


def upgrade_duality_gap(content: dict[str, Any]) -> dict[str, Any]:
    """Return the content of duality_gap.json with the current keys."""
    return {("snapshots" if key == "moments" else key): v for key, v in content.items()}
