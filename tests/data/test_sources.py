"""`load_data` from arrays, names, IDX and .npz files, and its errors."""

import gzip
import pickle

import numpy as np
import pytest
import torch

from latentarium.data import sources
from latentarium.data.sources import load_data
from latentarium.errors import UserError
from support.data_files import idx_bytes, labels_of
from support.errors import raises_code
from support.tiny import tiny_data

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (40, 9, 11), dtype=np.uint8)
LABELS = np.arange(40) % 4


def image_set(data):
    """The images of all splits as a set, and their number."""
    images = [i.numpy().tobytes() for s in data.splits().values() for i in s.images]
    return set(images), len(images)


def require_refused(code, source, labels=None, names=()):
    """Require an error of one line with this code that names these parts."""
    with raises_code(code) as caught:
        load_data(source, labels)
    message = str(caught.value)
    assert "\n" not in message
    for part in names:
        assert part in message


# ------------------------------------------------------------------------------ arrays


def test_a_single_set_is_divided_80_10_10_and_nothing_is_lost():
    data = load_data(IMAGES, LABELS)
    assert [len(s) for s in data.splits().values()] == [32, 4, 4]
    assert image_set(data) == ({image.tobytes() for image in IMAGES}, 40)
    for split in data.splits().values():  # each image has its own label
        for image, label in zip(split.images, labels_of(split), strict=True):
            index = np.flatnonzero((image.numpy()[0] == IMAGES).all((1, 2)))
            assert label == LABELS[index[0]]
    assert data.card.image_shape == (1, 9, 11)
    assert data.card.classes == ("0", "1", "2", "3")
    assert load_data(IMAGES, LABELS).card == data.card


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 7])
def test_channels_may_be_first_or_last(channels):
    last = RNG.integers(0, 256, (12, 8, 13, channels), dtype=np.uint8)
    first = last.transpose(0, 3, 1, 2)
    a, b = load_data(last), load_data(torch.from_numpy(first.copy()))
    assert a.card.image_shape == (channels, 8, 13)
    assert torch.equal(a.train.images, b.train.images)


def test_many_channels_are_first():
    images = RNG.integers(0, 256, (12, 10, 16, 16), dtype=np.uint8)
    assert load_data(images).card.image_shape == (10, 16, 16)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_in_0_1_become_the_original_pixels(dtype):
    # half precision still distinguishes 256 levels
    data = load_data((IMAGES / 255).astype(dtype), LABELS)
    assert data.card.fingerprint == load_data(IMAGES, LABELS).card.fingerprint


def test_floats_are_rounded_to_the_nearest_pixel_value():
    levels = np.array([0, 0.4, 0.6, 1.4, 1.6, 253.4, 254.6, 255]) / 255
    data = load_data(np.broadcast_to(levels, (10, 8, 8)))
    assert data.test.images[0, 0, 0].tolist() == [0, 0, 1, 1, 2, 253, 255, 255]


def test_labels_are_optional():
    data = load_data(list(IMAGES))
    assert data.card.classes == ()
    assert all(split.labels is None for split in data.splits().values())


def test_labels_may_be_names_or_arbitrary_numbers():
    names = np.array(["cat", "ant"])[LABELS % 2]
    data = load_data(IMAGES, names)
    assert data.card.classes == ("ant", "cat")
    numbers = load_data(IMAGES, LABELS % 2 * 4 + 3)
    assert numbers.card.classes == ("3", "7")
    assert torch.equal(labels_of(numbers.train), 1 - labels_of(data.train))


def test_labels_may_be_a_column():
    column = load_data(IMAGES, LABELS[:, None])
    assert column.card.fingerprint == load_data(IMAGES, LABELS).card.fingerprint


def test_data_is_returned_unchanged():
    data = load_data(IMAGES)
    assert load_data(data) is data
    require_refused("unexpected-labels", data, LABELS)


@pytest.mark.parametrize(
    ("source", "labels", "code"),
    [
        (IMAGES.astype(np.float32), None, "out-of-range"),
        (IMAGES / 127.5 - 1, None, "out-of-range"),
        (np.full((12, 8, 8), np.nan), None, "not-finite"),
        (IMAGES.astype(np.complex64), None, "wrong-type"),
        (IMAGES.reshape(40, -1), None, "wrong-shape"),
        (IMAGES[:, :7], None, "image-too-small"),
        (IMAGES[:0], None, "no-images"),
        (IMAGES[:9], None, "too-few-images"),
        ([IMAGES[0], IMAGES[1, 0]], None, "ragged-array"),
        (IMAGES.astype(object), None, "object-array"),
        (IMAGES, LABELS[:39], "label-count"),
        (IMAGES, LABELS / 2, "wrong-type"),
        (IMAGES, LABELS - 1, "negative-label"),
        (IMAGES, np.eye(40), "wrong-shape"),
        (7, None, "unknown-source"),
        (None, None, "unknown-source"),
    ],
)
def test_unusable_arrays_are_refused(source, labels, code):
    require_refused(code, source, labels)


# ------------------------------------------------------------------------------- names


def test_an_unknown_name_is_answered_with_the_closest_one():
    require_refused("unknown-source", "minst", names=["'minst'", "'mnist'"])
    require_refused("file-not-found", "digits.npz", names=["digits.npz"])
    require_refused("unexpected-labels", "mnist", LABELS)


def test_a_registered_name_loads_and_is_listed_in_errors(monkeypatch):
    data = tiny_data()
    monkeypatch.setitem(sources.NAMED_SOURCES, "tiny", lambda: data)
    assert load_data("tiny") is data
    require_refused("unexpected-labels", "tiny", LABELS)
    require_refused("unknown-source", "tinny", names=["'tiny'"])


