"""GAN-train, or classification accuracy score: the accuracy of a classifier trained on samples.

A classifier is trained on n labelled samples and tested on real images. The accuracy is low if
samples have the wrong class, look unreal or lack diversity. The ceiling is the accuracy of a
classifier that is trained on equally many real images, with the same number of steps and the same
seed.

References:
    How good is my GAN? (Shmelkov, Schmid and Alahari, 2018), https://arxiv.org/abs/1807.09499
    Classification accuracy score for conditional generative models (Ravuri and Vinyals, 2019),
    https://arxiv.org/abs/1905.10887
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import prod

import torch
from torch import Tensor

from latentarium.classifier.training import train_classifier
from latentarium.data.class_counts import class_counts, without_unseen_classes
from latentarium.data.dataset import Data, Split, to_uint8
from latentarium.errors import UserError
from latentarium.metrics.conditional import confusion
from latentarium.shapes import Labels
from latentarium.stats.measurement import Interval
from latentarium.stats.shares import clopper_pearson
from latentarium.workers import run_together

BATCH_SIZE = 128
CHECKS = 4
"""Number of evaluations on the validation split, among which the weights are selected."""
LONG_TRAINING = 10_000_000
"""Pixels of all batches; a training with more takes longer than the start of a process."""


@dataclass(frozen=True, kw_only=True)
class GANTrain:
    """The accuracy on real test images of a classifier trained on samples.

    Arguments:
        accuracy: The accuracy, with its 95 % `interval`.
        per_class: The accuracy within each true class; None for a class without test images.
        ceiling: The accuracy of the classifier trained on real images, with its
            `ceiling_interval`.
        n: Number of images that each classifier was trained on.
        steps: Number of batches that each classifier was trained on.
        seed: The argument of `gan_train`.
    """

    accuracy: float
    interval: Interval
    per_class: tuple[float | None, ...]
    ceiling: float
    ceiling_interval: Interval
    n: int
    steps: int
    seed: int


def gan_train(
    sample: Callable[[Tensor], Tensor],
    data: Data,
    *,
    n: int = 10_000,
    steps: int = 600,
    seed: int = 0,
) -> GANTrain:
    """Train one classifier on samples and one on real images, and test both on real images.

    The weights of each classifier are selected on the real validation split; the test split is
    used once. Classes without training images are neither requested nor tested.

    Arguments:
        sample: Maps labels (n,) to images in [-1, 1].
        data: Real labelled images.
        n: Number of images to train on, with every requested class equally often. It is limited
            by the number of real training images.
        steps: Batches of 128 images that each classifier is trained on.
        seed: The seed of both classifiers and of the selection of real images.

    Raises:
        UserError: The data have no labels, or fewer than two classes with training images (code
            "too-few-classes").
    """
    classes = torch.tensor(class_counts(data.train, len(data.card.classes))).nonzero().squeeze(1)
    data = without_unseen_classes(data)
    if data.train.labels is None or data.test.labels is None or len(classes) < 2:
        raise UserError(
            f"{data.card.source} has training images of {len(classes)} classes; give labelled "
            "images of at least 2 classes for GAN-train.",
            code="too-few-classes",
        )
    n = min(n, len(data.train))
    requested = classes[torch.arange(n) % len(classes)]
    selected = torch.randperm(len(data.train), generator=torch.Generator().manual_seed(seed))[:n]
    sets = {
        "generated": Split(to_uint8(sample(requested)), requested),
        "real": Split(data.train.images[selected], data.train.labels[selected]),
    }
    truth = data.test.labels
    trainings = [
        partial(_predict, Data(data.card, train, data.validation, data.test), seed, steps)
        for train in sets.values()
    ]
    long = steps * BATCH_SIZE * prod(data.card.image_shape) > LONG_TRAINING
    predicted = dict(zip(sets, run_together(trainings, long=long), strict=True))
    hits = {name: int((labels == truth).sum()) for name, labels in predicted.items()}
    total = len(truth)
    return GANTrain(
        accuracy=hits["generated"] / total,
        interval=clopper_pearson(hits["generated"] / total, total),
        per_class=confusion(truth, predicted["generated"], len(data.card.classes)).shares,
        ceiling=hits["real"] / total,
        ceiling_interval=clopper_pearson(hits["real"] / total, total),
        n=n,
        steps=steps,
        seed=seed,
    )


def _predict(data: Data, seed: int, steps: int) -> Labels:
    """Train a classifier on the training split, and classify the test split."""
    classifier = train_classifier(
        data, seed=seed, steps=steps, batch_size=BATCH_SIZE, checks=CHECKS
    )
    return classifier.predict(data.test.images)
