"""Read data sets of the Hugging Face hub with the optional dependency `datasets`."""

from typing import Any

import numpy as np

from latentarium.data.arrays import SPLIT_NAMES, RawData
from latentarium.data.image_decoding import header_of, to_pixels
from latentarium.data.readers.image_files import drop_equal_channels, fit_size
from latentarium.errors import UserError


def read_hugging_face(name: str, size: int = 0) -> RawData:
    """Read the first image column of a data set and, if there is one, its first label column.

    Arguments:
        name: The name on the hub, such as "ylecun/mnist".
        size: Height and width to fit all images to. 0 keeps the size of the images if all have the
            same size, and otherwise fits them to 64 x 64.

    Raises:
        UserError: The package is not installed, the data set can't be downloaded, or it has no
            images.
    """
    try:
        import datasets  # pyright: ignore[reportMissingImports]  an extra
    except ImportError:
        raise UserError(
            f"hf:{name} needs the package datasets, which is not installed: run "
            "pip install 'latentarium[hf]'.",
            code="missing-package",
        ) from None
    try:
        loaded: Any = datasets.load_dataset(name)
    except Exception as error:  # the package raises many types of exceptions
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"hf:{name} can't be loaded ({reason}): check the name and the network.",
            code="download-failed",
        ) from None
    opened, labels, classes = {}, {}, ()
    for split_name, rows in loaded.items():
        split = SPLIT_NAMES.get(split_name.lower())
        if split is None:
            continue
        kinds = {column: type(kind).__name__ for column, kind in rows.features.items()}
        image_columns = [column for column, kind in kinds.items() if kind == "Image"]
        if not image_columns:
            raise UserError(
                f"hf:{name} has no column of images (its columns are {', '.join(kinds)}): give a "
                "data set of images.",
                code="no-images",
            )
        opened[split] = [row[image_columns[0]] for row in rows]
        label_columns = [column for column, kind in kinds.items() if kind == "ClassLabel"]
        if label_columns:
            classes = tuple(rows.features[label_columns[0]].names)
            labels[split] = np.array([row[label_columns[0]] for row in rows], dtype=np.int64)
    if "train" not in opened:
        raise UserError(
            f"hf:{name} has no split named train (its splits are {', '.join(loaded)}): give a "
            "data set with a train split.",
            code="no-train-split",
        )
    headers = [header_of(image) for images in opened.values() for image in images]
    grey = all(header.grey for header in headers)
    target = fit_size({header.size for header in headers}, size)
    pixels = {
        split: np.stack([to_pixels(image, grey, target) for image in images])
        for split, images in opened.items()
    }
    return RawData(
        source=f"hf:{name}",
        images=dict(drop_equal_channels(pixels)),
        labels=labels,
        classes=classes,
    )
