"""Data sets of the package `datasets`, with a stand-in for the package.

The stand-in has what is used of the package: features by type name, columns, rows, formats, and
images that are decoded when a row is read unless they are cast to `decode=False`.
"""

import io
import sys
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image as PillowImage

from latentarium.data.sources import load_data
from support.data_files import image_bytes, labels_of
from support.errors import raises_code


@dataclass
class Image:
    mode: str | None = None
    decode: bool = True
    dtype: ClassVar[str] = "PIL.Image.Image"
    _type: str = field(default="Image", init=False, repr=False)


class ClassLabel:
    def __init__(self, names):
        self.names = names


class Value:
    def __init__(self, dtype):
        self.dtype = dtype


class Dataset:
    """Columns of equal length with their features."""

    def __init__(self, columns, features, transform=None):
        self.columns, self.features, self.transform = columns, features, transform

    @property
    def column_names(self):
        return list(self.features)

    @property
    def format(self):
        return {"type": "custom" if self.transform else None}

    def __len__(self):
        return len(next(iter(self.columns.values())))

    def __getitem__(self, key):
        if isinstance(key, str):
            return [self._decoded(key, i) for i in range(len(self))]
        row = {name: self._decoded(name, key) for name in self.features}
        return self.transform(row) if self.transform else row

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def _decoded(self, name, i):
        value, kind = self.columns[name][i], self.features[name]
        if isinstance(kind, Image) and kind.decode:
            return PillowImage.open(io.BytesIO(value["bytes"]))
        return value

    def select_columns(self, names):
        return Dataset(self.columns, {n: self.features[n] for n in names}, self.transform)

    def cast_column(self, name, kind):
        return Dataset(self.columns, {**self.features, name: kind}, self.transform)

    def with_format(self, kind):
        assert kind is None
        return Dataset(self.columns, self.features)


class DatasetDict(dict):
    pass


for kind in (Dataset, DatasetDict):
    kind.__module__ = "datasets.stand_in"

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 9, 9), dtype=np.uint8)
LABELS = [i % 2 for i in range(20)]
FEATURES = {"picture": Image(), "animal": ClassLabel(["cat", "dog"]), "id": Value("int64")}


def pets(count=20, features=None, broken=(), **columns):
    encoded = [
        {"bytes": b"text" if i in broken else image_bytes(PillowImage.fromarray(pixels))}
        for i, pixels in enumerate(PIXELS[:count])
    ]
    known = {"picture": encoded, "animal": LABELS[:count], "id": list(range(count))}
    known |= columns
    features = features or FEATURES
    return Dataset({name: known[name] for name in features}, features)


class NotFoundError(FileNotFoundError):
    pass


SETS = {
    ("a/pets",): lambda: DatasetDict(train=pets(), test=pets(12), extra=pets()),
    ("a/unlabelled",): lambda: DatasetDict(train=pets(), test=pets(animal=[-1] * 20)),
    ("a/pets", "small"): lambda: DatasetDict(train=pets(12)),
    ("plain", "small"): lambda: DatasetDict(train=pets(14)),
    ("a/full",): lambda: DatasetDict(full=pets()),
    ("a/numbers",): lambda: DatasetDict(train=pets(features={"id": Value("int64")})),
    ("a/test-only",): lambda: DatasetDict(test=pets()),
}


@pytest.fixture
def hub(monkeypatch):
    module = ModuleType("datasets")

    def load_dataset(*arguments):
        if arguments not in SETS:
            raise NotFoundError(f"Dataset {arguments[0]!r} doesn't exist on the Hub")
        return SETS[arguments]()

    monkeypatch.setattr(module, "load_dataset", load_dataset, raising=False)
    monkeypatch.setitem(sys.modules, "datasets", module)
    return module


def test_images_and_classes_are_found_by_column_type(hub):
    data = load_data("hf:a/pets")
    assert data.card.source == "hf:a/pets"
    assert data.card.classes == ("cat", "dog")
    assert data.card.image_shape == (1, 9, 9)
    assert len(data.test) == 12
    assert np.array_equal(data.test.images[:, 0].numpy(), PIXELS[:12])
    assert labels_of(data.test).tolist() == LABELS[:12]
    notes = "; ".join(data.notes)
    assert "extra" in notes  # the split that is not used
    assert "id" in notes  # the column that is not used


def test_a_configuration_follows_the_name(hub):
    assert len(load_data("hf:a/pets/small").train) == 10
    assert len(load_data("hf:plain/small").train) == 12
    with raises_code("download-failed"):
        load_data("hf:a/pets/large")
    with raises_code("download-failed"):
        load_data("hf:")


def test_a_single_split_of_any_name_is_the_training_split(hub):
    assert len(load_data("hf:a/full").train) == 16


def test_an_unlabelled_split_is_left_out_and_named(hub):
    data = load_data("hf:a/unlabelled")
    assert [len(split) for split in data.splits().values()] == [16, 2, 2]
    assert any("test" in note for note in data.notes)


def test_images_of_data_sets_are_decoded_like_files(hub):
    turned = PillowImage.fromarray(PIXELS[0][:, :8])
    turned.getexif()[0x0112] = 6
    encoded = [{"bytes": image_bytes(turned, "PNG", exif=turned.getexif())}] * 12
    data = load_data(pets(12, picture=encoded))
    assert data.card.image_shape == (1, 8, 9)