# --------------------------------------------------------------------------------- idx


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("separator", ["-", "."])
def test_an_idx_file_uses_the_labels_next_to_it(tmp_path, suffix, separator):
    pack = gzip.compress if suffix else bytes
    images = tmp_path / f"my-images{separator}idx3-ubyte{suffix}"
    images.write_bytes(pack(idx_bytes(IMAGES)))
    assert load_data(images).card.classes == ()
    (tmp_path / f"my-labels{separator}idx1-ubyte").write_bytes(idx_bytes(LABELS))
    data = load_data(str(images))
    assert data.card.source == images.name
    assert data.card.fingerprint == load_data(IMAGES, LABELS).card.fingerprint


def test_an_idx_file_accepts_labels_from_another_path_or_an_array(tmp_path):
    (tmp_path / "a").write_bytes(idx_bytes(IMAGES))
    (tmp_path / "b").write_bytes(idx_bytes(LABELS))
    expected = load_data(IMAGES, LABELS).card.fingerprint
    assert load_data(tmp_path / "a", tmp_path / "b").card.fingerprint == expected
    assert load_data(tmp_path / "a", LABELS).card.fingerprint == expected
    assert load_data(IMAGES, tmp_path / "b").card.fingerprint == expected
    require_refused("file-not-found", tmp_path / "a", str(tmp_path / "c"))
    require_refused("wrong-shape", tmp_path / "b")


def test_an_idx_folder_may_have_a_test_split_and_labels(tmp_path):
    require_refused("no-images", tmp_path)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx_bytes(IMAGES))
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(idx_bytes(IMAGES[:5]))
    data = load_data(tmp_path)
    assert [len(s) for s in data.splits().values()] == [36, 4, 5]
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx_bytes(LABELS))
    require_refused("missing-labels", tmp_path, names=["(test)"])
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx_bytes(LABELS[:5]))
    assert labels_of(load_data(tmp_path).test).tolist() == LABELS[:5].tolist()
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx_bytes(LABELS[:4]))
    require_refused("label-count", tmp_path, names=["(test)"])


def test_files_of_unknown_formats_are_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    require_refused("unknown-format", tmp_path / "notes.txt")
    (tmp_path / "train-images-idx3-ubyte").write_text("hello")
    require_refused("not-idx", tmp_path / "train-images-idx3-ubyte")


# --------------------------------------------------------------------------------- npz


@pytest.mark.parametrize(
    "keys", [("images", "labels"), ("x", "y"), ("X_train", "Y_train"), ("train_images", "target")]
)
def test_npz_arrays_are_found_by_common_keys(tmp_path, keys):
    path = tmp_path / "digits.npz"
    np.savez(path, **{keys[0]: IMAGES, keys[1]: LABELS, "note": np.arange(3)})
    data = load_data(path)
    assert data.card.fingerprint == load_data(IMAGES, LABELS).card.fingerprint


def test_npz_keeps_its_own_splits(tmp_path):
    path = tmp_path / "three.npz"
    parts = {"train": slice(0, 25), "val": slice(25, 33), "test": slice(33, 40)}
    arrays = {f"{k}_images": IMAGES[v] for k, v in parts.items()}
    arrays |= {f"{k}_labels": LABELS[v] for k, v in parts.items()}
    np.savez_compressed(path, allow_pickle=False, **arrays)
    data = load_data(path)
    for split, part in zip(data.splits().values(), parts.values(), strict=True):
        assert np.array_equal(split.images[:, 0].numpy(), IMAGES[part])
        assert labels_of(split).tolist() == LABELS[part].tolist()
    require_refused("unexpected-labels", path, LABELS)


def test_npz_with_only_a_validation_split_gets_a_test_split(tmp_path):
    path = tmp_path / "two.npz"
    np.savez(path, x_train=IMAGES[:30], x_val=IMAGES[30:])
    data = load_data(path)
    assert [len(s) for s in data.splits().values()] == [27, 10, 3]


def test_npz_with_unusable_keys_is_refused(tmp_path):
    path = tmp_path / "odd.npz"
    np.savez(path, pictures=IMAGES, classes=LABELS)
    require_refused("unknown-keys", path, names=["pictures, classes"])
    np.savez(path, x=IMAGES, images=IMAGES)
    require_refused("duplicate-arrays", path)
    np.savez(path, x_train=IMAGES, x_test=IMAGES[:, :8])
    require_refused("shape-mismatch", path)


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was loaded",))


def test_npz_never_loads_a_pickle(tmp_path):
    path = tmp_path / "bomb.npz"
    np.savez(path, images=np.array([Bomb()], dtype=object))
    require_refused("object-array", path)
    path.write_bytes(pickle.dumps(Bomb()))
    require_refused("object-array", path)
    with path.open("wb") as file:
        np.save(file, IMAGES)
    require_refused("damaged-file", path)


def test_a_damaged_npz_is_refused_and_named(tmp_path):
    path = tmp_path / "cut.npz"
    np.savez(path, images=IMAGES)
    content = path.read_bytes()
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 0xFF
    for damaged in (
        content[: len(content) // 2], b"", b"PK\x03\x04", content[:200] + b"?" * 3000, flipped,
    ):  # fmt: skip
        path.write_bytes(damaged)
        with pytest.raises(UserError) as caught:
            load_data(path)
        assert caught.value.code in ("damaged-file", "object-array")
        assert "cut.npz" in str(caught.value)
