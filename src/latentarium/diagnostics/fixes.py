"""The usual fixes of issues, as changed settings of a run.

If a fix needs a setting that the model's family doesn't have, the fix is a lower learning rate
instead.
"""

from collections.abc import Mapping

from latentarium import presets
from latentarium.config import Config, setting
from latentarium.diagnostics.issue import format_settings
from latentarium.diagnostics.maturity import MIN_MODEL_STEPS
from latentarium.diagnostics.messages import Message
from latentarium.stats.measurement import Real

IMAGE_PENALTY, POINT_PENALTY = 0.3, 0.003
"""Weights of the penalties in the presets for images and for 2-D points."""


def higher_penalty(config: Config) -> Message:
    """Return a fix for an overconfident discriminator (Mescheder et al., 2018)."""
    penalties = _penalties(config)
    if penalties is None:
        return lower_rate(config)
    if setting(config, "model.discriminator.norm", "none") != "none":
        changes = {"model.discriminator.norm": "none"} | _set_penalties(IMAGE_PENALTY)
        return _fix("penalties, no norm", changes)
    if sum(penalties) == 0:
        return _fix("penalties", _set_penalties(IMAGE_PENALTY))
    larger = 4 * max(penalties)
    if larger < POINT_PENALTY:
        return _fix("penalties felt", _set_penalties(POINT_PENALTY))
    return _fix("penalties times 4", _set_penalties(larger))


def lower_penalty(config: Config) -> Message:
    """Return a fix for a discriminator whose gradient the penalties keep too small."""
    penalties = _penalties(config)
    if penalties is None:
        return lower_rate(config)
    return _fix("penalties a tenth", _set_penalties(max(penalties) / 10))


def lower_rate(config: Config) -> Message:
    """Return a fix for optimizer steps that are too large."""
    changes = {"optimizer.learning_rate": config.optimizer.learning_rate / 4}
    return _fix("rate a quarter", changes)


def gentler_steps(config: Config, gradient: float | None) -> Message:
    """Return a fix for a training whose loss has jumped.

    Arguments:
        config: The run's configuration.
        gradient: The norm of the gradient when all was well, if it is known.
    """
    if not gradient or config.optimizer.max_gradient_norm:
        return lower_rate(config)
    changes = {
        "optimizer.learning_rate": config.optimizer.learning_rate / 4,
        "optimizer.max_gradient_norm": float(f"{2 * gradient:.1g}"),
    }
    return _fix("gentler steps", changes)


def more_diversity(config: Config) -> Message:
    """Return a fix for mode collapse: the relativistic loss compares each sample with a real
    image, which keeps all modes (Huang et al., 2025)."""
    penalties, loss = _penalties(config), setting(config, "model.loss")
    if penalties is None or loss is None or loss == "relativistic":
        return higher_penalty(config)
    changes = {"model.loss": "relativistic"} | _set_penalties(max(penalties) or IMAGE_PENALTY)
    return _fix("relativistic", changes)


def smaller_beta(config: Config) -> Message:
    """Return a fix for a KL term that outweighs the reconstruction."""
    warmup, beta = config.optimizer.warmup_steps, setting(config, "model.beta")
    if config.train.steps < 2 * warmup:
        return _fix("longer", {"train.steps": 10 * warmup})
    if beta is None:
        return lower_rate(config)
    return _fix("smaller beta", {"model.beta": min(1.0, beta / 4)})


def less_capacity(config: Config, *, stop: int | None = None) -> Message:
    """Return a fix for overfitting.

    Arguments:
        config: The run's configuration.
        stop: The step of the best held-out loss, if there is one.
    """
    if stop is not None:
        return _fix("fewer steps", {"train.steps": stop})
    widths = {}
    for name in config.model.trunks:
        width = setting(config, f"model.{name}.width")
        if isinstance(width, int):
            widths[f"model.{name}.width"] = max(1, width // 2)
    smaller = {"model.latent_dim": max(1, config.model.latent_dim // 2)}
    return _fix("smaller networks", widths or smaller)


def train_longer(config: Config, step: int | None) -> Message:
    """Return how to train a model that is not trained yet.

    Arguments:
        config: The run's configuration.
        step: The step of the model; None if it is unknown.
    """
    steps = config.train.steps
    if step is not None and step < steps:
        return Message("resume", {"left": steps - step})
    known = presets.all_presets().get(config.name)
    usual = known().train.steps if known else 0
    if usual <= steps or usual < MIN_MODEL_STEPS:  # the presets for tests train nothing
        usual = max(10 * steps, 2 * MIN_MODEL_STEPS)
    return _fix("more steps", {"train.steps": usual})


def fewer_dimensions(latent_dim: int) -> Message:
    """Return a fix for unused latent dimensions."""
    return _fix("fewer dimensions", {"model.latent_dim": latent_dim})


def _fix(code: str, changes: Mapping[str, float | int | str]) -> Message:
    return Message(code, {"settings": format_settings(changes)})


def _penalties(config: Config) -> tuple[Real, Real] | None:
    """Return the weights of the penalties; None if the model's family has no penalties."""
    r1, r2 = setting(config, "model.r1"), setting(config, "model.r2")
    return None if r1 is None or r2 is None else (r1, r2)


def _set_penalties(value: Real) -> dict[str, float | int | str]:
    return {"model.r1": value, "model.r2": value}
