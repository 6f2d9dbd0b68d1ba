"""`load_data`: load a data set from a name, a path or arrays.

Sources are registered in three tables: `NAMED_SOURCES` by name, `PREFIXED_SOURCES` by prefix, and
`path_formats.PATH_FORMATS` for files and folders. To add a source, write a reader that returns
`Data` or `RawData`, and add it to one of these tables.
"""

import json
import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from latentarium.config import TrainConfig
from latentarium.data.arrays import RawData, to_data
from latentarium.data.binarized_mnist import dynamic_mnist
from latentarium.data.dataset import Data
from latentarium.data.fashion_mnist import fashion_mnist
from latentarium.data.mnist import load_mnist
from latentarium.data.path_formats import PATH_FORMATS
from latentarium.data.python_sources import read_python_source
from latentarium.data.read_options import ReadOptions, parse_keys, require_no_labels
from latentarium.data.readers.folders import list_folder
from latentarium.data.readers.hugging_face import read_hugging_face
from latentarium.data.readers.listing import IMAGE_SUFFIXES, TABLE_SUFFIXES
from latentarium.data.readers.missing_images import no_images
from latentarium.data.resize import fit_data
from latentarium.data.stacked_mnist import stacked_mnist
from latentarium.data.toy import MIXTURES, toy_data
from latentarium.errors import UserError, did_you_mean
from latentarium.files import require_regular


def load_data(
    source: object = "mnist",
    labels: object = None,
    *,
    size: int = 0,
    label_column: str = "",
    keys: Mapping[str, str] | str = "",
    value_range: tuple[float, float] | None = None,
) -> Data:
    """Load images and, if there are any, their labels, in three splits.

    `source` is one of:

    - "mnist": the 70,000 handwritten digits that ship in the package
    - "mnist-dynamic": the same digits; the validation and test images are binarized once by a
      published protocol
    - "stacked-mnist": images whose three channels are three digits of MNIST; 1,000 classes
    - "fashion-mnist": Fashion-MNIST from Debian's package; if that is not installed, the files are
      downloaded once from the authors' repository
    - "ring", "grid", "grid-wide": mixtures of Gaussians in the plane with known density, as
      float32 "images" of two channels and one pixel
    - "hf:NAME" or "hf:NAME/CONFIG": a data set of the Hugging Face hub; needs `latentarium[hf]`
    - the path of a folder of image files, or of a .zip of such a folder; sub-folders are classes,
      and folders named train, validation and test are splits
    - the path of a .tar of image files (a shard), or of a folder of shards, in WebDataset's layout
    - the path of an IDX image file, or of a folder with MNIST's IDX files
    - the path of a .npy file, or of a .npz file with arrays such as images and labels, or x_train,
      y_train, x_test
    - the path of a .parquet file or of a folder of such files, or of a folder that `save_to_disk`
      of the package `datasets` wrote
    - the path of a folder with the three files binarized_mnist_*.amat
    - an array or tensor of images of shape (N, H, W), (N, H, W, C) or (N, C, H, W), at least
      8 x 8 pixels, for instance uint8 from 0 to 255 or floats in [0, 1]
    - a list of images: paths, Pillow images, the bytes of image files, or arrays
    - a tuple `(images, labels)`, or `((images, labels), (test images, test labels))`
    - a dict such as `{"images": x, "labels": y}` or `{"train": ..., "test": ...}`
    - a `Dataset` or `DataLoader` of torch, a `Dataset` or `DatasetDict` of the package `datasets`,
      or a DataFrame of pandas or polars with a column of images or of their paths
    - `Data`, which is returned unchanged

    Arguments:
        source: What to load.
        labels: The labels, if the source has none: whole numbers or names, a categorical, or
            one-hot rows, one for each image; for a source with splits a dict or tuple of them; or
            the path of a file of labels.
        size: Height and width, in pixels, to which all images are fitted. 0 keeps the size of the
            images; images of different sizes are fitted as `docs/data.md` describes.
        label_column: The column of a table or of a file of labels that contains the labels; by
            default, the column that is named like labels.
        keys: The names of arrays or columns, if load_data doesn't know them: a dict such as
            `{"images": "data", "labels": "t"}`, or "images=data,labels=t".
        value_range: The values that become 0 and 255, if the images have more than 8 bits per
            value, such as `run.data.value_range`; None for the smallest and largest value of the
            training images.

    Returns:
        A data set whose splits have uint8 images (N, C, H, W) and int64 class numbers (N,), and
        whose card has the class names and a fingerprint. If the source has no validation or no
        test split, the missing split is a tenth of the training images, chosen by a permutation
        that depends only on their number.

    Raises:
        UserError: The source is empty (code `empty-source`), unknown (`unknown-source`), missing
            (`file-not-found`), a device or a pipe (`not-a-file`) or damaged (`damaged-file`), the
            type, shape or range of its images is not supported, or the labels don't match the
            images (`label-count`, `unexpected-labels`).
    """
    options = ReadOptions(
        labels=labels,
        size=size,
        label_column=label_column,
        keys=parse_keys(keys),
        value_range=value_range,
    )
    if isinstance(source, Data):
        require_no_labels(options, "Data")
        return fit_data(source, size)
    if isinstance(source, str | os.PathLike):
        return fit_data(_load_named(os.fspath(source), options), size)
    raw = read_python_source(source, options)
    return fit_data(to_data(raw, value_range=value_range), size)


