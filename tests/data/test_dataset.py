import pytest
import torch
from support.data_files import labels_of

from latentarium.config import DataCard
from latentarium.data.dataset import Data, Split, fingerprint, to_float, to_uint8
from latentarium.errors import UserError


def split(n=4, labels=True):
    images = torch.arange(n * 64).to(torch.uint8).view(n, 1, 8, 8)
    return Split(images, torch.arange(n) % 2 if labels else None)


def test_every_pixel_value_survives_the_round_trip():
    pixels = torch.arange(256).to(torch.uint8).view(1, 1, 16, 16)
    images = to_float(pixels)
    assert images.min() == -1
    assert images.max() == 1
    assert torch.equal(to_uint8(images), pixels)


def test_values_outside_are_clamped_and_never_wrap_around():
    images = torch.tensor([-1.1, 1.1, -100.0, 100.0, 0.0]).view(1, 1, 1, 5)
    assert to_uint8(images).flatten().tolist() == [0, 255, 0, 255, 128]


def test_floats_pass_through_unchanged():
    images = torch.tensor([-3.0, 0.5]).view(1, 2, 1, 1)
    assert to_float(images) is images


def test_fingerprint_sees_each_pixel_each_label_and_the_shape():
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
    prints = {fingerprint(base), *(fingerprint(one) for one in different)}
    assert len(prints) == 1 + len(different)
    assert fingerprint(base) == fingerprint(split())
    assert fingerprint(base, different[0]) != fingerprint(different[0], base)


def test_fingerprint_reads_values_not_memory_order():
    base = split()
    shuffled = base.images.transpose(2, 3).contiguous().transpose(2, 3)
    assert not shuffled.is_contiguous()
    assert fingerprint(Split(shuffled, base.labels)) == fingerprint(base)


@pytest.mark.parametrize(
    ("images", "labels", "says"),
    [
        (torch.zeros(4, 8, 8, dtype=torch.uint8), None, "(4, 8, 8)"),
        (torch.zeros(4, 1, 8, 8, dtype=torch.float64), None, "float64"),
        (torch.zeros(4, 1, 8, 8), torch.zeros(4), "int64 labels"),
        (torch.zeros(4, 1, 8, 8), torch.zeros(3, dtype=torch.int64), "3 labels for 4 images"),
    ],
)
def test_a_split_refuses_what_it_cannot_be(images, labels, says):
    with pytest.raises(UserError) as caught:
        Split(images, labels)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("shape", "classes", "says"),
    [
        ((1, 8, 9), ("a", "b"), "the card says (1, 8, 9)"),
        ((1, 8, 8), ("a",), "label 1, but there are 1 classes"),
    ],
)
def test_data_refuses_a_card_that_does_not_fit(shape, classes, says):
    card = DataCard(source="x", fingerprint="x", image_shape=shape, classes=classes)
    with pytest.raises(UserError) as caught:
        Data(card, split(), split(), split())
    assert says in str(caught.value)


def test_class_names_without_labels_are_refused():
    card = DataCard(source="x", fingerprint="x", image_shape=(1, 8, 8), classes=("a", "b"))
    with pytest.raises(UserError, match="has no labels"):
        Data(card, split(labels=False), split(), split())
