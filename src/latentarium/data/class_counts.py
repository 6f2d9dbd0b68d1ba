"""Numbers of images per class, and classes that have no training images.

A class has no training images if the source assigns its few images to other splits, or if the
class names are declared but not all of them are used. No model can learn such a class.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch

from latentarium.data.dataset import Data, Split

MAX_LISTED = 5


def class_counts(split: Split, num_classes: int) -> list[int]:
    """Return the number of images of each class; an empty list without labels."""
    if split.labels is None:
        return []
    return torch.bincount(split.labels, minlength=num_classes).tolist()


def unseen_classes(data: Data) -> list[int]:
    """Return the numbers of the classes without training images, in ascending order."""
    counts = class_counts(data.train, len(data.card.classes))
    return [number for number, count in enumerate(counts) if count == 0]


def without_unseen_classes(data: Data) -> Data:
    """Return the data without the validation and test images of classes without training
    images."""
    unseen = unseen_classes(data)
    if not unseen:
        return data
    numbers = torch.tensor(unseen)

    def seen(split: Split) -> Split:
        assert split.labels is not None  # there are classes
        kept = ~torch.isin(split.labels, numbers)
        return Split(split.images[kept], split.labels[kept])

    return replace(data, validation=seen(data.validation), test=seen(data.test))


def list_names(names: Sequence[str], most: int = MAX_LISTED) -> str:
    """Return names separated by commas, and the number of those that are not listed."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
