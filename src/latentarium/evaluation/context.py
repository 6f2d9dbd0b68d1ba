"""Inputs that the sections of an evaluation share: model, data, and results computed once."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from latentarium.classifier.classifier import Classifier
from latentarium.data.class_counts import class_counts
from latentarium.data.dataset import Data, Split
from latentarium.data.subsets import first, scattered
from latentarium.evaluation.game_protocol import RESPONSE_STEPS
from latentarium.evaluation.reasons import Reason
from latentarium.metrics.extractors import Extractor
from latentarium.models.base import LatentModel
from latentarium.models.inference import encode, reconstruct
from latentarium.shapes import Images, LatentSet, Pixels


@dataclass
class EvaluationContext:
    """A model with the data, extractor and settings that it is evaluated with.

    Samples, features and latents are computed at first use and shared by all sections.

    Arguments:
        model: A model in evaluation mode.
        data: Real images like those that the model was trained on, after `without_unseen_classes`
            and `shuffle_test_split`.
        extractor: Maps images to features.
        classifier: A classifier of real images; None if there is none.
        n: The number of samples, and the largest number of real test images.
        seed: The seed of all random numbers.
        nll_samples: Importance samples per image.
        gan_train_steps: Training batches of each classifier of GAN-train.
        response_steps: Moves of the longest best responses, for the duality gap.
    """

    model: LatentModel
    data: Data
    extractor: Extractor
    classifier: Classifier | None
    n: int
    seed: int
    nll_samples: int = 500
    gan_train_steps: int = 600
    response_steps: int = RESPONSE_STEPS
    tables: dict[str, Any] = field(default_factory=dict)
    """Results that are more than one number, as JSON values; filled by the sections."""
    left_out: dict[str, Reason | str] = field(default_factory=dict)
    """Names of the quantities that can't be measured, with the reasons: those that were known
    before the evaluation, and those that the sections add."""

    @cached_property
    def test(self) -> Split:
        """The real images that samples are compared with: the first n of the test split."""
        return first(self.data.test, self.n)

    @cached_property
    def sampled_classes(self) -> Tensor:
        """The numbers of the classes that samples are requested for: those with training images,
        or all classes if the data has no labels."""
        counts = class_counts(self.data.train, self.model.num_classes)
        if not counts:
            return torch.arange(max(1, self.model.num_classes))
        return torch.tensor(counts).nonzero().squeeze(1)

    @cached_property
    def requested_labels(self) -> Tensor:
        """The labels that samples are requested for: every class equally often."""
        return self.spread_labels(self.n)

    def spread_labels(self, n: int) -> Tensor:
        """Return n labels with `sampled_classes` equally often."""
        return self.sampled_classes[torch.arange(n) % len(self.sampled_classes)]

    @cached_property
    def samples(self) -> Images:
        """n samples, with `requested_labels` if the model takes labels."""
        label = self.requested_labels if self.model.takes_label else None
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
    def training_images(self) -> Pixels:
        """n real training images, chosen by a fixed permutation; fewer if there are fewer."""
        return scattered(self.data.train, self.n).images

    @cached_property
    def training_features(self) -> Tensor:
        """The extractor's features of `training_images`."""
        return self.extractor.features(self.training_images)

    @cached_property
    def predicted_labels(self) -> Tensor:
        """The class that the classifier predicts for each sample."""
        assert self.classifier is not None  # sections that need it apply only if there is one
        return self.classifier.predict(self.samples)

    @cached_property
    def train_latents(self) -> LatentSet:
        """A latent for each training image, drawn from its posterior."""
        return encode(self.model, self.data.train, self.seed)

    @cached_property
    def test_latents(self) -> LatentSet:
        """A latent for each test image, drawn from its posterior."""
        return encode(self.model, self.data.test, self.seed)

    @cached_property
    def validation_latents(self) -> LatentSet:
        """A latent for each validation image, drawn from its posterior."""
        return encode(self.model, self.data.validation, self.seed)

    @cached_property
    def reconstructions(self) -> Images:
        """Reconstructions of the real test images."""
        return reconstruct(self.model, self.test)


def shuffle_test_split(data: Data) -> Data:
    """Return the same data with the test split in a shuffled, fixed order.

    Sections compare one part of the test split with another part. In the order of the file, these
    parts may differ systematically, as the halves of MNIST's test split do.
    """
    return replace(data, test=scattered(data.test, len(data.test)))
