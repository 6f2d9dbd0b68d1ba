"""Read the data sets and loaders of torch."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch

from latentarium.data.items import iterable_part, sequence_part
from latentarium.data.label_values import is_label_like
from latentarium.data.parts import Part, is_array
from latentarium.data.read_options import ReadOptions


def is_torch_source(source: object) -> bool:
    """Return whether an object is a `Dataset` or a `DataLoader` of torch."""
    kinds = (torch.utils.data.Dataset, torch.utils.data.DataLoader)
    return isinstance(source, kinds)


def torch_part(source: Any, options: ReadOptions, where: str) -> Part:  # noqa: ANN401
    """Read a `Dataset` or a `DataLoader` of torch.

    A loader that only shuffles or batches its data set is replaced by the data set, so that the
    order, and with it the division into splits, is always the same.
    """
    if isinstance(source, torch.utils.data.DataLoader):
        if _only_batches(source):
            return torch_part(source.dataset, options, where)
        classes = class_names(source.dataset)
        return iterable_part(batch_items(source), options, where, classes)
    if isinstance(source, torch.utils.data.TensorDataset) and len(source.tensors) in (1, 2):
        labels = source.tensors[1] if len(source.tensors) == 2 else None
        if labels is None or is_label_like(labels):
            return Part(images=source.tensors[0], labels=labels)
    if isinstance(source, torch.utils.data.IterableDataset) or not hasattr(source, "__len__"):
        items: Any = source
        return iterable_part(items, options, where, class_names(source))
    return sequence_part(
        len(source), source.__getitem__, options, where, classes=class_names(source)
    )


def batch_items(batches: Iterable[Any]) -> Iterator[object]:
    """Return the items of batches, such as those of a `DataLoader`."""
    for batch in batches:
        if isinstance(batch, Mapping):
            lengths = [len(part) for part in batch.values() if hasattr(part, "__len__")]
            for i in range(min(lengths, default=0)):
                yield {key: part[i] for key, part in batch.items()}
        elif isinstance(batch, list | tuple) and batch and is_array(batch[0]):
            yield from zip(*batch, strict=True)
        else:
            yield from batch


def _only_batches(loader: Any) -> bool:  # noqa: ANN401
    """Return whether a loader returns all items of its data set, as `default_collate` does."""
    sampler = loader.sampler
    in_order = type(sampler) is torch.utils.data.SequentialSampler
    shuffled = type(sampler) is torch.utils.data.RandomSampler
    if shuffled:
        shuffled = not sampler.replacement and sampler.num_samples == len(loader.dataset)
    collates = loader.collate_fn in (
        torch.utils.data.default_collate,
        torch.utils.data.default_convert,
    )
    batches = type(loader.batch_sampler) in (torch.utils.data.BatchSampler, type(None))
    return (in_order or shuffled) and collates and batches


def class_names(source: Any) -> tuple[str, ...]:  # noqa: ANN401
    """Return the `classes` of a data set like torchvision's, or of the one that it wraps."""
    for _ in range(10):
        names = getattr(source, "classes", None)
        if isinstance(names, list | tuple) and all(isinstance(name, str) for name in names):
            return tuple(names)
        wrapped = getattr(source, "datasets", None)
        source = getattr(source, "dataset", None) if wrapped is None else wrapped[0]
        if source is None:
            break
    return ()
