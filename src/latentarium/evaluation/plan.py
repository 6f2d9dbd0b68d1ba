"""What an evaluation can measure, decided from the model and the sizes of the data.

The decision needs neither samples nor a classifier, so the quantities that can't be measured are
known, with their reasons, before time is spent.
"""

from dataclasses import dataclass
from functools import cached_property

from latentarium.classifier.classifier import NUM_FEATURES
from latentarium.data.class_counts import class_counts, unseen_classes
from latentarium.data.dataset import Data
from latentarium.data.subsets import first
from latentarium.evaluation.reasons import Reason, reason
from latentarium.metrics.extractors import Extractor
from latentarium.models.base import LatentModel

MIN_IMAGES = 20
"""The smallest number of test images, and of samples, for an evaluation."""


@dataclass(frozen=True)
class Plan:
    """The inputs of an evaluation that are known before anything is computed.

    Arguments:
        model: The model.
        data: All real images.
        usable: The real images that are used: without the validation and test images of classes
            that have no training images, and with a shuffled test split.
        n: The number of samples, and of real test images.
        has_classifier: Whether there is a classifier, or one will be trained.
        extractor: Maps images to features; None for the classifier.
    """

    model: LatentModel
    data: Data
    usable: Data
    n: int
    has_classifier: bool
    extractor: Extractor | None

    @property
    def num_features(self) -> int:
        """Number of features of the extractor."""
        return NUM_FEATURES if self.extractor is None else self.extractor.num_features

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes of the data."""
        return self.data.card.classes

    @property
    def lacks_labels(self) -> bool:
        """Whether the model takes labels, but the data has none."""
        return self.model.takes_label and not self.classes

    @cached_property
    def train_counts(self) -> list[int]:
        """Number of training images of each class; empty without labels."""
        return class_counts(self.data.train, len(self.classes))

    @cached_property
    def test_counts(self) -> list[int]:
        """Number of test images that are used of each class; empty without labels."""
        return class_counts(first(self.usable.test, self.n), len(self.classes))

    @cached_property
    def seen(self) -> list[int]:
        """Numbers of the classes with training images."""
        return [number for number, count in enumerate(self.train_counts) if count]

    def names(self, numbers: list[int]) -> list[str]:
        """Return the names of classes."""
        return [self.classes[number] for number in numbers]

    def unmeasured_classes(self) -> dict[str, str]:
        """Return the classes without training or test images, by name, with the reasons."""
        reasons = {}
        for number, name in enumerate(self.classes):
            if not self.train_counts[number]:
                reasons[name] = "no training images"
            elif not self.test_counts[number]:
                reasons[name] = "no test images"
        return reasons

    def class_reasons(self) -> dict[str, Reason]:
        """Return the groups of classes that can't be measured like others, with the reasons."""
        reasons = {}
        unseen = unseen_classes(self.data)
        if unseen:
            dropped = len(self.data.test) - len(self.usable.test)
            reasons["Classes without training images"] = reason(
                "unseen-classes", classes=self.names(unseen), count=dropped
            )
        untested = [number for number in self.seen if not self.test_counts[number]]
        if untested:
            reasons["Classes without test images"] = reason(
                "untested-classes", classes=self.names(untested)
            )
        return reasons
