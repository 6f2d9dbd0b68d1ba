"""Conversions of arrays and lists are stated, and masked values are not read."""

import numpy as np
import pytest
import torch
from torch.utils.data import Subset, TensorDataset

from latentarium.data.sources import load_data
from support.errors import raises_code

FLOATS = np.linspace(0, 1, 40 * 64, dtype=np.float32).reshape(40, 8, 8)
BYTES = (FLOATS * 255).round().astype(np.uint8)
NOTE = "floats from 0 to 1 were stored as round(255 x)"


@pytest.mark.parametrize(
    "source",
    [
        FLOATS,
        list(FLOATS),
        [torch.from_numpy(x)[None] for x in FLOATS],
        Subset(TensorDataset(torch.from_numpy(FLOATS)), range(40)),
        [(x, i % 2) for i, x in enumerate(FLOATS)],
    ],
    ids=["array", "list", "tensors", "subset", "pairs"],
)
def test_the_conversion_of_floats_is_stated_once(source):
    data = load_data(source)
    assert data.notes.count(NOTE) == 1
    assert data.card.fingerprint != load_data(BYTES[::-1].copy()).card.fingerprint


def test_whole_numbers_are_not_stated_as_floats():
    assert NOTE not in load_data(list(BYTES)).notes


@pytest.mark.parametrize("as_list", [False, True])
def test_masked_pixels_are_refused(as_list):
    masked = np.ma.masked_greater(BYTES, 200)
    with raises_code("masked-array"):
        load_data(list(masked) if as_list else masked)


def test_masked_labels_are_missing():
    labels = np.ma.masked_equal(np.arange(40) % 4, 3)
    with raises_code("negative-label"):
        load_data(BYTES, labels)
    data = load_data(BYTES, np.ma.masked_all(40, dtype=int))
    assert data.card.classes == ()


@pytest.mark.parametrize("images", [BYTES, FLOATS, list(BYTES)])
def test_a_value_range_that_is_not_used_is_stated(images):
    data = load_data(images, value_range=(-5.0, 4095.0))
    assert any("from -5 to 4095 is not used" in note for note in data.notes)
    assert data.card.value_range is None


def test_a_given_value_range_is_not_called_that_of_training_images():
    data = load_data(BYTES.astype(np.int32) * 16, value_range=(0.0, 4095.0))
    assert any("from 0 to 4,095 (the given range)" in note for note in data.notes)


@pytest.mark.parametrize("as_list", [False, True])
def test_tensors_without_values_are_refused(as_list):
    images = torch.zeros(40, 8, 8, device="meta")
    with raises_code("wrong-type"):
        load_data(list(images) if as_list else images)
    with raises_code("wrong-type"):
        load_data(BYTES, torch.zeros(40, device="meta"))
