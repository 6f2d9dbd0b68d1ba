"""The changes that usually cure, as settings of the run at hand."""

from latentarium.config import AutoencoderConfig, Config, GANConfig, NetConfig
from latentarium.doctor.finding import AGAIN, settings

USUAL_PENALTY, LEAST_PENALTY = 0.3, 0.003
"""What the presets have for images, and for points in the plane."""


def higher_penalty(config: Config) -> str:
    """Against a discriminator that is too sure (Mescheder et al., 2018)."""
    model = _gan(config)
    if model.discriminator.norm != "none":
        changes = {"model.discriminator.norm": "none"} | _penalties(USUAL_PENALTY)
        return f"{AGAIN} gradient penalties, which need no normalization: {settings(changes)}"
    if model.r1 + model.r2 == 0:
        return f"{AGAIN} gradient penalties: {settings(_penalties(USUAL_PENALTY))}"
    larger = 4 * max(model.r1, model.r2)
    if larger < LEAST_PENALTY:
        return f"{AGAIN} penalties that are felt: {settings(_penalties(LEAST_PENALTY))}"
    return (
        f"{AGAIN} model.r1 and model.r2 at 4 times what they are: {settings(_penalties(larger))}"
    )


def lower_penalty(config: Config) -> str:
    """Against a discriminator that is held flat."""
    model = _gan(config)
    changes = _penalties(max(model.r1, model.r2) / 10)
    return f"{AGAIN} model.r1 and model.r2 at a tenth of what they are: {settings(changes)}"


def lower_rate(config: Config) -> str:
    """Against steps that overshoot."""
    changes = {"optimizer.learning_rate": config.optimizer.learning_rate / 4}
    return f"{AGAIN} a quarter of the learning rate: {settings(changes)}"


def more_diverse(config: Config) -> str:
    """Against a generator that repeats itself: a game that compares with real images keeps their
    modes (Huang et al., 2025)."""
    if _gan(config).loss != "relativistic":
        changes = {"model.loss": "relativistic"} | _penalties(
            max(_gan(config).r1, _gan(config).r2) or USUAL_PENALTY
        )
        return f"{AGAIN} the relativistic loss and both penalties: {settings(changes)}"
    return higher_penalty(config)


def smaller_beta(config: Config) -> str:
    """Against a rate that costs more than what it tells is worth."""
    assert isinstance(config.model, AutoencoderConfig)
    warmup = config.optimizer.warmup_steps
    if config.train.steps < 2 * warmup:
        longer = settings({"train.steps": 10 * warmup})
        return f"The rate of learning had hardly risen when training ended: train longer, {longer}"
    beta = settings({"model.beta": min(1.0, config.model.beta / 4)})
    return f"{AGAIN} a smaller weight of the rate: {beta}"


def less_capacity(config: Config, *, stop: int | None = None) -> str:
    """Against a model that learns its images by heart."""
    if stop is not None:
        return (
            f"{AGAIN} fewer steps, as held-out images were best there: "
            f"{settings({'train.steps': stop})}; or train on more images."
        )
    model = config.model
    nets: dict[str, NetConfig]
    if isinstance(model, AutoencoderConfig):
        nets = {"encoder": model.encoder, "decoder": model.decoder}
    else:
        nets = {"generator": model.generator, "discriminator": model.discriminator}
    changes = {f"model.{name}.width": max(1, net.width // 2) for name, net in nets.items()}
    return f"{AGAIN} more images; or with smaller networks: {settings(changes)}"


def _gan(config: Config) -> GANConfig:
    assert isinstance(config.model, GANConfig)
    return config.model


def _penalties(value: float) -> dict[str, float | int | str]:
    return {"model.r1": value, "model.r2": value}
