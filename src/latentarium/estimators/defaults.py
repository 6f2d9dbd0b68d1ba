"""The configurations of estimators: defaults that fit the data, presets, and `Config` objects."""

from dataclasses import replace
from typing import Any

from latentarium import presets
from latentarium.arguments import describe
from latentarium.config import (
    AutoencoderConfig,
    Config,
    NetConfig,
    OptimizerConfig,
    TrainConfig,
    name_of,
)
from latentarium.config import setting as setting_of
from latentarium.errors import UserError
from latentarium.estimators.data_format import DataFormat
from latentarium.presets.mnist import SMALL_OUTPUT
from latentarium.presets.variants import vary
from latentarium.registry import component

FAMILIES = ("ae", "vae", "gan")
"""Names that stand for a default configuration."""
MAX_DENSE_VALUES = 1024
"""Largest number of values of an image for which the default trunks are fully connected."""
MIN_CONV_SIDE = 16
"""Shortest side, in pixels, of images for which the default trunks are convolutional."""
MAX_NARROW_VALUES = 256
"""Largest number of values of an image for which the default trunks are narrow."""
MIN_STEPS = 60
TABLE_STEPS = 4000
"""Limits of the default number of steps, which is that of the samples. The upper one for images is
the number of the preset."""
NARROW = NetConfig(kind="mlp", width=64, depth=2)


def resolve_config(
    choice: object,
    data_format: DataFormat,
    num_samples: int,
    *,
    labelled: bool = False,
    generates: bool = False,
) -> Config:
    """Return the configuration that an estimator's parameter `config` stands for.

    Arguments:
        choice: "ae", "vae" or "gan" for a default; the name of a preset; or a `Config`.
        data_format: The format of the training data.
        num_samples: The number of training samples.
        labelled: Whether a default configuration takes labels.
        generates: Whether the default for a table keeps all details, instead of compressing.

    Raises:
        UserError: The choice is no configuration (code "wrong-type"), there is no such preset
            (code "unknown-preset"), or it does not fit a table (code "preset-mismatch").
    """
    if isinstance(choice, Config):
        config = choice
    elif not isinstance(choice, str):
        raise UserError(
            f"config is {describe(choice)}; it must be {', '.join(FAMILIES)}, the name of a "
            "preset, or a Config.",
            code="wrong-type",
        )
    elif choice in FAMILIES:
        config = (
            _table_config(choice, data_format.num_features, generates)
            if data_format.is_table
            else _image_config(choice, data_format.model_shape)
        )
        if labelled:
            config = replace(config, model=replace(config.model, **{"conditional": True}))
        config = _with_steps(config, num_samples)
    else:
        config = presets.get(choice)
    if data_format.is_table:
        _require_table_config(config)
    return config


def with_overrides(
    config: Config,
    num_samples: int,
    *,
    latent_dim: int | None,
    steps: int | None,
    batch_size: int | None,
    learning_rate: float | None,
    device: str,
    seed: int,
) -> Config:
    """Return a configuration with the values of an estimator's parameters that are not None.

    Batches are at most as large as the training data. Nothing is saved during a training.
    """
    model: dict[str, Any] = {} if latent_dim is None else {"latent_dim": latent_dim}
    rate = {} if learning_rate is None else {"learning_rate": learning_rate}
    size = config.train.batch_size if batch_size is None else batch_size
    count = config.train.steps if steps is None else steps
    return replace(
        config,
        model=replace(config.model, **model),
        optimizer=replace(config.optimizer, **rate),
        train=replace(
            config.train,
            steps=count,
            batch_size=min(size, num_samples),
            device=device,
            seed=seed,
            snapshots=0,
            sample_every=0,
        ),
    )


def _with_steps(config: Config, num_samples: int) -> Config:
    """Return a default configuration whose number of steps follows from that of the samples."""
    longest = config.train.steps
    steps = min(max(MIN_STEPS, num_samples), longest)
    return replace(
        config,
        optimizer=replace(
            config.optimizer, warmup_steps=min(config.optimizer.warmup_steps, steps // 10)
        ),
        train=replace(config.train, steps=steps),
    )


def _table_config(family: str, num_features: int, generates: bool) -> Config:
    if family == "gan":
        trunk = replace(NARROW, width=128, depth=3)
        base = presets.get("gan_grid")
        model = {
            "latent_dim": min(16, max(2, num_features)), "r1": 0.1, "r2": 0.1,
            "generator": trunk, "discriminator": trunk,
        }  # fmt: skip
        return vary(base, "", model=model, train={"steps": TABLE_STEPS, "batch_size": 128})
    return Config(
        model=AutoencoderConfig(
            latent_dim=min(16, max(1, num_features // (1 if generates else 2))),
            posterior="point" if family == "ae" else "gaussian",
            likelihood="gaussian",
            likelihood_std=0.1 if generates else 0.3,
            encoder=NARROW,
            decoder=NARROW,
        ),
        optimizer=OptimizerConfig(learning_rate=4e-3, warmup_steps=100),
        train=TrainConfig(steps=TABLE_STEPS),
    )


def _image_config(family: str, shape: tuple[int, int, int]) -> Config:
    channels, height, width = shape
    values = channels * height * width
    is_small = values <= MAX_DENSE_VALUES or min(height, width) < MIN_CONV_SIDE
    config = presets.get(f"{family}_mnist" if is_small else f"{family}_images")
    if family == "gan" and min(height, width) < MIN_CONV_SIDE:
        trunk = NetConfig(kind="mlp", width=256, depth=2)
        return vary(config, "", model={"generator": trunk, "discriminator": trunk})
    if family != "gan" and values <= MAX_NARROW_VALUES:
        trunk = replace(NARROW, width=128)
        decoder = replace(trunk, output_scale=SMALL_OUTPUT)
        return vary(config, "", model={"encoder": trunk, "decoder": decoder})
    if family == "vae" and not is_small:
        return vary(config, "", model={"beta": 1.0})
    return replace(config, name="")


def _require_table_config(config: Config) -> None:
    """Check that a configuration fits a table, whose values have no bounds."""
    reason, likelihood = "", setting_of(config.model, "likelihood")
    if any(trunk.kind == "conv" for trunk in config.model.trunks.values()):
        reason = "has convolutional layers"
    elif likelihood is not None and component("likelihood", name_of(likelihood)).discrete:
        reason = f"has the likelihood '{name_of(likelihood)}', which needs pixels"
    elif setting_of(config.model, "bounded", False):
        reason = "generates pixels in [-1, 1]"
    if reason:
        raise UserError(
            f"{config.name or 'The configuration'} {reason}, but X is a table: give image_shape "
            "if the rows are images; otherwise choose fully connected trunks, likelihood "
            "'gaussian' or bounded=False.",
            code="preset-mismatch",
        )
