"""Random arrays, lists of files and tables are read as a slow and obvious reader reads them."""

import io
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from support.fuzzing import check, fuzz
from support.random_arrays import (
    Arrays,
    Rows,
    on_white,
    random_arrays,
    random_rows,
    read_arrays,
    read_rows,
)
from support.reference_pixels import decode

# hypothesis prints the arrays of a failing example
pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")

FEW, MANY = 100, 2000
CONTAINERS = ["array", "list", "pairs", "tuple", "dict", "npy", "names", "short names",
              "positions", "keys"]  # fmt: skip


def check_arrays(arrays: Arrays, container: str) -> None:
    """Pass arrays in a container, and compare what is loaded."""
    images = {split: arrays.arranged(split) for split in arrays.images}
    labels = {
        split: None if arrays.labels[split][0] is None else np.array(arrays.labels[split])
        for split in images
    }
    if container == "positions" and len({array is None for array in labels.values()}) > 1:
        container = "names"  # which arrays belong together would be a guess, which is refused
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if container in ("names", "short names", "positions", "keys"):
            named, keys = named_arrays(images, labels, container)
            np.savez(folder / "a.npz", **named)
            check(lambda: on_white(read_arrays(arrays)), folder / "a.npz", keys=keys)
        elif len(images) > 1:
            source: Any = {
                split: images[split] if labels[split] is None else (images[split], labels[split])
                for split in images
            }
            if container == "tuple":
                source = tuple(source.values())
            check(lambda: on_white(read_arrays(arrays)), source)
        else:
            x, y = images[""], labels[""]
            if container == "npy":
                np.save(folder / "x.npy", x)
                x = folder / "x.npy"
            elif container == "list":
                x, y = list(x), None if y is None else list(y)
            elif container == "pairs" and y is not None:
                x, y = [(image, label) for image, label in zip(x, y, strict=True)], None
            elif container == "tuple" and y is not None:
                x, y = (x, y), None
            elif container == "dict":
                x, y = {"images": x} | ({} if y is None else {"labels": y}), None
            check(lambda: on_white(read_arrays(arrays)), x, y)


def named_arrays(
    images: dict[str, np.ndarray], labels: dict[str, np.ndarray | None], style: str
) -> tuple[dict[str, Any], str]:
    """Return the arrays of an .npz file by their names, and the keys if these need them."""
    named: dict[str, Any] = {}
    keys = []
    for position, split in enumerate(images):
        prefix = f"{split}_" if split else ""
        for what, array in (("images", images[split]), ("labels", labels[split])):
            if array is None:
                continue
            short = {"images": "x", "labels": "y"}[what]
            name = {
                "names": prefix + what,
                "short names": f"{short}_{split}" if split else short,
                "positions": f"arr_{len(named)}",
                "keys": f"{'pv'[what == 'labels']}{position}",
            }[style]
            named[name] = array
            keys.append(f"{prefix}{what}={name}")
    if style == "keys":
        named["weights"] = np.ones((5, 7))
    return named, ",".join(keys) if style == "keys" else ""


def check_rows(rows: Rows, container: str) -> None:
    """Pass files as a list or as a table, and compare what is loaded."""
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if container == "parquet":
            arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
            columns: dict[str, Any] = {"id": list(range(len(rows.files)))}
            columns["image"] = [{"bytes": content, "path": None} for content in rows.files]
            if rows.labels is not None:
                columns["label"] = rows.labels
            if rows.splits[0]:
                columns["split"] = rows.splits
            parquet.write_table(arrow.table(columns), folder / "a.parquet", row_group_size=9)
            check(lambda: read_rows(rows), folder / "a.parquet")
            return
        rows.splits = [""] * len(rows.files)
        files: list[Any] = list(rows.files)
        if container == "paths":
            files = [folder / f"{k}.bin" for k in range(len(rows.files))]
            for path, content in zip(files, rows.files, strict=True):
                path.write_bytes(content)
        elif container == "pillow" and all(is_kept_by_pillow(content) for content in files):
            files = [Image.open(io.BytesIO(content)) for content in files]
        check(lambda: read_rows(rows), files, rows.labels)


def is_kept_by_pillow(content: bytes) -> bool:
    """Return whether Pillow opens a file without a reduction of its values to 8 bits."""
    pixels = decode(content)
    return pixels is not None and (pixels.dtype != np.uint16 or pixels.shape[2] == 1)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LATENTARIUM_CACHE", str(tmp_path))


def run_arrays(examples: int) -> None:
    fuzz(examples)(given(random_arrays(), st.sampled_from(CONTAINERS))(check_arrays))()


def run_lists(examples: int) -> None:
    fuzz(examples)(
        given(random_rows(), st.sampled_from(["bytes", "paths", "pillow"]))(check_rows)
    )()


def run_tables(examples: int) -> None:
    pytest.importorskip("pyarrow.parquet", reason="pyarrow writes and reads .parquet files")
    fuzz(examples)(given(random_rows(), st.just("parquet"))(check_rows))()


def test_arrays_are_read_like_the_reference():
    run_arrays(FEW // 4)


def test_lists_of_files_are_read_like_the_reference():
    run_lists(FEW // 4)


def test_tables_are_read_like_the_reference():
    run_tables(FEW // 4)


@pytest.mark.slow
@pytest.mark.parametrize("run", [run_arrays, run_lists, run_tables])
def test_many_arrays_and_lists_are_read_like_the_reference(run):
    run(MANY)