@pytest.mark.parametrize(
    ("kind", "labels"),
    [
        (Value("int64"), LABELS),
        (Value("string"), ["cat" if y == 0 else "dog" for y in LABELS]),
        (Value("bool"), [y == 1 for y in LABELS]),
    ],
)
def test_label_columns_need_no_class_names(hub, kind, labels):
    features = {"image": Image(), "label": kind}
    rows = pets(features=features, image=pets().columns["picture"], label=labels)
    data = load_data(rows)
    assert len(data.card.classes) == 2
    assert labels_of(data.train).tolist() == labels_of(load_data(pets()).train).tolist()


def test_columns_can_be_chosen(hub):
    features = FEATURES | {"other": Image(), "breed": Value("string")}
    rows = pets(features=features, other=pets().columns["picture"], breed=["a", "b", "c", "d"] * 5)
    data = load_data(DatasetDict(train=rows))
    assert any("other" in note for note in data.notes)
    assert load_data(rows, label_column="breed").card.classes == ("a", "b", "c", "d")
    assert load_data(rows, keys="images=other").card.fingerprint == data.card.fingerprint
    with raises_code("no-label-column"):
        load_data(rows, label_column="colour")
    with raises_code("unknown-keys"):
        load_data(rows, keys="images=colour")
    given = load_data(rows, list(range(10)) * 2)  # takes the place of the column
    assert len(given.card.classes) == 10
    assert any("animal" in note for note in given.notes)
    bare = pets(features={"picture": Image(), "id": Value("int64")})
    assert load_data(bare).card.classes == ()
    assert load_data(bare, LABELS).card.classes == ("0", "1")


def test_up_to_5_percent_of_unreadable_rows_are_skipped_with_their_labels(hub):
    data = load_data(pets(broken={3}))
    kept = [i for i in range(20) if i != 3]
    expected = load_data(PIXELS[kept], np.array(LABELS)[kept])
    assert data.card.fingerprint == expected.card.fingerprint
    assert any("row 3" in note for note in data.notes)
    with raises_code("broken-images"):
        load_data(pets(broken={3, 4}))


def test_paths_and_transforms_of_data_sets_are_used(hub, tmp_path):
    for i, pixels in enumerate(PIXELS):
        (tmp_path / f"{i}.png").write_bytes(image_bytes(PillowImage.fromarray(pixels)))
    paths = [{"bytes": None, "path": str(tmp_path / f"{i}.png")} for i in range(20)]
    expected = load_data(pets()).card
    assert load_data(pets(picture=paths)).card == expected
    rows = pets()
    rows.transform = lambda row: {
        "pixel_values": 255 - np.asarray(row["picture"]),
        "label": row["animal"],
    }
    inverted = load_data(255 - PIXELS, LABELS)
    assert load_data(rows).card.fingerprint == inverted.card.fingerprint


def test_streams_of_rows_are_read_to_their_end(hub):
    class IterableDataset:
        features = FEATURES

        def __iter__(self):
            rows = pets()
            for i in range(len(rows)):
                row = rows[i]
                assert isinstance(row, dict)
                yield {"image": row["picture"], "label": row["animal"]}

    IterableDataset.__module__ = "datasets.stand_in"
    data = load_data(IterableDataset())
    assert data.card.fingerprint == load_data(pets()).card.fingerprint
    assert data.card.classes == ("cat", "dog")


def test_a_list_of_two_data_sets_is_train_and_test(hub):
    assert [len(s) for s in load_data([pets(), pets(12)]).splits().values()] == [18, 2, 12]
    assert [len(s) for s in load_data({"train": pets(), "test": pets(12)}).splits().values()] == [
        18, 2, 12,
    ]  # fmt: skip


def test_a_folder_of_save_to_disk_is_read_or_its_package_is_named(hub, tmp_path, monkeypatch):
    (tmp_path / "dataset_info.json").write_text("{}")
    (tmp_path / "state.json").write_text("{}")
    (tmp_path / "data-00000-of-00001.arrow").write_bytes(b"arrow")
    monkeypatch.setattr(hub, "load_from_disk", lambda path: pets(), raising=False)
    data = load_data(tmp_path)
    assert data.card.fingerprint == load_data(pets()).card.fingerprint
    assert data.card.source == tmp_path.name
    monkeypatch.delattr(hub, "load_from_disk")
    with raises_code("damaged-file"):
        load_data(tmp_path)
    monkeypatch.setitem(sys.modules, "datasets", None)
    with raises_code("missing-package"):
        load_data(tmp_path)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("a/nothing", "download-failed"),
        ("a/numbers", "no-images"),
        ("a/test-only", "no-train-split"),
    ],
)
def test_unusable_data_sets_are_refused(hub, name, code):
    with raises_code(code):
        load_data(f"hf:{name}")


def test_a_missing_package_is_an_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with raises_code("missing-package"):
        load_data("hf:ylecun/mnist")


def test_other_objects_are_not_taken_for_data_sets():
    with raises_code("unknown-source"):
        load_data(SimpleNamespace(features={}))
