import pytest
import torch

from latentarium.config import DataCard
from latentarium.data.dataset import Data, Split, fingerprint, to_float, to_uint8
from support.data_files import labels_of
from support.errors import raises_code


def split(n=4, labels=True):
    images = torch.arange(n * 64).to(torch.uint8).view(n, 1, 8, 8)
    return Split(images, torch.arange(n) % 2 if labels else None)


def test_every_pixel_value_survives_the_round_trip():
    pixels = torch.arange(256).to(torch.uint8).view(1, 1, 16, 16)
    images = to_float(pixels)
    assert images.min() == -1
    assert images.max() == 1
    assert torch.equal(to_uint8(images), pixels)


def test_values_outside_the_range_are_clamped():
    images = torch.tensor([-1.1, 1.1, -100.0, 100.0, 0.0]).view(1, 1, 1, 5)
    assert to_uint8(images).flatten().tolist() == [0, 255, 0, 255, 128]


def test_floats_pass_through_unchanged():
    images = torch.tensor([-3.0, 0.5]).view(1, 2, 1, 1)
    assert to_float(images) is images


def test_the_fingerprint_depends_on_each_pixel_each_label_and_the_shape():
    base = split()
    pixels, labels = base.images.clone(), labels_of(base).clone()
    pixels[2, 0, 3, 3] += 1
    labels[1] = 0
    different = [
        Split(pixels, base.labels),
        Split(base.images, labels),
        Split(base.images, None),
        Split(base.images.view(4, 1, 4, 16), base.labels),
    ]
    fingerprints = {fingerprint(base), *(fingerprint(other) for other in different)}
    assert len(fingerprints) == 1 + len(different)
    assert fingerprint(base) == fingerprint(split())
    assert fingerprint(base, different[0]) != fingerprint(different[0], base)


def test_the_fingerprint_depends_on_values_not_on_memory_order():
    base = split()
    strided = base.images.transpose(2, 3).contiguous().transpose(2, 3)
    assert not strided.is_contiguous()
    assert fingerprint(Split(strided, base.labels)) == fingerprint(base)


@pytest.mark.parametrize(
    ("images", "labels", "code"),
    [
        (torch.zeros(4, 8, 8, dtype=torch.uint8), None, "wrong-type"),
        (torch.zeros(4, 1, 8, 8, dtype=torch.float64), None, "wrong-type"),
        (torch.zeros(4, 1, 8, 8), torch.zeros(4), "wrong-type"),
        (torch.zeros(4, 1, 8, 8), torch.zeros(3, dtype=torch.int64), "label-count"),
    ],
)
def test_a_split_refuses_other_types_shapes_and_counts(images, labels, code):
    with raises_code(code):
        Split(images, labels)


@pytest.mark.parametrize(
    ("shape", "classes", "labels", "code"),
    [
        ((1, 8, 9), ("a", "b"), True, "shape-mismatch"),
        ((1, 8, 8), ("a",), True, "unknown-class"),
        ((1, 8, 8), ("a", "b"), False, "missing-labels"),
    ],
)
def test_data_refuses_splits_that_do_not_match_the_card(shape, classes, labels, code):
    card = DataCard(source="x", fingerprint="x", image_shape=shape, classes=classes)
    with raises_code(code):
        Data(card, split(labels=labels), split(), split())
