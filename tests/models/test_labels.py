"""Labels in all forms that users may give."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from latentarium.errors import UserError
from latentarium.models.labels import as_labels, class_index, random_labels
from support.errors import raises_code

CLASSES = ("cat", "dog", "7")
WORDS = ("cat", "dog", "3:1", "a,b")
NUMBERS = ("1", "2", "3")


def resolve(label, n=2, classes=WORDS[:3]):
    return as_labels(label, n, classes)


@given(st.text())
def test_any_text_is_a_class_or_a_user_error(word):
    try:
        found = class_index(word, CLASSES)
    except UserError:
        return
    assert 0 <= found < 3


def test_without_integers_among_the_names_integers_are_positions():
    for label in (1, "1", " 1 ", np.int64(1), np.uint8(1)):
        assert class_index(label, WORDS) == 1
    assert class_index("dog", WORDS) == 1
    for wrong in (4, "4", -1, "-1"):
        with raises_code("unknown-class"):
            class_index(wrong, WORDS)
    with raises_code("unknown-class") as caught:
        class_index("dig", WORDS)
    assert "dog" in str(caught.value)  # the closest name


def test_with_an_integer_among_the_names_integers_are_names():
    assert class_index("7", CLASSES) == class_index(7, CLASSES) == 2
    assert class_index("dog", CLASSES) == 1
    for position in (0, 1, "1", np.int64(1)):
        with raises_code("unknown-class"):
            class_index(position, CLASSES)
    for k, name in enumerate(NUMBERS):
        for label in (name, int(name), np.int16(name), f"0{name}", f"+{name}"):
            assert class_index(label, NUMBERS) == k
    for wrong in (0, "0", 4):
        with raises_code("unknown-class"):
            class_index(wrong, NUMBERS)


def test_names_with_leading_zeros():
    padded = ("00", "01", "10")
    assert class_index(1, padded) == class_index("1", padded) == class_index("01", padded) == 1
    assert class_index(1, ("01", "1")) == 1  # its own name
    with raises_code("unknown-class"):
        class_index(1, ("01", "001"))
    assert class_index("001", ("01", "001")) == 1


def test_one_meaning_in_all_forms():
    for label in (2, "2", np.int64(2), [2, 2], ["2", "2"], (2, "2"), range(2, 3), "2:1"):
        found = resolve(label, 1 if isinstance(label, range) else 2, NUMBERS)
        found = found.argmax(1) if found.is_floating_point() else found
        assert set(found.tolist()) == {1}
    # class numbers, as in the labels of a data set
    for numbers in (torch.tensor([2, 2]), np.array([2, 2])):
        assert resolve(numbers, 2, NUMBERS).tolist() == [2, 2]


def test_a_class_may_be_named_like_a_blend():
    assert resolve("3:1", classes=WORDS).tolist() == [2, 2]
    assert resolve("3:1:0.5,cat:1.5", classes=WORDS)[0].tolist() == [0.75, 0, 0.25, 0]
    assert resolve("a,b:1,dog:1", classes=WORDS)[0].tolist() == [0, 0.5, 0, 0.5]


@pytest.mark.parametrize("scale", [1.0, 0.5, 20.0, 1e-20])
def test_weights_are_normalized(scale):
    weights = np.array([[1.0, 0, 0], [0.25, 0.75, 0]])
    found = resolve(scale * weights)
    torch.testing.assert_close(found, torch.tensor(weights).float())
    exact = torch.tensor([[0.3, 0.3, 0.4], [0.1, 0.2, 0.7]])
    assert torch.equal(resolve(exact), exact)


@pytest.mark.parametrize(
    "label",
    [
        ["cat", "dog"],
        [0, 1],
        ("cat", 1),
        range(2),
        np.array([0, 1], dtype=np.uint8),
        np.array(["cat", "dog"]),
        np.array(["cat", "dog"], dtype=object),
        torch.tensor([0, 1]),
        [torch.tensor(0), np.int8(1)],
    ],
)
def test_one_label_per_image(label):
    found = resolve(label)
    assert found is not None
    assert found.tolist() == [0, 1]


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.float32])
def test_one_hot_rows_of_any_type_are_weights(dtype):
    rows = np.array([[0, 1, 0], [1, 0, 0]], dtype)
    for label in (rows, rows.tolist(), torch.from_numpy(rows)):
        found = resolve(label)
        assert found is not None
        assert torch.equal(found, torch.tensor([[0.0, 1, 0], [1, 0, 0]]))


def test_a_name_may_be_spelled_in_another_unicode_form():
    classes = ("\u00e9t\u00e9", "hiver")
    for label in ("e\u0301te\u0301", "\u00e9te\u0301"):
        assert class_index(label, classes) == 0
        assert resolve(label, 2, classes).tolist() == [0, 0]
        assert resolve([label, "hiver"], 2, classes).tolist() == [0, 1]
        assert resolve(f"{label}:1,hiver:3", 1, classes).tolist() == [[0.25, 0.75]]
    both = ("\u00e9", "e\u0301")  # a class that is spelled exactly so comes first
    assert class_index("e\u0301", both) == 1


@pytest.mark.parametrize(
    ("label", "code"),
    [
        ([[1.0, 0, 0], [1.0]], "label-shape"),
        (b"cat", "label-shape"),
        ([0, None], "label-shape"),
        ({"cat": 1}, "label-shape"),
        ([], "label-shape"),
        (np.full((2, 3), np.nan), "invalid-blend"),
        (np.full((2, 3), np.inf), "invalid-blend"),
        (np.full((2, 3), 3e38), "invalid-blend"),
        (np.zeros((2, 3)), "invalid-blend"),
        (np.array([[1.0, 0, 0], [1.5, -0.5, 0]]), "invalid-blend"),
        (True, "label-shape"),
        (np.bool_(1), "label-shape"),
        ([True, 0], "label-shape"),
        (np.array([True, False]), "label-shape"),
        (np.array([0.0, 1.0]), "label-shape"),
        (np.array([[0, 1]]), "label-shape"),
        (np.array(["cat", None], object), "label-shape"),
        (1j, "label-shape"),
        (None, "label-shape"),
        (torch.tensor([0, 3]), "unknown-class"),
        (np.array(["cat", "cow"]), "unknown-class"),
        ("cat:1,", "invalid-blend"),
        (":1", "invalid-blend"),
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
    drawn = random_labels(3000, 3, seed=0)
    counts = drawn.bincount()
    assert len(counts) == 3
    assert (abs(counts - 1000) < 5 * (3000 * 2 / 9) ** 0.5).all()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
        lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner),
    ),
    st.sampled_from([CLASSES, WORDS, NUMBERS]),
)
def test_any_label_is_a_label_or_a_user_error(label, classes):
    try:
        found = as_labels(label, 2, classes)
    except UserError:
        return
    assert len(found) == 2
    if found.is_floating_point():
        assert torch.allclose(found.sum(1), torch.ones(2))
    else:
        assert 0 <= found.min() <= found.max() < len(classes)
