"""Deterministic subsets of a split."""

import torch

from latentarium.data.arrays import fixed_permutation
from latentarium.data.dataset import Split


def first(split: Split, n: int) -> Split:
    """Return the first n images with their labels."""
    return Split(split.images[:n], None if split.labels is None else split.labels[:n])


def scattered(split: Split, n: int) -> Split:
    """Return n images that a fixed permutation chooses, since a split may be sorted by class."""
    order = torch.from_numpy(fixed_permutation(len(split))[:n])
    return Split(split.images[order], None if split.labels is None else split.labels[order])


def stratified(split: Split, n: int) -> Split:
    """Return n images in a fixed random order, with the class proportions of the split.

    The number of images per class is rounded down; the classes with the largest remainders get one
    more image until there are n. Without labels, the result is that of `scattered`.
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
