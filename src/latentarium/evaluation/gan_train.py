"""GAN-train, or classification accuracy score: what generated images alone teach a classifier.

A classifier is trained on n labelled samples and tested on real images. It is low where samples
are wrong, unreal, or too alike. The ceiling is the same classifier with as many real images, as
many steps and the same seed.

References:
    How good is my GAN? (Shmelkov, Schmid and Alahari, 2018), https://arxiv.org/abs/1807.09499
    Classification accuracy score for conditional generative models (Ravuri and Vinyals, 2019),
    https://arxiv.org/abs/1905.10887
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from latentarium.classifier.training import train_classifier
from latentarium.data.dataset import Data, Split, to_uint8
from latentarium.errors import UserError
from latentarium.metrics.conditional import confusion
from latentarium.stats.intervals import Interval, wilson


@dataclass(frozen=True, kw_only=True)
class GANTrain:
    """Accuracy on real test images of a classifier of generated ones."""

    accuracy: float
    interval: Interval
    per_class: tuple[float | None, ...]
    """Per true class; None where the test split has none."""
    ceiling: float
    """Of the same classifier trained on as many real images."""
    ceiling_interval: Interval
    n: int
    """Images that each classifier was trained on."""
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
    """Trains both classifiers; which of their weights are used is chosen on the real validation
    split, and each is scored once on the test split.

    Arguments:
        sample: From labels (n,) to images in [-1, 1].
        data: Real labelled images.
        n: Images to train on, every class equally often; at most as many as there are real ones.
        steps: Batches of 128 that each classifier sees.
        seed: Of both classifiers, and of the choice of real images.

    Raises:
        UserError: The data have no labels, or fewer than two classes.
    """
    if data.train.labels is None or data.test.labels is None or len(data.card.classes) < 2:
        raise UserError(
            f"{data.card.source} has no classes to tell apart: GAN-train needs labels of at least "
            "2 classes."
        )
    n = min(n, len(data.train))
    asked = torch.arange(n) % len(data.card.classes)
    chosen = torch.randperm(len(data.train), generator=torch.Generator().manual_seed(seed))[:n]
    sets = {
        "generated": Split(to_uint8(sample(asked)), asked),
        "real": Split(data.train.images[chosen], data.train.labels[chosen]),
    }
    truth, judged = data.test.labels, {}
    for name, train in sets.items():
        part = Data(data.card, train, data.validation, data.test)
        classifier = train_classifier(part, seed=seed, steps=steps, checks=4)
        judged[name] = classifier.predict(data.test.images)
    hits = {name: int((found == truth).sum()) for name, found in judged.items()}
    total = len(truth)
    return GANTrain(
        accuracy=hits["generated"] / total,
        interval=wilson(hits["generated"], total),
        per_class=confusion(truth, judged["generated"], len(data.card.classes)).shares,
        ceiling=hits["real"] / total,
        ceiling_interval=wilson(hits["real"], total),
        n=n,
        steps=steps,
        seed=seed,
    )
