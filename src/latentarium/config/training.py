"""Settings of the optimizers and of the training."""

from dataclasses import dataclass
from typing import Annotated, Literal

from latentarium.config.limits import NOT_EMPTY, Range, Seed
from latentarium.config.validation import Settings

MAX_COUNT = 10**12
"""Largest number of steps or images, far above any use."""
Interval = Annotated[int, Range(1, MAX_COUNT)]
Count = Annotated[int, Range(0, MAX_COUNT)]


@dataclass(frozen=True, kw_only=True)
class OptimizerConfig(Settings):
    """Adam (Kingma and Ba, 2015) and its learning-rate schedule; each player has one optimizer."""

    learning_rate: Annotated[float, Range(above=0)] = 1e-3
    """Step size of Adam: its highest value, after the warm-up and before the decay."""
    beta1: Annotated[float, Range(low=0, below=1)] = 0.9
    """Decay of Adam's running mean of the gradients; 0: no momentum, as is usual for GANs."""
    beta2: Annotated[float, Range(low=0, below=1)] = 0.999
    """Decay of Adam's running mean of the squared gradients."""
    warmup_steps: Count = 0
    """Steps over which the learning rate rises linearly from 0."""
    decay: Literal["constant", "cosine"] = "cosine"
    """cosine: the rate falls to `final_fraction` times `learning_rate` at the last step."""
    final_fraction: Annotated[float, Range(0, 1)] = 0.0
    """cosine: the learning rate at the last step, as a fraction of `learning_rate`."""
    max_gradient_norm: Annotated[float, Range(0)] = 0.0
    """Largest norm of a player's gradient: a larger gradient is scaled down to it (Pascanu et al.,
    2013), so that one unusual batch can't ruin a long training; 0: no limit."""


@dataclass(frozen=True, kw_only=True)
class TrainConfig(Settings):
    """Settings of a training: its data, its length, and what it logs and saves."""

    data: Annotated[str, NOT_EMPTY] = "mnist"
    """Source of the training data, as `load_data` takes it."""
    labels: str = ""
    """Path of a file of labels for data without labels of its own; "": none."""
    label_column: str = ""
    """Column of a table that contains the labels; "": the column that is named like labels."""
    keys: str = ""
    """Names of arrays or columns, such as images=data,labels=t; "": those that are named so."""
    image_size: Annotated[int, Range(0, 16_384)] = 0
    """Height and width, in pixels, to which images are fitted; 0: the size of the images, or 64 if
    their sizes differ."""
    steps: Interval = 2000
    """Rounds of the game. In each round every player moves once."""
    batch_size: Annotated[int, Range(1, 10**8)] = 128
    """Number of images that a player sees in one move."""
    seed: Seed = 0
    """Seed of the training; all random numbers are a function of (seed, step)."""
    ema_halflife: Count = 0
    """Half-life of the exponential moving average of the weights, in images; 0: no averaging."""
    log_every: Interval = 50
    """Steps between rows of the log."""
    sample_every: Count = 500
    """Steps between saved grids of samples, which always have the same latents; 0: no grids."""
    checkpoint_every: Interval = 500
    """Steps between checkpoints."""
    snapshots: Annotated[int, Range(0, 10_000)] = 0
    """Number of snapshots of the weights, spaced evenly in log(step); 0: no snapshots."""
    device: Annotated[str, NOT_EMPTY] = "auto"
    """auto: a GPU if there is one, else the CPU; or the name of a torch device."""
    threads: Annotated[int, Range(0, 1024)] = 0
    """CPU threads of the training; 0: chosen before the first step, one for a small model."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """bfloat16: mixed precision, in which trunks compute in bfloat16 during training; weights,
    losses and measurements stay float32. auto: chosen before the first step, bfloat16 for a large
    model on one thread of a CPU that computes in bfloat16."""