def load_training_data(
    settings: TrainConfig,
    source: str | None = None,
    value_range: tuple[float, float] | None = None,
) -> Data:
    """Load the data of a training as its settings say.

    Arguments:
        settings: The settings of the training.
        source: Another source that is read in the same way; None for that of the settings.
        value_range: The range of a run, to scale images of more than 8 bits like its training
            images.

    Raises:
        UserError: As for `load_data`.
    """
    return load_data(
        settings.data if source is None else source,
        settings.labels or None,
        size=settings.image_size,
        label_column=settings.label_column,
        keys=settings.keys,
        value_range=value_range,
    )


def loading_code(settings: TrainConfig, source: str | None = None) -> str:
    """Return the Python code that does what `load_training_data` does."""
    arguments = [json.dumps(settings.data if source is None else source)]
    for name, value in (
        ("labels", settings.labels),
        ("size", settings.image_size),
        ("label_column", settings.label_column),
        ("keys", settings.keys),
    ):
        if value:
            arguments.append(f"{name}={json.dumps(value)}")
    return f"la.load_data({', '.join(arguments)})"


def _load_named(text: str, options: ReadOptions) -> Data:
    if not text.strip():
        raise UserError(
            "The source of the data is empty (an empty shell variable?): give a name, or a path "
            f"such as . for the current folder. {_accepted()}",
            code="empty-source",
        )
    if text in NAMED_SOURCES:
        require_no_labels(options, text)
        return NAMED_SOURCES[text]()
    for prefix, read in PREFIXED_SOURCES.items():
        if text.startswith(prefix):
            raw = read(text.removeprefix(prefix), options)
            return to_data(raw, value_range=options.value_range)
    return _load_path(text, options)


def _load_path(text: str, options: ReadOptions) -> Data:
    path = Path(text)
    with suppress(RuntimeError):  # ~NAME of an unknown user
        path = path.expanduser()
    try:
        require_regular(path)
    except UserError as error:
        if error.code != "file-not-found":
            raise
        raise _missing(text) from None
    for path_format in PATH_FORMATS:
        data = path_format.load(path, options)
        if data is not None:
            return data
    if path.is_dir():
        raise no_images(list_folder(path), str(path))
    if path.suffix.lower() in IMAGE_SUFFIXES:
        raise UserError(
            f"{path} is a single image: give the folder of the images.", code="unknown-format"
        )
    if path.suffix.lower() in TABLE_SUFFIXES:
        raise UserError(
            f"{path} is a table: give the folder of the images, and this file as the labels "
            "(--labels, in Python labels=).",
            code="unknown-format",
        )
    raise UserError(
        f"{path} has a format that load_data can't read. {_accepted()}", code="unknown-format"
    )


def _missing(text: str) -> UserError:
    if re.search(r"[./\\~]", text):
        return UserError(
            f"There is no file or folder {text}: check the path. {_accepted()}",
            code="file-not-found",
        )
    return UserError(
        f"There is no data source named '{text}'.{did_you_mean(text, NAMED_SOURCES)} "
        f"{_accepted()}",
        code="unknown-source",
    )


NAMED_SOURCES: dict[str, Callable[[], Data]] = {
    "mnist": load_mnist,
    "mnist-dynamic": dynamic_mnist,
    **{name: lambda make=make: toy_data(make()) for name, make in MIXTURES.items()},
    "stacked-mnist": stacked_mnist,
    "fashion-mnist": fashion_mnist,
}
"""Loaders by the name of the source."""

PREFIXED_SOURCES: dict[str, Callable[[str, ReadOptions], RawData]] = {"hf:": read_hugging_face}
"""Readers by the prefix of the source; a reader takes the rest of the name and the options."""


def _accepted() -> str:
    names = [*NAMED_SOURCES, *(f"{prefix}NAME" for prefix in PREFIXED_SOURCES)]
    formats = ", ".join(path_format.description for path_format in PATH_FORMATS)
    return f"load_data accepts the names {', '.join(names)}, the path of {formats}, and arrays."
