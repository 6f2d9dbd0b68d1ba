"""Tables and .parquet files: with stand-ins for pandas, and with the packages if installed."""

import sys

import numpy as np
import pytest
from PIL import Image

from latentarium.data.readers.parquet import declared_classes
from latentarium.data.sources import load_data
from support.data_files import image_bytes, write_files
from support.errors import raises_code

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 9, 9), dtype=np.uint8)
LABELS = np.arange(40) % 4
NAMES = np.array(["ant", "bee", "cat", "dog"])[LABELS]
ENCODED = [image_bytes(Image.fromarray(pixels)) for pixels in PIXELS]
EXPECTED = load_data(PIXELS, LABELS).card.fingerprint


class Column(list):
    """A stand-in for a column of a DataFrame."""

    def to_list(self):
        return list(self)


class DataFrame:
    """A stand-in for a DataFrame, with what is used of pandas and polars."""

    def __init__(self, columns):
        self._columns = {name: Column(values) for name, values in columns.items()}

    columns = property(lambda self: list(self._columns))

    def __len__(self):
        return len(next(iter(self._columns.values()))) if self._columns else 0

    def __getitem__(self, name):
        return self._columns[name]


DataFrame.__module__ = "pandas.core.frame"


@pytest.fixture
def paths(tmp_path):
    write_files(tmp_path, {f"{i}.png": content for i, content in enumerate(ENCODED)})
    return [str(tmp_path / f"{i}.png") for i in range(40)]


def test_every_kind_of_image_column_is_read(paths):
    for column in (
        paths,
        ENCODED,
        [{"bytes": content, "path": None} for content in ENCODED],
        [{"bytes": None, "path": path} for path in paths],
        [Image.fromarray(pixels) for pixels in PIXELS],
        list(PIXELS),
        PIXELS.tolist(),
    ):
        data = load_data(DataFrame({"id": range(40), "picture": column, "label": LABELS}))
        assert data.card.fingerprint == EXPECTED
        assert any("id" in note for note in data.notes)
    assert load_data(Column(paths), LABELS).card.fingerprint == EXPECTED
    assert load_data((Column(paths), Column(LABELS))).card.fingerprint == EXPECTED


def test_the_columns_of_labels_and_splits_are_found_or_chosen(paths):
    frame = DataFrame(
        {
            "file_name": paths,
            "Category": NAMES,
            "age": LABELS,
            "split": ["train"] * 25 + ["val"] * 5 + ["test"] * 10,
        }
    )
    data = load_data(frame)
    assert [len(split) for split in data.splits().values()] == [25, 5, 10]
    assert data.card.classes == ("ant", "bee", "cat", "dog")
    assert load_data(frame, label_column="age").card.classes == ("0", "1", "2", "3")
    assert load_data(frame, keys="labels=age").card.classes == ("0", "1", "2", "3")


def test_broken_and_missing_values_are_skipped_with_their_labels(paths):
    column = [None, *paths[1:]]
    data = load_data(DataFrame({"path": column, "label": LABELS}))
    assert data.card.fingerprint == load_data(PIXELS[1:], LABELS[1:]).card.fingerprint
    assert any("row 0" in note for note in data.notes)
    with raises_code("broken-images"):
        load_data(DataFrame({"path": [*paths[:30], *["no.png"] * 10], "label": LABELS}))


