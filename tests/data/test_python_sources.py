"""`load_data` from Python objects: tuples, dicts, lists, data sets of torch and generators."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import (
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    Subset,
    TensorDataset,
)

from latentarium.data import items
from latentarium.data.arrays import to_data
from latentarium.data.parts import read_parts
from latentarium.data.read_options import ReadOptions
from latentarium.data.sources import load_data
from latentarium.data.storage import Storage
from support.data_files import image_bytes, labels_of, write_files
from support.errors import raises_code

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (40, 9, 11), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (40, 9, 11, 3), dtype=np.uint8)
LABELS = np.arange(40) % 4
EXPECTED = load_data(IMAGES, LABELS).card
PAIR = {"train": (IMAGES, LABELS), "test": (IMAGES[:10], LABELS[:10])}
SPLIT = load_data(PAIR).card


def sizes(data):
    return [len(split) for split in data.splits().values()]


def pictures(images=IMAGES):
    return [Image.fromarray(image) for image in images]


# ------------------------------------------------------------------------ tuples and dicts


@pytest.mark.parametrize(
    "source",
    [
        (IMAGES, LABELS),
        [IMAGES, LABELS],
        (IMAGES, LABELS.tolist()),
        (IMAGES, np.eye(4)[LABELS]),
        (torch.from_numpy(IMAGES), torch.from_numpy(LABELS)),
        (list(IMAGES), list(LABELS)),
        (pictures(), LABELS),
        {"images": IMAGES, "labels": LABELS},
        {"x": IMAGES, "y": LABELS},
        {"data": IMAGES, "targets": LABELS},
        {"images": IMAGES, "target": LABELS, "data": IMAGES.reshape(40, -1), "DESCR": "text"},
        {"images": pictures(), "labels": LABELS.tolist()},
        {"train": (IMAGES, LABELS)},
        {"train": {"image": IMAGES, "label": LABELS}},
    ],
)
def test_images_and_labels_are_taken_together(source):
    assert load_data(source).card.fingerprint == EXPECTED.fingerprint


@pytest.mark.parametrize(
    "source",
    [
        ((IMAGES, LABELS), (IMAGES[:10], LABELS[:10])),
        (IMAGES, LABELS, IMAGES[:10], LABELS[:10]),
        (IMAGES, IMAGES[:10], LABELS, LABELS[:10]),
        [(pictures(), LABELS), (pictures(IMAGES[:10]), LABELS[:10])],
        {"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES[:10], "y_test": LABELS[:10]},
        {"train": {"images": IMAGES, "labels": LABELS}, "testing": (IMAGES[:10], LABELS[:10])},
        [TensorDataset(torch.from_numpy(x), torch.from_numpy(y)) for x, y in PAIR.values()],
    ],
)
def test_parts_are_splits(source):
    data = load_data(source)
    assert sizes(data) == [36, 4, 10]
    assert data.card.fingerprint == SPLIT.fingerprint


def test_parts_without_labels_are_splits_and_labels_may_be_given_for_each():
    bare = load_data((IMAGES, IMAGES[:10]))
    assert sizes(bare) == [36, 4, 10]
    assert any("train" in note and "test" in note for note in bare.notes)
    labels = (LABELS, LABELS[:10])
    assert load_data((IMAGES, IMAGES[:10]), labels).card.fingerprint == SPLIT.fingerprint
    by_name = {"train": LABELS, "test": LABELS[:10]}
    assert load_data((IMAGES, IMAGES[:10]), by_name).card.fingerprint == SPLIT.fingerprint
    three = load_data((IMAGES, IMAGES[:10], IMAGES[10:25]))
    assert sizes(three) == [40, 10, 15]


def test_a_part_without_labels_is_left_out_and_named():
    for source in (
        ((IMAGES, LABELS), (IMAGES[:10], None)),
        (IMAGES, LABELS, IMAGES[:10]),
        {"train": (IMAGES, LABELS), "test": IMAGES[:10]},
        {"x_train": IMAGES, "y_train": LABELS, "x_test": IMAGES[:10]},
    ):
        data = load_data(source)
        assert data.card.fingerprint == EXPECTED.fingerprint
        assert any("test" in note for note in data.notes)


def test_what_a_dict_contains_besides_is_named():
    data = load_data({"images": IMAGES, "labels": LABELS, "mask": IMAGES > 3, "about": "text"})
    (note,) = data.notes
    assert "mask (40 x 9 x 11)" in note
    assert "about" in note


def test_class_names_of_a_dict_are_used():
    names = ["ant", "bee", "cat", "dog"]
    data = load_data({"images": IMAGES, "target": LABELS, "target_names": np.array(names)})
    assert data.card.classes == tuple(names)


def test_keys_name_the_arrays_of_a_dict():
    source = {"a": IMAGES, "b": LABELS, "c": COLOUR}
    for keys in ("images=a,labels=b", {"images": "a", "labels": "b"}, " images = a , labels = b "):
        assert load_data(source, keys=keys).card.fingerprint == EXPECTED.fingerprint
    for keys, code in (
        ("images=x", "unknown-keys"),
        ("pictures=a", "invalid-keys"),
        ("images", "invalid-keys"),
        ("images=", "invalid-keys"),
    ):
        with raises_code(code):
            load_data(source, keys=keys)
    for other in ("mnist", IMAGES, (IMAGES, LABELS), pictures()):
        with raises_code("unexpected-keys"):
            load_data(other, keys="images=a")
        with raises_code("unexpected-labels"):
            load_data(other, label_column="a")


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ((IMAGES, 3), "wrong-type"),
        ((IMAGES, LABELS, LABELS), "wrong-type"),
        ((IMAGES, {"a": 1}), "wrong-type"),
        ((IMAGES,) * 4, "wrong-type"),
        ((IMAGES, LABELS[:39]), "label-count"),
        ((IMAGES.reshape(40, -1), LABELS), "wrong-shape"),
        ({"train": (IMAGES, LABELS), "training": (IMAGES, LABELS)}, "duplicate-arrays"),
        ({"test": (IMAGES, LABELS)}, "no-train-split"),
        ({"images": IMAGES, "x": IMAGES}, "duplicate-arrays"),
        ({"a": 1}, "unknown-keys"),
        ({}, "unknown-keys"),
        ([], "no-images"),
        ([COLOUR[0], COLOUR[1]], "too-few-images"),
        ([3] * 12, "wrong-shape"),
        ([IMAGES[0] / 1.0, *(image[:8] / 1.0 for image in IMAGES)], "out-of-range"),
        ([None] * 12, "object-array"),
        ([None, *IMAGES], "wrong-type"),
        (range(12), "wrong-type"),
        (7, "unknown-source"),
        (True, "unknown-source"),
        (np.float32(3), "unknown-source"),
        (b"bytes", "unknown-source"),
        (io.BytesIO(b"content"), "unknown-source"),
        (Image.fromarray(IMAGES[0]), "unknown-source"),
        ({1, 2}, "unknown-source"),
        (np.ndarray, "unknown-source"),
        (object(), "unknown-source"),
        ("", "empty-source"),
        ("  ", "empty-source"),
    ],
)
def test_unusable_objects_are_refused(source, code):
    with raises_code(code):
        load_data(source)


def test_labels_can_not_be_given_twice():
    for source in ((IMAGES, LABELS), {"images": IMAGES, "labels": LABELS}):
        with raises_code("unexpected-labels"):
            load_data(source, LABELS)
    with raises_code("unexpected-labels"):
        load_data((IMAGES, IMAGES), LABELS)


def test_unknown_arguments_are_refused():
    with pytest.raises(TypeError):
        load_data(IMAGES, label=LABELS)  # pyright: ignore[reportCallIssue]


# ----------------------------------------------------------------------------------- lists


def test_lists_of_paths_bytes_and_pillow_images_are_read_like_files(tmp_path, monkeypatch):
    files = {f"{i}.png": image_bytes(image) for i, image in enumerate(pictures())}
    write_files(tmp_path, files)
    paths = [tmp_path / name for name in files]
    monkeypatch.chdir(tmp_path)
    for source in (
        paths, [str(path) for path in paths], list(files), np.array(list(files)),
        np.array(paths), list(files.values()), pictures(), np.array(list(IMAGES)),
        [{"bytes": content, "path": None} for content in files.values()],
    ):  # fmt: skip
        assert load_data(source, LABELS).card.fingerprint == EXPECTED.fingerprint
    monkeypatch.chdir("/")
    with raises_code("file-not-found"):
        load_data(list(files))


def test_a_table_that_names_the_files_of_a_list_is_matched_by_name(tmp_path):
    write_files(tmp_path, {f"{i}.png": image_bytes(p) for i, p in enumerate(pictures())})
    rows = [f"{i}.png,{'cat' if LABELS[i] else 'dog'}" for i in reversed(range(40))]
    (tmp_path / "y.csv").write_text("\n".join(["filename,label", *rows]))
    paths = [tmp_path / f"{i}.png" for i in range(40)]
    named = np.where(LABELS > 0, "cat", "dog")
    data = load_data(paths, tmp_path / "y.csv")
    assert data.card == load_data(paths, named).card
    assert any("y.csv" in note for note in data.notes)
    (tmp_path / "rows.csv").write_text("\n".join(["label", *map(str, LABELS)]))
    by_row = load_data(paths, tmp_path / "rows.csv")
    assert by_row.card.fingerprint == EXPECTED.fingerprint
    (tmp_path / "y.csv").write_text("\n".join(["filename,label", *rows[1:]]))
    with raises_code("missing-labels"):
        load_data(paths, tmp_path / "y.csv")


def test_pillow_images_of_any_mode_keep_their_meaning():
    palette = Image.fromarray(COLOUR[0]).quantize(64)
    data = load_data([palette] * 12)
    assert np.array_equal(
        data.train.images[0].numpy().transpose(1, 2, 0), np.asarray(palette.convert("RGB"))
    )
    clear = Image.new("RGBA", (9, 9), (10, 20, 30, 0))
    assert load_data([clear] * 12).train.images.unique().tolist() == [255]
    turned = Image.fromarray(np.arange(80, dtype=np.uint8).reshape(8, 10))
    turned.getexif()[0x0112] = 6
    reread = Image.open(io.BytesIO(image_bytes(turned, "PNG", exif=turned.getexif())))
    assert load_data([reread] * 12).card.image_shape == (1, 10, 8)


def test_images_of_mixed_sizes_are_fitted_like_files(tmp_path):
    arrays = [*IMAGES[:20], *(image[:8] for image in IMAGES[20:])]
    by_array = load_data(arrays)
    by_image = load_data([Image.fromarray(image) for image in arrays])
    files = {f"{i:02}.png": image_bytes(Image.fromarray(a)) for i, a in enumerate(arrays)}
    by_file = load_data(write_files(tmp_path / "files", files))
    assert by_array.card.fingerprint == by_image.card.fingerprint == by_file.card.fingerprint
    assert by_array.notes == by_file.notes
    objects = np.empty(40, dtype=object)
    objects[:] = arrays
    assert load_data(objects).card.fingerprint == by_file.card.fingerprint
    floats = [(a / 255).astype(np.float32)[..., None] for a in arrays]
    assert load_data(floats).card.fingerprint == by_file.card.fingerprint


def test_a_few_broken_files_of_a_list_are_skipped_with_their_labels(tmp_path):
    write_files(tmp_path, {f"{i}.png": image_bytes(p) for i, p in enumerate(pictures())})
    (tmp_path / "3.png").write_bytes(b"text")
    (tmp_path / "5.png").unlink()
    paths = [tmp_path / f"{i}.png" for i in range(40)]
    data = load_data(paths, LABELS)
    kept = [i for i in range(40) if i not in (3, 5)]
    assert data.card.fingerprint == load_data(IMAGES[kept], LABELS[kept]).card.fingerprint
    assert sum("skipped" in note for note in data.notes) == 2
    for path in paths[:3]:
        path.unlink()
    with raises_code("broken-images"):
        load_data(paths, LABELS)


def test_lists_of_pairs_and_dicts_are_items():
    pairs = list(zip(IMAGES, LABELS, strict=True))
    assert load_data(pairs).card.fingerprint == EXPECTED.fingerprint
    dicts = [{"image": i, "label": y, "id": n} for n, (i, y) in enumerate(pairs)]
    data = load_data(dicts)
    assert data.card.fingerprint == EXPECTED.fingerprint
    assert any("'id'" in note for note in data.notes)
    named = [{"a": i, "b": y} for i, y in pairs]
    assert load_data(named, keys="images=a,labels=b").card.fingerprint == EXPECTED.fingerprint
    with raises_code("wrong-type"):
        load_data(named)


# ------------------------------------------------------------------------------- data sets


class Pets(Dataset):
    """A data set like torchvision's, whose items and classes can be chosen."""

    classes = ("ant", "bee", "cat", "dog")

    def __init__(self, item):
        self.item = item

    def __len__(self):
        return 40

    def __getitem__(self, i):
        return self.item(i)


