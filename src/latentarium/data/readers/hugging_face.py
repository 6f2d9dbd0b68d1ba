"""Read data sets of the Hugging Face hub with the optional dependency `datasets`."""

from typing import Any

from latentarium.data.arrays import SPLIT_NAMES, RawData
from latentarium.data.readers.image_files import read_images
from latentarium.data.readers.listing import SourceFile
from latentarium.data.readers.placement import PlacedImages
from latentarium.errors import UserError


def read_hugging_face(name: str, size: int = 0) -> RawData:
    """Read the first image column of a data set and, if there is one, its first label column.

    Arguments:
        name: The name on the hub, such as "ylecun/mnist".
        size: Height and width to fit all images to; see `read_images`.

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
    files, splits, labels, classes = [], [], [], ()
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
        label_columns = [column for column, kind in kinds.items() if kind == "ClassLabel"]
        if label_columns:
            classes = tuple(rows.features[label_columns[0]].names)
        for number, row in enumerate(rows):
            files.append(_row_file(f"row {number} of {split_name}", row[image_columns[0]]))
            splits.append(split)
            if label_columns:
                labels.append(classes[row[label_columns[0]]])
    if "train" not in splits:
        raise UserError(
            f"hf:{name} has no split named train (its splits are {', '.join(loaded)}): give a "
            "data set with a train split.",
            code="no-train-split",
        )
    placed = PlacedImages(
        files=tuple(files), splits=tuple(splits), labels=tuple(labels), classes=classes
    )
    return read_images(placed, f"hf:{name}", size)


def _row_file(name: str, image: Any) -> SourceFile:  # noqa: ANN401  a PIL image
    return SourceFile(name=name, version="", size=0, read=lambda: image)
