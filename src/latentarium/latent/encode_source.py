"""Encode all images of a source with the model of a run."""

import warnings
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from latentarium.config import DataCard
from latentarium.data.dataset import Data, Split, to_float
from latentarium.data.preparation import LUMINANCE
from latentarium.data.sources import load_data, load_training_data
from latentarium.errors import UserError
from latentarium.latent.calibration import levels_of
from latentarium.latent.latent_map import LatentMap
from latentarium.latent.latent_table import LatentTable
from latentarium.models.base import LatentModel
from latentarium.models.labels import class_index
from latentarium.run import Run
from latentarium.shapes import Images, LabelSet, LatentSet, PerPoint, SoftLabelSet
from latentarium.unchecked import unchecked_inputs

BATCH_SIZE = 500
Progress = Callable[[int, str], None]
"""Is called with the number of finished images, and the name of the split."""


def load_source(
    run: Run, source: str, labels: str | None = None, *, label_column: str = "", keys: str = ""
) -> Data:
    """Load images for the model of a run; they need not be those that it was trained on.

    Arguments:
        run: The run. Its training data are read as for the training.
        source: As for `latentarium.load_data`. Images are fitted to the size of the model's, and
            converted to grey or colour as the model takes them.
        labels, label_column, keys: As for `latentarium.load_data`.

    Raises:
        UserError: The source can't be loaded, or its images have another shape than the model's
            (code "data-mismatch").
    """
    settings = run.config.train
    if source == settings.data and not (labels or label_column or keys):
        data = load_training_data(settings, value_range=run.data.value_range)
    else:
        _, height, width = run.data.image_shape
        data = load_data(
            source,
            labels,
            size=height if height == width > 1 else 0,
            label_column=label_column,
            keys=keys,
            value_range=run.data.value_range,
        )
    data = _with_channels(data, run.data.image_shape[0])
    require_shape(data.card, run.data)
    return data


def _with_channels(data: Data, channels: int) -> Data:
    """Convert colour images for a model of grey ones, or grey images for a model of colour."""
    given = data.card.image_shape[0]
    if {given, channels} != {1, 3} or data.train.images.dtype != torch.uint8:
        return data
    names = {1: "grey", 3: "colour"}
    warnings.warn(
        f"The images of {data.card.source} are converted from {names[given]} to "
        f"{names[channels]}, which the model takes.",
        stacklevel=3,
    )
    card = replace(data.card, image_shape=(channels, *data.card.image_shape[1:]))
    splits = {
        name: Split(_to_channels(split.images, channels), split.labels)
        for name, split in data.splits().items()
    }
    return replace(data, card=card, **splits)


def _to_channels(images: Tensor, channels: int) -> Tensor:
    """Return uint8 images (N, 1 or 3, H, W) with the other number of channels.

    The grey value of a colour is its luma (ITU-R BT.601).
    """
    if channels == 3:
        return images.expand(-1, 3, -1, -1)
    grey = torch.empty(len(images), 1, *images.shape[2:], dtype=torch.uint8)
    luma = torch.from_numpy(LUMINANCE).float()[:, None, None]
    for start in range(0, len(images), BATCH_SIZE):
        rows = slice(start, start + BATCH_SIZE)
        grey[rows] = (images[rows] * luma).sum(1, keepdim=True).round()
    return grey


def require_shape(given: DataCard, expected: DataCard) -> None:
    """Refuse images of another shape than the model's (code "data-mismatch")."""
    if given.image_shape != expected.image_shape:
        raise UserError(
            f"The images of {given.source} have shape {given.image_shape} (channels, height, "
            f"width), and the model takes {expected.image_shape}: convert them to this shape.",
            code="data-mismatch",
        )


