"""Labels of any kind become class numbers, or are refused by a code."""

import numpy as np
import pytest
import torch

from latentarium.data.sources import load_data
from support.data_files import labels_of
from support.errors import raises_code

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (40, 8, 8), dtype=np.uint8)
NUMBERS = np.arange(40) % 4
NAMES = np.array(["ant", "bee", "cat", "dog"])[NUMBERS]


class Categorical:
    """A stand-in for pandas.Categorical, with the attributes that are read."""

    def __init__(self, values, categories):
        self.categories = categories
        self.codes = [-1 if v is None else list(categories).index(v) for v in values]
        self._values = values

    def __len__(self):
        return len(self._values)

    def __array__(self, dtype=None, copy=None):
        return np.array(self._values, dtype=object)


class Series:
    """A stand-in for a pandas.Series of objects or of a categorical."""

    def __init__(self, values, cat=None):
        self._values = np.array(values, dtype=object)
        self.shape, self.dtype = self._values.shape, self._values.dtype
        if cat is not None:
            self.cat = cat

    def __len__(self):
        return len(self._values)

    def __array__(self, dtype=None, copy=None):
        return self._values

    def to_list(self):
        return self._values.tolist()


@pytest.mark.parametrize(
    "labels",
    [
        NAMES,
        NAMES.astype(object),
        NAMES.tolist(),
        NAMES.astype("S"),
        Series(NAMES),
        Categorical(NAMES.tolist(), ["ant", "bee", "cat", "dog"]),
    ],
)
def test_names_of_any_type_are_classes(labels):
    data = load_data(IMAGES, labels)
    assert data.card.classes == ("ant", "bee", "cat", "dog")
    assert data.card.fingerprint == load_data(IMAGES, NUMBERS).card.fingerprint


@pytest.mark.parametrize(
    "labels",
    [
        NUMBERS.tolist(),
        list(NUMBERS),
        NUMBERS.astype(np.uint8),
        NUMBERS.astype(float),
        NUMBERS.astype(object),
        torch.from_numpy(NUMBERS),
        list(torch.from_numpy(NUMBERS)),
        NUMBERS[:, None],
        range(40),
    ],
)
def test_whole_numbers_of_any_type_are_classes(labels):
    data = load_data(IMAGES, labels)
    expected = load_data(IMAGES, np.arange(40) if isinstance(labels, range) else NUMBERS)
    assert data.card == expected.card


def test_truth_values_are_two_classes():
    data = load_data(IMAGES, NUMBERS > 1)
    assert data.card.classes == ("False", "True")
    assert load_data(IMAGES, (NUMBERS > 1).tolist()).card == data.card


def test_categories_give_the_order_of_the_classes_and_empty_ones_are_named():
    values = ["small", "large"] * 20
    data = load_data(IMAGES, Categorical(values, ["small", "middle", "large"]))
    assert data.card.classes == ("small", "large")
    assert any("middle" in note for note in data.notes)
    column = Series(values, cat=Categorical(values, ["small", "middle", "large"]))
    assert load_data(IMAGES, column).card == data.card


@pytest.mark.parametrize("dtype", [bool, np.int64, np.float32])
def test_one_hot_rows_are_converted_and_stated(dtype):
    data = load_data(IMAGES, np.eye(4)[NUMBERS].astype(dtype))
    assert data.card == load_data(IMAGES, NUMBERS).card
    assert any("one-hot" in note for note in data.notes)


@pytest.mark.parametrize(
    ("labels", "code"),
    [
        (np.eye(4)[NUMBERS] * 0.5, "wrong-shape"),  # no one-hot rows
        (np.ones((40, 4)), "wrong-shape"),
        (np.zeros((40, 2, 2)), "wrong-shape"),
        ([[1], [1, 2]] * 20, "ragged-array"),
        (NUMBERS + 0.5, "wrong-type"),
        (np.full(40, np.inf), "wrong-type"),
        (["cat", 3] * 20, "wrong-type"),
        ([True, 3] * 20, "wrong-type"),
        ([object()] * 40, "wrong-type"),
        (np.full(40, np.datetime64("2020-01-01")), "wrong-type"),
        (NUMBERS.astype(complex), "wrong-type"),
        ([None, "cat"] * 20, "missing-labels"),
        ([None, 1] * 20, "negative-label"),
        ([-1, 1] * 20, "negative-label"),
        ([float("nan"), 1.0] * 20, "negative-label"),
        ([-2, 1] * 20, "negative-label"),
        (NAMES[:39].tolist(), "label-count"),
        (Categorical([None, "a"] * 20, ["a"]), "negative-label"),
        ({"train": NUMBERS, "dev": NUMBERS}, "unexpected-labels"),
        ("", "empty-labels"),
        (3, "wrong-shape"),
        (set(range(40)), "wrong-type"),
        ({0: 1, 1: 0}, "unexpected-labels"),
    ],
)
def test_unusable_labels_are_refused(labels, code):
    with raises_code(code):
        load_data(IMAGES, labels)


@pytest.mark.parametrize("missing", [-1, None, float("nan"), -1.0])
def test_an_unlabelled_split_is_left_out_and_named(missing):
    source = {"train": IMAGES, "test": IMAGES[:10]}
    data = load_data(source, {"train": NUMBERS, "test": [missing] * 10})
    assert [len(split) for split in data.splits().values()] == [32, 4, 4]
    assert any("test" in note and "10" in note for note in data.notes)
    assert sorted(set(labels_of(data.train).tolist())) == [0, 1, 2, 3]


def test_labels_that_are_all_missing_mean_no_labels():
    data = load_data(IMAGES, [-1] * 40)
    assert data.card.classes == ()
    assert data.train.labels is None
    assert any("labels" in note for note in data.notes)


def test_unlabelled_training_images_with_labelled_test_images_are_refused():
    with raises_code("missing-labels"):
        load_data({"train": IMAGES, "test": IMAGES}, {"train": [-1] * 40, "test": NUMBERS})


def test_splits_with_different_categories_are_joined_by_name():
    labels = {
        "train": Categorical(["b", "a"] * 20, ["b", "a"]),
        "test": Categorical(["a", "b"] * 20, ["a", "b"]),
    }
    data = load_data({"train": IMAGES, "test": IMAGES}, labels)
    assert data.card.classes == ("a", "b")
    assert labels_of(data.test).tolist() == [0, 1] * 20