def pil(i):
    return Image.fromarray(IMAGES[i])


def unit(i):
    return torch.from_numpy(IMAGES[i][None]).float() / 255


@pytest.mark.parametrize(
    "item",
    [
        lambda i: (pil(i), int(LABELS[i])),
        lambda i: (unit(i), int(LABELS[i])),
        lambda i: (IMAGES[i], LABELS[i], "path"),
        lambda i: [IMAGES[i], torch.tensor(LABELS[i])],
        lambda i: {"image": pil(i), "label": int(LABELS[i])},
        lambda i: (pil(i), np.eye(4)[LABELS[i]]),
    ],
)
def test_data_sets_of_torch_are_read(item):
    data = load_data(Pets(item))
    assert data.card.fingerprint == EXPECTED.fingerprint
    names = ("0", "1", "2", "3") if "eye" in item.__code__.co_names else Pets.classes
    assert data.card.classes == names


def test_wrapped_data_sets_keep_their_classes():
    pets = Pets(lambda i: (pil(i), int(LABELS[i])))
    for wrapped in (Subset(pets, list(range(30))), ConcatDataset([pets, pets])):
        assert load_data(wrapped).card.classes == Pets.classes


def test_a_data_set_that_does_not_fit_in_memory_is_read_again():
    storage = Storage(max_in_memory=2 * IMAGES[:20].nbytes)
    part = items.sequence_part(
        40, lambda i: (unit(i), LABELS[i]), ReadOptions(), "some", storage=storage
    )
    assert np.array_equal(np.asarray(part.images)[:, 0], IMAGES)
    part = items.sequence_part(
        40, lambda i: (pil(i), LABELS[i]), ReadOptions(), "some", storage=storage
    )
    data = to_data(read_parts({"train": part}, "some", ReadOptions()))
    assert data.card.fingerprint == EXPECTED.fingerprint