def labels_for(model: LatentModel, data: Data, split: Split) -> LabelSet | None:
    """Return the labels that a model with a conditional encoder or decoder needs.

    Classes are matched by name.

    Returns:
        The model's class numbers; None for a model that needs none.

    Raises:
        UserError: The data have no labels (code "label-missing"), or the model does not know one
            of their classes (code "unknown-class").
    """
    if not model.decodes_label:
        return None
    if split.labels is None:
        raise UserError(
            f"This model needs the label of each image, and {data.card.source} has none: give "
            "labels (--labels), or use a model without labels.",
            code="label-missing",
        )
    numbers = torch.tensor([class_index(name, model.classes) for name in data.card.classes])
    return numbers[split.labels]


def encode_source(
    model: LatentModel,
    data: Data,
    trust: LatentMap | None = None,
    progress: Progress | None = None,
) -> LatentTable:
    """Encode all images of all splits.

    A latent is the mean of the posterior of its image. The trust of an image is the level of its
    reconstruction: the share of held-out images whose reconstructions are at least as unusual. It
    is 0 if the classifier reads another class in the reconstruction than in the image; see
    `latentarium.latent.calibration`. For a model whose decoder takes a label, it is the level of
    the decoded image.

    Arguments:
        model: A model in evaluation mode.
        data: Images of the model's shape.
        trust: The map of the model and its training data, which measures the trust; None leaves
            it out.
        progress: Reports the progress.

    Raises:
        UserError: The model has no encoder (code "no-encoder"), or as for `labels_for`.
    """
    require_encoder(model)
    latents: list[LatentSet] = []
    levels: list[PerPoint] = []
    done = 0
    for name, split in data.splits().items():
        labels = labels_for(model, data, split)
        for start in range(0, len(split), BATCH_SIZE):
            rows = slice(start, start + BATCH_SIZE)
            x, y = to_float(split.images[rows]), None if labels is None else labels[rows]
            z = posterior_mean(model, x, y)
            latents.append(z)
            if trust is not None:
                levels.append(_levels(trust, z, x, y))
            done += len(x)
            if progress is not None:
                progress(done, name)
    return _table(torch.cat(latents), torch.cat(levels).float().numpy() if levels else None, data)


def require_encoder(model: LatentModel) -> None:
    """Raise the error of a model without an encoder (code "no-encoder")."""
    if not model.has_encoder:
        model.encode(torch.zeros(1, *model.image_shape))


def posterior_mean(
    model: LatentModel, x: Images, y: LabelSet | SoftLabelSet | None = None
) -> LatentSet:
    """Return the mean of each image's posterior, on the CPU."""
    label = None if y is None else y.to(model.device)
    with torch.no_grad(), unchecked_inputs():
        return model.encode(x.to(model.device), label).mean.float().cpu()


def open_map(run: Run, model: LatentModel, data: str | None = None) -> LatentMap:
    """Return the map of a run's model and its training data.

    Arguments:
        run: The run.
        model: Its model.
        data: The new source of the training data, if they have moved.

    Raises:
        UserError: The training data can't be loaded, as for `Run.load_data`.
    """
    return LatentMap(model, run.load_data(data))


def _levels(trust: LatentMap, z: LatentSet, x: Images, y: LabelSet | None) -> PerPoint:
    if y is None:
        scored = trust.decode_scored(z, real=x)
    else:
        scored = trust.decode_scored(z, trust.decoder.class_weights(y, len(y)))
    return levels_of(scored.scores)


def _table(z: LatentSet, trust: np.ndarray | None, data: Data) -> LatentTable:
    """Return latents with what is known about their images, in the order of the splits."""
    splits = data.splits()
    labels = [split.labels.numpy() for split in splits.values() if split.labels is not None]
    files = [data.files.get(name, ("",) * len(split)) for name, split in splits.items()]
    return LatentTable(
        z=z,
        split=tuple(name for name, split in splits.items() for _ in range(len(split))),
        index=np.concatenate([np.arange(len(split)) for split in splits.values()]),
        label=np.concatenate(labels) if labels else None,
        classes=data.card.classes,
        file=tuple(name for names in files for name in names) if data.files else None,
        trust=trust,
    )
