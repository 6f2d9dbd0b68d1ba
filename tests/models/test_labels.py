"""What a person may call a label."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from latentarium.errors import UserError
from latentarium.models.labels import class_index, resolve_labels
from latentarium.rng import Noise

CLASSES = ("cat", "dog", "7")


def resolve(label, n=2, takes=True):
    return resolve_labels(label, n, CLASSES, takes, Noise(0))


@given(st.text())
def test_any_word_is_a_class_or_a_sentence(word):
    try:
        found = class_index(word, CLASSES)
    except UserError:
        return
    assert 0 <= found < 3


def test_a_name_goes_before_a_number():
    assert class_index("7", CLASSES) == 2
    assert class_index("1", CLASSES) == 1
    assert class_index("dog", CLASSES) == 1
    with pytest.raises(UserError, match="no class 7: labels go from 0 to 2"):
        class_index(7, CLASSES)
    with pytest.raises(UserError, match=r"no class 'dig'.*'dog'"):
        class_index("dig", CLASSES)


@pytest.mark.parametrize(
    "label",
    [["cat", "dog"], [0, 1], ("cat", 1), np.array([0, 1], dtype=np.uint8), torch.tensor([0, 1])],
)
def test_one_label_per_image(label):
    found = resolve(label)
    assert found is not None
    assert found.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ([[1.0, 0, 0], [1.0]], "A label is"),
        (b"cat", "A label is"),
        ([0, None], "A label is"),
        ({"cat": 1}, "A label is"),
        ([], "labels for 2 images|A label is"),
        (np.full((2, 3), np.nan), "not finite"),
        (np.zeros((1, 3)), "shape"),
        ([0, 3], "no class 3"),
        ([0, -1], "no class -1"),
    ],
)
def test_anything_else_is_a_sentence(label, words):
    with pytest.raises(UserError, match=words):
        resolve(label)


def test_no_label_draws_classes_evenly():
    drawn = resolve(None, n=3000)
    assert drawn is not None
    counts = drawn.bincount()
    assert len(counts) == 3
    assert (abs(counts - 1000) < 5 * (3000 * 2 / 9) ** 0.5).all()
    assert resolve(None, takes=False) is None