def test_broken_items_are_skipped_up_to_5_percent():
    def item(broken):
        def get(i):
            if i in broken:
                raise OSError("truncated")
            return IMAGES[i], int(LABELS[i])

        return get

    data = load_data(Pets(item({7, 9})))
    kept = [i for i in range(40) if i not in (7, 9)]
    assert data.card.fingerprint == load_data(IMAGES[kept], LABELS[kept]).card.fingerprint
    assert sum("truncated" in note for note in data.notes) == 2
    with raises_code("broken-images"):
        load_data(Pets(item({7, 9, 11})))


def test_targets_that_are_no_labels_are_named():
    data = load_data(Pets(lambda i: (pil(i), {"boxes": [1, 2]})))
    assert data.card.classes == ()
    assert any("not a label" in note for note in data.notes)
    assert load_data(Pets(lambda i: (IMAGES[i], IMAGES[i]))).train.labels is None


@pytest.mark.parametrize("shuffle", [False, True])
def test_loaders_are_replaced_by_their_data_set(shuffle):
    loader = DataLoader(Pets(lambda i: (unit(i), int(LABELS[i]))), batch_size=7, shuffle=shuffle)
    assert load_data(loader).card.fingerprint == EXPECTED.fingerprint


def test_loaders_that_do_more_are_read_batch_by_batch():
    pets = Pets(lambda i: (unit(i), int(LABELS[i])))
    some = DataLoader(pets, batch_size=7, sampler=list(range(20)))
    assert load_data(some).card.fingerprint == load_data(IMAGES[:20], LABELS[:20]).card.fingerprint

    def collate(batch):
        return {"image": torch.stack([x for x, _ in batch]), "label": [y for _, y in batch]}

    own = DataLoader(pets, batch_size=7, collate_fn=collate)
    assert load_data(own).card.fingerprint == EXPECTED.fingerprint


