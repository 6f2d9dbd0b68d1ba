import gzip
import pickle

import numpy as np
import pytest
import torch
from support.data_files import idx_bytes, labels_of

from latentarium.data.sources import load_data
from latentarium.errors import UserError

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (40, 9, 11), dtype=np.uint8)
LABELS = np.arange(40) % 4


def whole(data):
    """All images of a data set as a set, and how many there are."""
    rows = [i.numpy().tobytes() for s in data.splits().values() for i in s.images]
    return set(rows), len(rows)


def fails(*says, source, labels=None):
    with pytest.raises(UserError) as caught:
        load_data(source, labels)
    for part in says:
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


# ------------------------------------------------------------------------------ arrays


def test_a_single_set_is_divided_80_10_10_and_nothing_is_lost():
    data = load_data(IMAGES, LABELS)
    assert [len(s) for s in data.splits().values()] == [32, 4, 4]
    assert whole(data) == ({image.tobytes() for image in IMAGES}, 40)
    for split in data.splits().values():  # each image kept its own label
        for image, label in zip(split.images, labels_of(split), strict=True):
            where = np.flatnonzero((image.numpy()[0] == IMAGES).all((1, 2)))
            assert label == LABELS[where[0]]
    assert data.card.image_shape == (1, 9, 11)
    assert data.card.classes == ("0", "1", "2", "3")
    assert load_data(IMAGES, LABELS).card == data.card


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 7])
def test_channels_are_found_first_or_last(channels):
    last = RNG.integers(0, 256, (12, 8, 13, channels), dtype=np.uint8)
    first = last.transpose(0, 3, 1, 2)
    a, b = load_data(last), load_data(torch.from_numpy(first.copy()))
    assert a.card.image_shape == (channels, 8, 13)
    assert torch.equal(a.train.images, b.train.images)


def test_many_channels_come_first():
    images = RNG.integers(0, 256, (12, 10, 16, 16), dtype=np.uint8)
    assert load_data(images).card.image_shape == (10, 16, 16)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_floats_in_0_1_become_the_pixels_they_came_from(kind):
    # a half-precision float still tells 256 levels apart
    data = load_data((IMAGES / 255).astype(kind), LABELS)
    assert data.card.fingerprint == load_data(IMAGES, LABELS).card.fingerprint


def test_floats_are_rounded_to_the_nearest_pixel_value():
    levels = np.array([0, 0.4, 0.6, 1.4, 1.6, 253.4, 254.6, 255]) / 255
    data = load_data(np.broadcast_to(levels, (10, 8, 8)))
    assert data.test.images[0, 0, 0].tolist() == [0, 0, 1, 1, 2, 253, 255, 255]


def test_no_labels_is_no_mistake():
    data = load_data(list(IMAGES))
    assert data.card.classes == ()
    assert all(split.labels is None for split in data.splits().values())


def test_labels_may_be_names_or_have_holes():
    names = np.array(["cat", "ant"])[LABELS % 2]
    data = load_data(IMAGES, names)
    assert data.card.classes == ("ant", "cat")
    numbers = load_data(IMAGES, LABELS % 2 * 4 + 3)
    assert numbers.card.classes == ("3", "7")
    assert torch.equal(labels_of(numbers.train), 1 - labels_of(data.train))


def test_labels_may_stand_in_a_column():
    column = load_data(IMAGES, LABELS[:, None])
    assert column.card.fingerprint == load_data(IMAGES, LABELS).card.fingerprint


def test_data_comes_back_as_it_is():
    data = load_data(IMAGES)
    assert load_data(data) is data
    fails("brings its own labels", source=data, labels=LABELS)


@pytest.mark.parametrize(
    ("source", "labels", "says"),
    [
        (IMAGES.astype(np.float32), None, "divide them by their largest"),
        (IMAGES / 127.5 - 1, None, "(x + 1) / 2"),
        (np.full((12, 8, 8), np.nan), None, "not finite"),
        (IMAGES.astype(np.int64), None, "type int64"),
        (IMAGES.reshape(40, -1), None, "reshape it"),
        (IMAGES[:, :7], None, "7 x 11 pixels; enlarge"),
        (IMAGES[:0], None, "no images"),
        (IMAGES[:9], None, "9 images, too few"),
        ([IMAGES[0], IMAGES[1, :8]], None, "unequal shape"),
        (IMAGES.astype(object), None, "Python objects"),
        (IMAGES, LABELS[:39], "39 labels for 40 images"),
        (IMAGES, LABELS / 2, "type float64"),
        (IMAGES, LABELS - 1, "hold -1"),
        (IMAGES, np.eye(40), "one class number or name per image"),
        (7, None, "object of type int"),
        (None, None, "object of type NoneType"),
    ],
)
def test_unusable_arrays_are_one_sentence(source, labels, says):
    fails(says, source=source, labels=labels)


