"""Suggest the presets that fit a data set."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from latentarium.config import Config
from latentarium.presets import images, mnist, plane, stacked_mnist
from latentarium.presets.fit import MAX_SIDE, DataSummary, find_misfit

if TYPE_CHECKING:
    from latentarium.data.dataset import Data

DEFAULT_SIZE = 64
"""Height and width, in pixels, to which larger images are fitted."""
MIN_PER_CLASS = 20
"""With fewer training images per class, presets that take no label come first."""
Preset = Callable[[], Config]
FOR_IMAGES: tuple[Preset, ...] = (
    images.cgan_images,
    images.cvae_images,
    images.vae_images,
    images.gan_images,
    images.ae_images,
)
FOR_DIGITS: tuple[Preset, ...] = (
    mnist.cgan_mnist,
    mnist.cvae_mnist,
    mnist.vae_class_mnist,
    mnist.vae_mnist,
    mnist.gan_mnist,
    mnist.ae_mnist,
)
FOR_BINARY_DIGITS: tuple[Preset, ...] = (mnist.vae_dynamic_mnist, mnist.gan_mnist)
FOR_STACKED_DIGITS: tuple[Preset, ...] = (
    stacked_mnist.gan_stacked_mnist,
    stacked_mnist.gan_stacked_small,
)
FOR_POINTS: tuple[Preset, ...] = (plane.gan_grid, plane.vae_grid, plane.gan_ring, plane.vae_ring)


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """A preset that fits a data set, and the settings that differ from the preset's own.

    Arguments:
        preset: The name of the preset.
        image_size: Height and width to which the images are to be fitted when they are loaded;
            0 keeps the size of the images.
        batch_size: The batch size, if there are fewer training images than the preset's batch
            size; 0 keeps that of the preset.
    """

    preset: str
    image_size: int = 0
    batch_size: int = 0

    @property
    def config(self) -> Config:
        """The configuration of the preset with these settings."""
        (preset,) = [preset for preset in _ALL if preset.__name__ == self.preset]
        return _adapt(preset(), self.image_size, self.batch_size)

    @property
    def options(self) -> list[str]:
        """The options of `latentarium train` that give these settings."""
        options = ["--image-size", str(self.image_size)] if self.image_size else []
        if self.batch_size:
            options += ["--train.batch-size", str(self.batch_size)]
        return options


def suggest(data: "Data | DataSummary") -> tuple[Suggestion, ...]:
    """Return the presets that fit a data set, the most suitable first.

    ```python
    data = la.load_data("pictures/")
    best = la.presets.suggest(data)[0]
    run = la.train(best.config, "runs/pictures", data)
    ```

    Images with a side of more than 128 pixels are to be loaded again, with `best.image_size`.

    Arguments:
        data: The data set, or a summary of it.

    Returns:
        One or more suggestions. If there are at least two classes with 20 or more training images
        on average, conditional models come first.
    """
    summary = data if isinstance(data, DataSummary) else DataSummary.of(data)
    _, height, width = summary.image_shape
    size = DEFAULT_SIZE if max(height, width) > MAX_SIDE else 0
    suggestions: list[Suggestion] = []
    for preset in _candidates(summary):
        config = preset()
        batch = 0
        if summary.num_train < config.train.batch_size:
            batch = 1 << (max(1, summary.num_train).bit_length() - 1)
        if find_misfit(_adapt(config, size, batch), summary) is None:
            suggestions.append(Suggestion(preset=config.name, image_size=size, batch_size=batch))
    return tuple(suggestions)


def _candidates(data: DataSummary) -> list[Preset]:
    """Return the presets for this kind of data, the most suitable first."""
    if data.is_points:
        presets = [preset for preset in FOR_POINTS if preset().train.data == data.source]
        return presets or list(FOR_POINTS)
    named: dict[tuple[str, tuple[int, int, int]], tuple[Preset, ...]] = {
        ("mnist-dynamic", (1, 28, 28)): FOR_BINARY_DIGITS,
        ("stacked-mnist", (3, 28, 28)): FOR_STACKED_DIGITS,
    }
    presets = named.get((data.source, data.image_shape))
    if presets is None:
        presets = FOR_DIGITS if data.image_shape == (1, 28, 28) else FOR_IMAGES
    if data.num_classes < 2:
        return [preset for preset in presets if not preset().model.takes_label]
    few = data.num_train < MIN_PER_CLASS * data.num_classes
    return sorted(presets, key=lambda preset: few and preset().model.takes_label)


def _adapt(config: Config, image_size: int, batch_size: int) -> Config:
    settings = replace(
        config.train,
        image_size=image_size or config.train.image_size,
        batch_size=batch_size or config.train.batch_size,
    )
    return replace(config, train=settings)


_ALL: tuple[Preset, ...] = (
    *FOR_IMAGES, *FOR_DIGITS, *FOR_BINARY_DIGITS, *FOR_STACKED_DIGITS, *FOR_POINTS,
)  # fmt: skip
