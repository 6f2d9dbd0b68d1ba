"""The changes that usually cure, as settings of the run at hand."""

from collections.abc import Mapping

from latentarium.config import AutoencoderConfig, Config, GANConfig, setting
from latentarium.diagnostics.issue import settings
from latentarium.diagnostics.messages import Said

USUAL_PENALTY, LEAST_PENALTY = 0.3, 0.003
"""What the presets have for images, and for points in the plane."""


def higher_penalty(config: Config) -> Said:
    """Against a discriminator that is too sure (Mescheder et al., 2018)."""
    model = _gan(config)
    if setting(config, "model.discriminator.norm", "none") != "none":
        changes = {"model.discriminator.norm": "none"} | _penalties(USUAL_PENALTY)
        return _cure("penalties, no norm", changes)
    if model.r1 + model.r2 == 0:
        return _cure("penalties", _penalties(USUAL_PENALTY))
    larger = 4 * max(model.r1, model.r2)
    if larger < LEAST_PENALTY:
        return _cure("penalties felt", _penalties(LEAST_PENALTY))
    return _cure("penalties times 4", _penalties(larger))


def lower_penalty(config: Config) -> Said:
    """Against a discriminator that is held flat."""
    model = _gan(config)
    return _cure("penalties a tenth", _penalties(max(model.r1, model.r2) / 10))


def lower_rate(config: Config) -> Said:
    """Against steps that overshoot."""
    changes = {"optimizer.learning_rate": config.optimizer.learning_rate / 4}
    return _cure("rate a quarter", changes)


def more_diverse(config: Config) -> Said:
    """Against a generator that repeats itself: a game that compares with real images keeps their
    modes (Huang et al., 2025)."""
    if _gan(config).loss != "relativistic":
        changes = {"model.loss": "relativistic"} | _penalties(
            max(_gan(config).r1, _gan(config).r2) or USUAL_PENALTY
        )
        return _cure("relativistic", changes)
    return higher_penalty(config)


def smaller_beta(config: Config) -> Said:
    """Against a rate that costs more than what it tells is worth."""
    assert isinstance(config.model, AutoencoderConfig)
    warmup = config.optimizer.warmup_steps
    if config.train.steps < 2 * warmup:
        return _cure("longer", {"train.steps": 10 * warmup})
    return _cure("smaller beta", {"model.beta": min(1.0, config.model.beta / 4)})


def less_capacity(config: Config, *, stop: int | None = None) -> Said:
    """Against a model that learns its images by heart."""
    if stop is not None:
        return _cure("fewer steps", {"train.steps": stop})
    changes = {}
    for name in config.model.trunks:
        width = setting(config, f"model.{name}.width")
        if width is not None:
            changes[f"model.{name}.width"] = max(1, width // 2)
    return _cure("smaller networks", changes)


def fewer_dimensions(latent_dim: int) -> Said:
    """Against numbers that are not used."""
    return _cure("fewer dimensions", {"model.latent_dim": latent_dim})


def _cure(code: str, changes: Mapping[str, float | int | str]) -> Said:
    return Said(code, {"settings": settings(changes)})


def _gan(config: Config) -> GANConfig:
    assert isinstance(config.model, GANConfig)
    return config.model


def _penalties(value: float) -> dict[str, float | int | str]:
    return {"model.r1": value, "model.r2": value}