# ------------------------------------------------------------------------------- names


def test_unknown_names_are_answered_with_what_is_known():
    fails("Did you mean 'mnist'?", "Accepted are", source="minst")
    fails("no file or folder digits.npz", source="digits.npz")
    fails("brings its own labels", source="mnist", labels=LABELS)


# --------------------------------------------------------------------------------- idx


@pytest.mark.parametrize("end", ["", ".gz"])
@pytest.mark.parametrize("dash", ["-", "."])
def test_an_idx_file_finds_its_labels(tmp_path, end, dash):
    pack = gzip.compress if end else bytes
    images = tmp_path / f"my-images{dash}idx3-ubyte{end}"
    images.write_bytes(pack(idx_bytes(IMAGES)))
    assert load_data(images).card.classes == ()
    (tmp_path / f"my-labels{dash}idx1-ubyte").write_bytes(idx_bytes(LABELS))
    data = load_data(str(images))
    assert data.card.source == images.name
    assert data.card.fingerprint == load_data(IMAGES, LABELS).card.fingerprint


def test_an_idx_file_takes_labels_from_elsewhere(tmp_path):
    (tmp_path / "a").write_bytes(idx_bytes(IMAGES))
    (tmp_path / "b").write_bytes(idx_bytes(LABELS))
    want = load_data(IMAGES, LABELS).card.fingerprint
    assert load_data(tmp_path / "a", tmp_path / "b").card.fingerprint == want
    assert load_data(tmp_path / "a", LABELS).card.fingerprint == want
    assert load_data(IMAGES, tmp_path / "b").card.fingerprint == want
    fails("no file", source=tmp_path / "a", labels=str(tmp_path / "c"))
    fails("reshape it", source=tmp_path / "b")


def test_an_idx_folder(tmp_path):
    fails("no train-images-idx3-ubyte", "nothing", source=tmp_path)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx_bytes(IMAGES))
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(idx_bytes(IMAGES[:5]))
    data = load_data(tmp_path)
    assert [len(s) for s in data.splits().values()] == [36, 4, 5]
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx_bytes(LABELS))
    fails("(test) has no labels but others have", source=tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx_bytes(LABELS[:5]))
    assert labels_of(load_data(tmp_path).test).tolist() == LABELS[:5].tolist()
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(idx_bytes(LABELS[:4]))
    fails("(test) has 4 labels for 5 images", source=tmp_path)


def test_a_file_of_another_kind(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    fails("no kind of file that load_data reads", source=tmp_path / "notes.txt")
    (tmp_path / "train-images-idx3-ubyte").write_text("hello")
    fails("not an IDX file", source=tmp_path / "train-images-idx3-ubyte")


# --------------------------------------------------------------------------------- npz


@pytest.mark.parametrize(
    "keys", [("images", "labels"), ("x", "y"), ("X_train", "Y_train"), ("train_images", "target")]
)
def test_npz_by_its_usual_keys(tmp_path, keys):
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
    for split, where in zip(data.splits().values(), parts.values(), strict=True):
        assert np.array_equal(split.images[:, 0].numpy(), IMAGES[where])
        assert labels_of(split).tolist() == LABELS[where].tolist()
    fails("labels or splits of its own", source=path, labels=LABELS)


def test_npz_with_a_validation_split_only(tmp_path):
    path = tmp_path / "two.npz"
    np.savez(path, x_train=IMAGES[:30], x_val=IMAGES[30:])
    data = load_data(path)
    assert [len(s) for s in data.splits().values()] == [27, 10, 3]


def test_npz_of_other_keys_says_which_were_found(tmp_path):
    path = tmp_path / "odd.npz"
    np.savez(path, pictures=IMAGES, classes=LABELS)
    fails("the keys pictures, classes", source=path)
    np.savez(path, x=IMAGES, images=IMAGES)
    fails("twice", source=path)
    np.savez(path, x_train=IMAGES, x_test=IMAGES[:, :8])
    fails("one shape", source=path)


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was run",))


def test_npz_never_runs_a_pickle(tmp_path):
    path = tmp_path / "bomb.npz"
    np.savez(path, images=np.array([Bomb()], dtype=object))
    fails("Python objects", source=path)
    path.write_bytes(pickle.dumps(Bomb()))
    fails("no .npz file", source=path)
    with path.open("wb") as file:
        np.save(file, IMAGES)
    fails("no .npz file", source=path)


def test_a_damaged_npz(tmp_path):
    path = tmp_path / "cut.npz"
    np.savez(path, images=IMAGES)
    content = path.read_bytes()
    for damaged in (content[: len(content) // 2], b"", b"PK\x03\x04", content[:200] + b"?" * 3000):
        path.write_bytes(damaged)
        fails("cut.npz", source=path)
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 0xFF
    path.write_bytes(flipped)
    fails("cut.npz", source=path)
