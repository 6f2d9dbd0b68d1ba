"""A model beside real data, as the metrics see it: samples, features, latents, each once."""

from dataclasses import dataclass, field, replace
from functools import cached_property

import torch
from torch import Tensor

from latentarium.classifier.classifier import Judge
from latentarium.data.arrays import fixed_permutation
from latentarium.data.dataset import Data, Split
from latentarium.metrics.extractors import Extractor
from latentarium.models.base import LatentModel
from latentarium.models.inference import encode, reconstruct
from latentarium.shapes import Images, LatentSet


@dataclass
class Subject:
    """What is measured.

    Arguments:
        model: In evaluation mode.
        data: Real images of the kind that it was trained on, after `shuffle_test`.
        extractor: Turns images into features.
        judge: A classifier of real images; None where there are no labels.
        n: Samples, and at most as many real test images.
        seed: Of every draw.
        nll_samples: Importance samples for each image.
    """

    model: LatentModel
    data: Data
    extractor: Extractor
    judge: Judge | None
    n: int
    seed: int
    nll_samples: int = 500
    left_out: dict[str, str] = field(default_factory=dict)
    """Filled on the way: what could not be measured, and why."""

    @property
    def kind(self) -> str:
        """What kind of model it is, in words."""
        return kind_of(self.model)

    @property
    def encodes(self) -> bool:
        """Whether the model has an encoder."""
        return self.model.has_encoder

    @cached_property
    def test(self) -> Split:
        """The real images that samples are measured beside: the first n of the test split."""
        return first(self.data.test, self.n)

    @cached_property
    def asked(self) -> Tensor:
        """The labels asked for: every class equally often."""
        return torch.arange(self.n) % max(1, self.model.num_classes)

    @cached_property
    def samples(self) -> Images:
        """n images from the model's prior, under the labels asked for where it takes labels."""
        label = self.asked if self.model.takes_label else None
        return self.model.sample(self.n, label, seed=self.seed)

    @cached_property
    def features(self) -> Tensor:
        """The extractor's features of the samples."""
        return self.extractor.features(self.samples)

    @cached_property
    def real_features(self) -> Tensor:
        """The extractor's features of the real test images."""
        return self.extractor.features(self.test.images)

    @cached_property
    def judged(self) -> Tensor:
        """The class that the judge sees in each sample."""
        assert self.judge is not None  # asked only where there is one
        return self.judge.predict(self.samples)

    @cached_property
    def train_codes(self) -> LatentSet:
        """A draw from the posterior of each training image."""
        return encode(self.model, self.data.train, self.seed)

    @cached_property
    def test_codes(self) -> LatentSet:
        """A draw from the posterior of each test image."""
        return encode(self.model, self.data.test, self.seed)

    @cached_property
    def reconstructions(self) -> Images:
        """The test images, encoded and decoded."""
        return reconstruct(self.model, self.test)


def kind_of(model: LatentModel) -> str:
    """What kind of model it is, in words."""
    return model.kind


def first(split: Split, n: int) -> Split:
    """The first n images with their labels."""
    return Split(split.images[:n], None if split.labels is None else split.labels[:n])


def scattered(split: Split, n: int) -> Split:
    """n images from all over a split, the same ones each time: a file may be sorted by class."""
    order = torch.from_numpy(fixed_permutation(len(split))[:n])
    return Split(split.images[order], None if split.labels is None else split.labels[order])


def stratified(split: Split, n: int) -> Split:
    """n images from all over a split, the same ones each time, each class with its share of them
    (rounded, the largest remainders up). Without labels, as `scattered`."""
    if split.labels is None or n >= len(split):
        return scattered(split, n)
    order = torch.from_numpy(fixed_permutation(len(split)))
    counts = split.labels.bincount().double()
    wanted = counts * n / len(split)
    share = wanted.floor()
    left = (wanted - share).argsort(descending=True, stable=True)[: n - int(share.sum())]
    share[left] += 1
    labels = split.labels[order]
    chosen = torch.zeros(len(order), dtype=torch.bool)
    for label, count in enumerate(share.long().tolist()):
        chosen[(labels == label).nonzero()[:count]] = True
    order = order[chosen]
    return Split(split.images[order], split.labels[order])


def shuffle_test(data: Data) -> Data:
    """The same data, with the test split in an order that never changes but is not the file's:
    the halves of a file may differ (MNIST's do), and parts are measured beside parts."""
    return replace(data, test=scattered(data.test, len(data.test)))