@pytest.mark.parametrize(
    ("columns", "options", "code"),
    [
        ({"a": LABELS, "b": NAMES}, {}, "no-images"),
        ({"x": []}, {}, "no-images"),
        ({"image": ENCODED}, {"label_column": "y"}, "no-label-column"),
        ({"image": ENCODED}, {"keys": "images=y"}, "unknown-keys"),
        ({"image": ENCODED, "label": [*LABELS[:39], None]}, {}, "negative-label"),
        ({str(i): PIXELS[:, i // 9, i % 9] for i in range(81)}, {}, "no-images"),
    ],
)
def test_unusable_tables_are_refused(columns, options, code):
    with raises_code(code):
        load_data(DataFrame(columns), **options)


def test_class_names_in_the_schema_of_a_hub_file_are_read():
    content = b'{"info": {"features": {"label": {"names": ["a", "b"], "_type": "ClassLabel"}}}}'
    assert declared_classes({b"huggingface": content}) == {"label": ("a", "b")}
    for other in ({}, {b"huggingface": b"{"}, {b"huggingface": b'{"info": []}'}):
        assert declared_classes(other) == {}


def test_a_parquet_file_names_the_package_that_it_needs(tmp_path, monkeypatch):
    for name in ("pyarrow", "pyarrow.parquet", "polars", "pandas"):
        monkeypatch.setitem(sys.modules, name, None)
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    for source in (tmp_path / "a.parquet", tmp_path):
        with raises_code("missing-package") as caught:
            load_data(source)
        assert "latentarium[parquet]" in str(caught.value)


def test_a_parquet_file_is_read_by_the_package_that_is_installed(tmp_path, monkeypatch):
    for name in ("pyarrow", "pyarrow.parquet", "polars"):
        monkeypatch.setitem(sys.modules, name, None)

    class Pandas:
        @staticmethod
        def read_parquet(path):
            if path.name.startswith("bad"):
                raise RuntimeError("not a parquet file")
            return DataFrame({"image": ENCODED, "label": LABELS})

    monkeypatch.setitem(sys.modules, "pandas", Pandas)
    (tmp_path / "data").mkdir()
    for name in ("train-0000.parquet", "test-0000.parquet"):
        (tmp_path / "data" / name).write_bytes(b"PAR1")
    data = load_data(tmp_path / "data" / "train-0000.parquet")
    assert data.card.fingerprint == EXPECTED
    assert [len(split) for split in load_data(tmp_path).splits().values()] == [36, 4, 40]
    (tmp_path / "bad.parquet").write_bytes(b"PAR1")
    with raises_code("damaged-file"):
        load_data(tmp_path / "bad.parquet")


def test_parquet_files_are_read_by_groups_of_rows(tmp_path):
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    table = arrow.table({"image": [{"bytes": c, "path": None} for c in ENCODED], "label": LABELS})
    parquet.write_table(table, tmp_path / "a.parquet", row_group_size=7)
    assert load_data(tmp_path / "a.parquet").card.fingerprint == EXPECTED
    assert load_data(table).card.fingerprint == EXPECTED
    lists = arrow.table({"image": (PIXELS // 2).tolist(), "label": LABELS})
    parquet.write_table(lists, tmp_path / "b.parquet")
    expected = load_data(PIXELS // 2, LABELS).card.fingerprint
    assert load_data(tmp_path / "b.parquet").card.fingerprint == expected


def test_frames_and_columns_of_pandas(paths):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"file": paths, "label": LABELS, "species": NAMES})
    assert load_data(frame).card.fingerprint == EXPECTED
    kept = frame[frame["label"] > 0]
    rows = kept.index.to_numpy()
    assert load_data(kept).card.fingerprint == (
        load_data(PIXELS[rows], LABELS[rows]).card.fingerprint
    )
    ordered = pandas.Categorical(NAMES, categories=["dog", "cat", "bee", "ant", "owl"])
    for labels in (ordered, pandas.Series(ordered)):
        assert load_data(PIXELS, labels).card.classes == ("dog", "cat", "bee", "ant")
    for labels in (frame["species"], pandas.get_dummies(frame["species"])):
        assert load_data(PIXELS, labels).card.classes == ("ant", "bee", "cat", "dog")
    numbers = pandas.Series(LABELS, dtype="Int64")
    assert load_data(PIXELS, numbers).card.fingerprint == EXPECTED
    numbers[3] = pandas.NA
    with raises_code("negative-label"):
        load_data(PIXELS, numbers)
