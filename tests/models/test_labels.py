"""Labels in all forms that users may give."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from latentarium.errors import UserError
from latentarium.models.labels import class_index, resolve_labels
from latentarium.rng import Noise
from support.errors import raises_code

CLASSES = ("cat", "dog", "7")


def resolve(label, n=2, takes=True):
    return resolve_labels(label, n, CLASSES, takes, Noise(0))


@given(st.text())
def test_any_text_is_a_class_or_a_user_error(word):
    try:
        found = class_index(word, CLASSES)
    except UserError:
        return
    assert 0 <= found < 3


def test_a_class_name_takes_precedence_over_a_number():
    assert class_index("7", CLASSES) == 2
    assert class_index("1", CLASSES) == 1
    assert class_index("dog", CLASSES) == 1
    with raises_code("unknown-class"):
        class_index(7, CLASSES)
    with raises_code("unknown-class") as caught:
        class_index("dig", CLASSES)
    assert "dog" in str(caught.value)  # the closest name


@pytest.mark.parametrize(
    "label",
    [["cat", "dog"], [0, 1], ("cat", 1), np.array([0, 1], dtype=np.uint8), torch.tensor([0, 1])],
)
def test_one_label_per_image(label):
    found = resolve(label)
    assert found is not None
    assert found.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("label", "code"),
    [
        ([[1.0, 0, 0], [1.0]], "label-shape"),
        (b"cat", "label-shape"),
        ([0, None], "label-shape"),
        ({"cat": 1}, "label-shape"),
        ([], "label-shape"),
        (np.full((2, 3), np.nan), "invalid-blend"),
        (np.zeros((1, 3)), "label-shape"),
        ([0, 3], "unknown-class"),
        ([0, -1], "unknown-class"),
        ("cat:1,bird:1", "unknown-class"),
        ("cat:many", "invalid-blend"),
        ("cat:-1,dog:2", "invalid-blend"),
        ("cat:0", "invalid-blend"),
    ],
)
def test_anything_else_is_a_user_error(label, code):
    with raises_code(code):
        resolve(label)


def test_without_a_label_classes_are_drawn_uniformly():
    drawn = resolve(None, n=3000)
    assert drawn is not None
    counts = drawn.bincount()
    assert len(counts) == 3
    assert (abs(counts - 1000) < 5 * (3000 * 2 / 9) ** 0.5).all()
    assert resolve(None, takes=False) is None
