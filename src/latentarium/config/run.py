"""The configuration of a run, and the facts about its data."""

from dataclasses import dataclass, field
from typing import Annotated, Any

from latentarium.config.components import require_settings_of
from latentarium.config.family import ModelConfig
from latentarium.config.limits import Range
from latentarium.config.training import OptimizerConfig, TrainConfig
from latentarium.config.validation import Settings

Side = Annotated[int, Range(1, 100_000)]


@dataclass(frozen=True, kw_only=True)
class Config(Settings):
    """Everything that defines a run. The same Config and data give the same weights."""

    name: str = ""
    """Name of the preset; it does not affect the training."""
    model: ModelConfig
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    train: TrainConfig = field(default_factory=TrainConfig)

    def check(self) -> None:
        require_settings_of("family", self.model.family, self.model, "model")


@dataclass(frozen=True, kw_only=True)
class DataCard(Settings):
    """Facts about the training data that a model needs when the data is not available."""

    source: str
    fingerprint: str
    """SHA-256 of pixels and labels."""
    image_shape: tuple[Side, Side, Side]
    """Channels, height, width."""
    classes: tuple[str, ...] = ()
    """Names of the classes in the order of their numbers; empty if there are no labels."""
    value_range: tuple[float, float] | None = None
    """The values that became 0 and 255, if the images had more than 8 bits per value."""


def setting(config: object, name: str, default: Any = None) -> Any:  # noqa: ANN401
    """Return a setting by its full name, such as "model.r1" of a `Config`; `default` if it
    does not exist."""
    value: object = config
    for part in name.split("."):
        if not hasattr(value, part):
            return default
        value = getattr(value, part)
    return value
