"""Data sets of the Hugging Face hub, through its own package `datasets` (an extra)."""

from typing import Any

import numpy as np

from latentarium.data.arrays import SPLITS, Raw
from latentarium.data.decode import fitted, look_at
from latentarium.data.folders import fit_to, one_channel_if_grey
from latentarium.errors import UserError


def read_hugging_face(name: str, size: int = 0) -> Raw:
    """Reads the first image column, and the first column of classes if there is one.

    Arguments:
        name: As on the hub, such as "ylecun/mnist".
        size: As for folders of pictures.

    Raises:
        UserError: The package is missing, the data set can't be fetched, or has no images.
    """
    try:
        import datasets  # pyright: ignore[reportMissingImports]  an extra
    except ImportError:
        raise UserError(
            f"hf:{name} needs the package datasets: pip install 'latentarium[hf]'."
        ) from None
    try:
        found: Any = datasets.load_dataset(name)
    except Exception as error:  # a hub, a network and a builder can fail in many ways
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"hf:{name} can't be loaded ({reason}): check name and network.") from None
    images, labels, classes = {}, {}, ()
    for split, rows in found.items():
        kept = SPLITS.get(split.lower())
        if kept is None:
            continue
        kinds = {column: type(kind).__name__ for column, kind in rows.features.items()}
        pictures = [column for column, kind in kinds.items() if kind == "Image"]
        if not pictures:
            raise UserError(f"hf:{name} has no column of images: it has {', '.join(kinds)}.")
        opened = [row[pictures[0]] for row in rows]
        images[kept] = opened
        named = [column for column, kind in kinds.items() if kind == "ClassLabel"]
        if named:
            classes = tuple(rows.features[named[0]].names)
            labels[kept] = np.array([row[named[0]] for row in rows], dtype=np.int64)
    if "train" not in images:
        raise UserError(f"hf:{name} has no split named train: it has {', '.join(found)}.")
    heads = [look_at(image) for part in images.values() for image in part]
    grey = all(is_grey for _, is_grey in heads)
    target = fit_to({shape for shape, _ in heads}, size)
    pixels = {
        split: np.stack([fitted(image, grey, target) for image in part])
        for split, part in images.items()
    }
    return Raw(
        source=f"hf:{name}",
        images=dict(one_channel_if_grey(pixels)),
        labels=labels,
        classes=classes,
    )
