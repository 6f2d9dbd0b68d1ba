"""Decide whether a configuration fits a data set, before a run is created.

The command line, Python and the studio share this rule. It has two parts. What no model can do,
such as learn from labels that don't exist, `train` refuses too. What only gives poor results, such
as fully connected layers on large images, is refused for the built-in presets only, and only if
the trunks and the image size are the preset's own: other values are a deliberate choice.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from latentarium.config import Config, setting
from latentarium.presets import debug, images, mnist, plane, small, stacked_mnist
from latentarium.texts import Text

if TYPE_CHECKING:
    from latentarium.data.dataset import Data

MAX_SIDE = 128
"""Largest height and width, in pixels, for which the presets are made."""
MAX_DENSE_VALUES = 4096
"""Largest number of values of an image for which fully connected presets are made."""
IMAGE_PRESETS = {
    preset.__name__: preset
    for module in (mnist, images, stacked_mnist, small, debug)
    for preset in module.PRESETS
}
OWN_IMAGE_PRESETS = {preset.__name__: preset for preset in images.PRESETS}
"""Presets for the images of the user, which have no data of their own."""
POINT_PRESETS = {preset.__name__: preset for preset in plane.PRESETS}


@dataclass(frozen=True, kw_only=True)
class DataSummary:
    """The properties of a data set that decide which presets fit it.

    Arguments:
        source: The name of the data set.
        image_shape: Channels, height, width.
        num_classes: Number of classes; 0 if there are no labels.
        num_train: Number of training images.
    """

    source: str
    image_shape: tuple[int, int, int]
    num_classes: int
    num_train: int

    @staticmethod
    def of(data: "Data") -> "DataSummary":
        """Return the summary of a data set."""
        return DataSummary(
            source=data.card.source,
            image_shape=data.card.image_shape,
            num_classes=len(data.card.classes),
            num_train=len(data.train),
        )

    @property
    def is_points(self) -> bool:
        """Whether the "images" are points, which have a single pixel."""
        return self.image_shape[1:] == (1, 1)

    def __str__(self) -> str:
        channels, height, width = self.image_shape
        classes = {0: "no labels", 1: "1 class"}.get(
            self.num_classes, f"{self.num_classes:,} classes"
        )
        return (
            f"{self.source} ({self.num_train:,} training images of {channels} x {height} x "
            f"{width}, {classes})"
        )


class Misfit(NamedTuple):
    """Why a configuration does not fit a data set.

    Arguments:
        code: A stable identifier; where `train` refuses the same mistake, its code.
        reason: A clause that names the configuration, the data and the conflict.
    """

    code: str
    reason: str


def find_misfit(config: Config, data: DataSummary) -> Misfit | None:
    """Return why a configuration does not fit a data set; None if it fits."""
    return _kind_misfit(config, data) or _label_misfit(config, data) or _size_misfit(config, data)


def size_warning(config: Config, image_shape: tuple[int, int, int]) -> str:
    """Return a sentence if images are larger than those for which a preset is made, or else ""."""
    side = max(image_shape[1:])
    if config.name not in IMAGE_PRESETS or side <= MAX_SIDE:
        return ""
    return (
        f"The images have {image_shape[1]} x {image_shape[2]} pixels, but {config.name} is made "
        f"for at most {MAX_SIDE} x {MAX_SIDE}: a step takes about {(side / MAX_SIDE) ** 2:.1f} "
        f"times as long as with --image-size {MAX_SIDE}."
    )


def _kind_misfit(config: Config, data: DataSummary) -> Misfit | None:
    name, model = _name(config), config.model
    if data.is_points:
        if any(trunk.kind == "conv" for trunk in model.trunks.values()):
            return Misfit(
                "image-too-small",
                Text(
                    "{name} has convolutional layers, which need images of at least 2 x 2 "
                    "pixels, but {source} has points in the plane",
                    name=name,
                    source=data.source,
                ),
            )
        if config.name in IMAGE_PRESETS:
            return Misfit(
                "preset-mismatch",
                Text(
                    "{name} is made for images, but {source} has points in the plane",
                    name=name,
                    source=data.source,
                ),
            )
    elif config.name in POINT_PRESETS:
        _, height, width = data.image_shape
        return Misfit(
            "preset-mismatch",
            Text(
                "{name} is made for points in the plane, but {source} has images of "
                "{height} x {width} pixels",
                name=name,
                source=data.source,
                height=height,
                width=width,
            ),
        )
    return None


def _label_misfit(config: Config, data: DataSummary) -> Misfit | None:
    name, model = _name(config), config.model
    if model.takes_label and data.num_classes == 0:
        return Misfit(
            "labels-missing",
            Text("{name} needs labels, but {source} has none", name=name, source=data.source),
        )
    if setting(model, "wrong_label_weight", 0) > 0 and data.num_classes == 1:
        return Misfit(
            "too-few-classes",
            Text(
                "{name} learns to refuse wrong labels, but {source} has only one class",
                name=name,
                source=data.source,
            ),
        )
    return None


def _size_misfit(config: Config, data: DataSummary) -> Misfit | None:
    name, settings = _name(config), config.train
    channels, height, width = data.image_shape
    shape = f"{channels} x {height} x {width}"
    if config.name in IMAGE_PRESETS:
        trunks = config.model.trunks
        is_unchanged = trunks == IMAGE_PRESETS[config.name]().model.trunks
        if (
            is_unchanged
            and any(trunk.kind == "mlp" for trunk in trunks.values())
            and channels * height * width > MAX_DENSE_VALUES
        ):
            return Misfit(
                "preset-mismatch",
                Text(
                    "{name} has fully connected layers, which suit images of at most "
                    "{max_dense_values:,} values, but the images of {source} are {shape} "
                    "(channels, height, width)",
                    name=name,
                    max_dense_values=MAX_DENSE_VALUES,
                    source=data.source,
                    shape=shape,
                ),
            )
        if settings.image_size == 0 and max(height, width) > MAX_SIDE:
            return Misfit(
                "preset-mismatch",
                Text(
                    "{name} is made for images of at most {max_side} x {max_side} pixels, but "
                    "those of {source} are {height} x {width}",
                    name=name,
                    max_side=MAX_SIDE,
                    source=data.source,
                    height=height,
                    width=width,
                ),
            )
    if data.num_train < settings.batch_size:
        return Misfit(
            "batch-too-large",
            Text(
                "batch_size is {batch_size}, but {source} has only {num_train} training images",
                batch_size=settings.batch_size,
                source=data.source,
                num_train=data.num_train,
            ),
        )
    return None


def _name(config: Config) -> str:
    return config.name or "The configuration"
