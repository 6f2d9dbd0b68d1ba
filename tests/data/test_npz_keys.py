"""Arrays of .npz and .npy files: their keys, labels and sizes."""

import numpy as np
import pytest

from latentarium.data import sources
from latentarium.data.sources import load_data
from support.errors import raises_code

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (40, 9, 11), dtype=np.uint8)
LABELS = np.arange(40) % 4
EXPECTED = load_data(IMAGES, LABELS).card.fingerprint


def save(tmp_path, *arrays, **named):
    np.savez(tmp_path / "some.npz", *arrays, **named)
    return tmp_path / "some.npz"


def test_keys_name_the_arrays(tmp_path):
    path = save(tmp_path, data=IMAGES, t=LABELS, weights=RNG.random(40))
    with raises_code("unknown-keys") as caught:
        load_data(path)
    for part in ("40 x 9 x 11", "--keys images=data,labels=t"):
        assert part in str(caught.value)
    for keys in ("images=data,labels=t", {"images": "data", "labels": "t"}):
        data = load_data(path, keys=keys)
        assert data.card.fingerprint == EXPECTED
        assert any("weights" in note for note in data.notes)
    with raises_code("unknown-keys"):
        load_data(path, keys="images=dat")


def test_keys_name_the_arrays_of_splits(tmp_path):
    path = save(tmp_path, a=IMAGES, b=LABELS, c=IMAGES[:10], d=LABELS[:10])
    data = load_data(path, keys="train_images=a,train_labels=b,test_images=c,test_labels=d")
    expected = load_data(((IMAGES, LABELS), (IMAGES[:10], LABELS[:10]))).card.fingerprint
    assert data.card.fingerprint == expected


def test_a_single_array_of_images_needs_no_key_and_is_stated(tmp_path):
    data = load_data(save(tmp_path, faces=IMAGES, mean=IMAGES[0], n=np.array(3)))
    assert data.card.image_shape == (1, 9, 11)
    notes = "; ".join(data.notes)
    assert "faces" in notes
    assert "mean" in notes
    data = load_data(save(tmp_path, faces=IMAGES, y=LABELS))
    assert data.card.fingerprint == EXPECTED


def test_positional_arrays_are_read_in_their_order(tmp_path):
    assert load_data(save(tmp_path, IMAGES, LABELS)).card.fingerprint == EXPECTED
    data = load_data(save(tmp_path, IMAGES, LABELS, IMAGES[:10], LABELS[:10]))
    assert [len(split) for split in data.splits().values()] == [36, 4, 10]
    with raises_code("unknown-keys"):
        load_data(save(tmp_path, IMAGES, LABELS[:39], LABELS))


def test_a_split_without_labels_is_left_out(tmp_path):
    data = load_data(save(tmp_path, x_train=IMAGES, y_train=LABELS, x_test=IMAGES[:10]))
    assert data.card.fingerprint == EXPECTED
    assert any("test" in note for note in data.notes)
    with raises_code("missing-labels"):
        load_data(save(tmp_path, x_train=IMAGES, x_test=IMAGES, y_test=LABELS))


def test_class_names_and_labels_of_another_file(tmp_path):
    path = save(tmp_path, images=IMAGES, labels=LABELS, classes=np.array(list("abcd")))
    assert load_data(path).card.classes == ("a", "b", "c", "d")
    np.save(tmp_path / "y.npy", LABELS)
    bare = save(tmp_path, images=IMAGES)
    assert load_data(bare, tmp_path / "y.npy").card.fingerprint == EXPECTED


def test_npy_files_are_mapped_and_never_unpickled(tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, IMAGES)
    data = load_data(path, LABELS)
    assert data.card.fingerprint == EXPECTED
    assert data.card.source == "x.npy"
    before = path.read_bytes()
    data.train.images.zero_()  # the file never changes
    assert path.read_bytes() == before
    with raises_code("unexpected-keys"):
        load_data(path, keys="images=a")
    for content in (b"", b"text", before[:-5], before[:40], b"\x93NUMPY\x09\x09" + before[8:]):
        path.write_bytes(content)
        with raises_code("object-array"):
            load_data(path)
    np.save(path, np.array([{"a": 1}] * 12, dtype=object))
    with raises_code("object-array"):
        load_data(path)
    with path.open("wb") as file:
        np.savez(file, images=IMAGES)
    with raises_code("unknown-format"):
        load_data(path)


@pytest.mark.parametrize("source", ["npz", "array", "list", "pair", "named"])
def test_a_size_applies_to_every_source(tmp_path, monkeypatch, source):
    small = load_data(IMAGES)
    monkeypatch.setitem(sources.NAMED_SOURCES, "small", lambda: small)
    made = {
        "npz": save(tmp_path, x=IMAGES),
        "array": IMAGES,
        "list": list(IMAGES),
        "pair": (IMAGES, LABELS),
        "named": "small",
    }[source]
    data = load_data(made, size=20)
    assert data.card.image_shape == (1, 20, 20)
    assert data.card.fingerprint != load_data(made).card.fingerprint
    assert any("20 x 20" in note for note in data.notes)
    assert load_data(data, size=20) is data


@pytest.mark.parametrize("size", [7, -1, 10**9, True])
def test_sizes_out_of_range_are_refused(size):
    with raises_code("invalid-size"):
        load_data(IMAGES, size=size)
    with raises_code("invalid-size"):
        load_data("ring", size=16)
