"""Settings of the optimizers and of the training."""

from dataclasses import dataclass
from typing import Literal

from latentarium.config.validation import require, require_at_least, require_seed


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """Adam (Kingma and Ba, 2015) and its learning-rate schedule; each player has one optimizer."""

    learning_rate: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    warmup_steps: int = 0
    """Steps over which the learning rate rises linearly from 0."""
    decay: Literal["constant", "cosine"] = "cosine"
    """cosine: the rate falls to `final_fraction` times `learning_rate` at the last step."""
    final_fraction: float = 0.0

    def __post_init__(self) -> None:
        require(
            self.learning_rate > 0,
            f"learning_rate is {self.learning_rate}; it must be more than 0.",
        )
        for name in ("beta1", "beta2"):
            value = getattr(self, name)
            require(0 <= value < 1, f"{name} is {value}; it must be at least 0 and below 1.")
        require_at_least(self, 0, "warmup_steps")
        require(
            0 <= self.final_fraction <= 1,
            f"final_fraction is {self.final_fraction}; it must be between 0 and 1.",
        )


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Settings of a training: its data, its length, and what it logs and saves."""

    data: str = "mnist"
    """Source of the training data, as `load_data` takes it."""
    labels: str = ""
    """Path of a file of labels for data without labels of its own; "": none."""
    label_column: str = ""
    """Column of a table that contains the labels; "": the column that is named like labels."""
    keys: str = ""
    """Names of arrays or columns, such as images=data,labels=t; "": those that are named so."""
    image_size: int = 0
    """Height and width, in pixels, to which images are fitted; 0: the size of the images, or 64 if
    their sizes differ."""
    steps: int = 2000
    """Rounds of the game. In each round every player moves once."""
    batch_size: int = 128
    """Number of images that a player sees in one move."""
    seed: int = 0
    """Seed of the training; all random numbers are a function of (seed, step)."""
    ema_halflife: int = 0
    """Half-life of the exponential moving average of the weights, in images; 0: no averaging."""
    log_every: int = 50
    """Steps between rows of the log."""
    sample_every: int = 500
    """Steps between saved grids of samples, which always have the same latents; 0: no grids."""
    checkpoint_every: int = 500
    """Steps between checkpoints."""
    snapshots: int = 0
    """Number of snapshots of the weights, spaced evenly in log(step); 0: no snapshots."""
    device: str = "auto"
    """auto: a GPU if there is one, else the CPU; or the name of a torch device."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """bfloat16: mixed precision, in which layers compute in bfloat16 during training; weights,
    losses and measurements stay float32. Faster on hardware that supports bfloat16."""

    def __post_init__(self) -> None:
        require_at_least(self, 1, "steps", "batch_size", "log_every", "checkpoint_every")
        require_at_least(self, 0, "sample_every", "snapshots", "ema_halflife", "image_size")
        require_seed(self.seed)