def test_finite_generators_are_consumed_and_endless_ones_refused(monkeypatch):
    class Stream(IterableDataset):
        def __iter__(self):
            yield from zip(IMAGES, LABELS, strict=True)

    pairs = zip(IMAGES, LABELS, strict=True)
    for source in ((i for i in pairs), Stream(), iter(pictures()), map(pil, range(40))):
        data = load_data(source)
        assert sizes(data) == [32, 4, 4]
    monkeypatch.setattr(items, "MAX_ITEMS", 100)
    with raises_code("data-too-large"):
        load_data(IMAGES[0] for _ in iter(int, 1))


def test_objects_with_a_length_and_an_index_are_data_sets():
    class Own:
        def __len__(self):
            return 40

        def __getitem__(self, i):
            return pil(i), int(LABELS[i])

    assert load_data(Own()).card.fingerprint == EXPECTED.fingerprint


def test_arrays_of_other_libraries_are_converted():
    class Lazy:
        shape, dtype = IMAGES.shape, IMAGES.dtype

        def __len__(self):
            return 40

        def __array__(self, dtype=None, copy=None):
            return IMAGES

    assert load_data(Lazy(), LABELS).card.fingerprint == EXPECTED.fingerprint
    assert load_data((Lazy(), LABELS)).card.fingerprint == EXPECTED.fingerprint


def test_labels_of_pairs_stay_with_their_images():
    data = load_data(Pets(lambda i: (pil(i), int(LABELS[i]))))
    for image, label in zip(data.train.images, labels_of(data.train), strict=True):
        index = np.flatnonzero((image.numpy()[0] == IMAGES).all((1, 2)))[0]
        assert label == LABELS[index]


def test_a_list_with_a_pipe_does_not_hang(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    write_files(tmp_path, {f"{i}.png": image_bytes(p) for i, p in enumerate(pictures())})
    paths: list[Path] = [tmp_path / f"{i}.png" for i in range(40)]
    data = load_data([*paths, tmp_path / "pipe.png"])
    assert any("pipe.png" in note for note in data.notes)
