"""Subsets of a split, chosen the same way each time."""

import torch

from latentarium.data.arrays import fixed_permutation
from latentarium.data.dataset import Split


def first(split: Split, n: int) -> Split:
    """Return the first n images with their labels."""
    return Split(split.images[:n], None if split.labels is None else split.labels[:n])


def scattered(split: Split, n: int) -> Split:
    """Return the first n images of a fixed permutation of the split, since a file may be sorted
    by class."""
    order = torch.from_numpy(fixed_permutation(len(split))[:n])
    return Split(split.images[order], None if split.labels is None else split.labels[order])


def stratified(split: Split, n: int) -> Split:
    """Return n images in a fixed random order, with each class in its proportion in the split.

    Counts per class are rounded down, and the largest remainders are rounded up until they sum to
    n. Without labels, this is `scattered`.
    """
    if split.labels is None or n >= len(split):
        return scattered(split, n)
    order = torch.from_numpy(fixed_permutation(len(split)))
    exact = split.labels.bincount().double() * n / len(split)
    counts = exact.floor()
    remainders = (exact - counts).argsort(descending=True, stable=True)
    counts[remainders[: n - int(counts.sum())]] += 1
    labels = split.labels[order]
    chosen = torch.zeros(len(order), dtype=torch.bool)
    for label, count in enumerate(counts.long().tolist()):
        chosen[(labels == label).nonzero()[:count]] = True
    order = order[chosen]
    return Split(split.images[order], split.labels[order])
