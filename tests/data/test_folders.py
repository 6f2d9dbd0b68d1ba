"""Folders and zips of pictures."""

import io
import os
import stat
import struct
import sys
import tracemalloc
import warnings
import zipfile
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from support.data_files import labels_of
from PIL import Image

from conftest import tiny_data
from latentarium.data import cache, folders, room
from latentarium.data.check import check_data
from latentarium.data.dataset import fingerprint
from latentarium.data.folders import list_folder, natural, read_pictures
from latentarium.data.sources import load_data
from latentarium.data.readers.zips import list_zip
from latentarium.errors import UserError
from latentarium.files import cache_folder

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("LATENTARIUM_CACHE", str(tmp_path_factory.mktemp("cache")))


def png(shape=(10, 12), value: int | None = None) -> bytes:
    pixels = RNG.integers(0, 256, shape, dtype=np.uint8) if value is None else None
    pixels = np.full(shape, value, np.uint8) if pixels is None else pixels
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def fill(root, names, **given):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(**given))
    return root


def zipped(path, files: dict[str, bytes]):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


CLASSES = [f"{c}/{i}.png" for c in ("cats", "dogs") for i in range(8)]


def test_sub_folders_are_classes(tmp_path):
    data = load_data(fill(tmp_path / "pets", CLASSES))
    assert data.card.classes == ("cats", "dogs")
    assert data.card.source == "pets"
    assert data.card.image_shape == (1, 10, 12)
    labels = torch.cat([labels_of(split) for split in data.splits().values()])
    assert labels.bincount().tolist() == [8, 8]


def test_a_flat_folder_has_no_labels(tmp_path):
    data = load_data(fill(tmp_path / "p", [f"{i}.png" for i in range(12)]))
    assert data.card.classes == ()
    assert data.train.labels is None
    assert sum(map(len, data.splits().values())) == 12


def test_folders_named_train_and_test_are_splits(tmp_path):
    names = [f"{s}/{n}" for s in ("Train", "val", "testing") for n in CLASSES]
    data = load_data(fill(tmp_path / "p", names))
    assert {k: len(s) for k, s in data.splits().items()} == {
        "train": 16, "validation": 16, "test": 16,
    }  # fmt: skip
    assert data.card.classes == ("cats", "dogs")


def test_a_zip_is_its_folder(tmp_path):
    root = fill(tmp_path / "a" / "pets", CLASSES)
    files = {f"pets/{n}": (root / n).read_bytes() for n in CLASSES}
    files |= {"__MACOSX/pets/._0.png": b"x", "pets/.hidden.png": b"x", "pets/notes.txt": b"x"}
    data = load_data(zipped(tmp_path / "pets.zip", files))
    assert data.card.fingerprint == load_data(root).card.fingerprint


def test_names_are_in_natural_order(tmp_path):
    assert sorted(["b10", "b9", "a2", "b1"], key=natural) == ["a2", "b1", "b9", "b10"]
    root = tmp_path / "p"
    root.mkdir()
    for i in np.random.default_rng(1).permutation(12):  # whatever the disk's order is
        (root / f"{i}.png").write_bytes(png(value=int(i)))
    raw = read_pictures(list_folder(root), "p")
    assert np.asarray(raw.images["train"])[:, 0, 0, 0].tolist() == list(range(12))


def test_colour_anywhere_makes_all_three_channels(tmp_path):
    root = fill(tmp_path / "p", [f"{i}.png" for i in range(11)])
    fill(root, ["z.png"], shape=(10, 12, 3))
    assert load_data(root).card.image_shape == (3, 10, 12)


def test_mixed_sizes_are_fitted_and_it_is_said(tmp_path):
    root = fill(tmp_path / "p", [f"{i}.png" for i in range(11)])
    fill(root, ["z.png"], shape=(90, 70))
    data = load_data(root)
    assert data.card.image_shape == (1, 64, 64)
    assert any("fitted to 64 x 64" in note for note in data.notes)
    assert load_data(root, size=16).card.image_shape == (1, 16, 16)
    with pytest.raises(UserError, match="at least 8"):
        load_data(root, size=4)


def test_a_broken_file_is_skipped_and_named(tmp_path):
    root = fill(tmp_path / "p", [f"{i}.png" for i in range(30)])
    (root / "bad.png").write_bytes(png()[:40])
    data = load_data(root)
    assert sum(map(len, data.splits().values())) == 30
    assert any("skipped bad.png" in note for note in data.notes)
    assert any("skipped bad.png" in line for line in check(root).lines())


def test_too_many_broken_files_stop_with_their_names(tmp_path):
    root = fill(tmp_path / "p", [f"{i}.png" for i in range(30)])
    for i in range(5):
        (root / f"bad{i}.png").write_bytes(b"no")
    with pytest.raises(UserError, match=r"5 of 35 pictures .* are broken \(bad0.png: no known"):
        load_data(root)


def test_pictures_beside_class_folders_are_refused(tmp_path):
    root = fill(tmp_path / "p", [*CLASSES, "stray.png"])
    with pytest.raises(UserError, match="1 pictures beside its class folders"):
        load_data(root)


def test_a_folder_without_pictures_says_so(tmp_path):
    (tmp_path / "p").mkdir()
    with pytest.raises(UserError, match="a folder of pictures"):
        load_data(tmp_path / "p")
    with pytest.raises(UserError, match="holds no pictures"):
        load_data(zipped(tmp_path / "e.zip", {"a.txt": b"x"}))


# ------------------------------------------------------------------------------ hostile zips


@pytest.mark.parametrize("name", ["../a.png", "x/../../a.png", "/etc/a.png", "..\\a.png"])
def test_a_name_that_leads_out_is_refused(name, tmp_path):
    with pytest.raises(UserError, match="leads out of it"):
        load_data(zipped(tmp_path / "z.zip", {name: png()}))


def test_a_bomb_is_refused_before_it_unpacks(tmp_path):
    bomb = zipped(tmp_path / "z.zip", {"a.png": b"\0" * (1 << 24)})
    assert bomb.stat().st_size < 1 << 16
    with pytest.raises(UserError, match="would unpack from"):
        load_data(bomb)


def test_a_zip_of_too_much_is_refused(tmp_path):
    path = zipped(tmp_path / "z.zip", {f"{i}.png": png() for i in range(12)})
    assert len(list_zip(path, most_files=12)) == 12
    with pytest.raises(UserError, match="more than"):
        list_zip(path, most_files=11)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut short", b"no zip at all"])
def test_no_zip_is_a_sentence(content, tmp_path):
    path = tmp_path / "z.zip"
    path.write_bytes(content)
    with pytest.raises(UserError, match="no zip or damaged"):
        load_data(path)


def patched(path, where: bytes, offset: int, value: bytes):
    """A file in which something else follows each time that these bytes come."""
    content, at = bytearray(path.read_bytes()), 0
    while (at := content.find(where, at)) >= 0:
        content[at + offset : at + offset + len(value)] = value
        at += 4
    path.write_bytes(content)
    return path


LOCAL, ENTRY, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
"""How parts of a zip begin."""


def test_what_lies_about_its_size_is_not_unpacked_beyond_it(tmp_path):
    said = struct.pack("<L", 1000)
    path = zipped(tmp_path / "z.zip", {"a.png": b"\0" * (1 << 25)})
    (item,) = list_zip(patched(patched(path, ENTRY, 24, said), LOCAL, 22, said))
    tracemalloc.start()
    try:
        with pytest.raises(zipfile.BadZipFile):
            item.read()
        assert tracemalloc.get_traced_memory()[1] < 1 << 22
    finally:
        tracemalloc.stop()


def test_a_method_that_unpacks_all_at_once_is_refused(tmp_path):
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        with zipfile.ZipFile(tmp_path / "z.zip", "w", method) as archive:
            archive.writestr("a.png", png())
        with pytest.raises(UserError, match="pack it anew"):
            list_zip(tmp_path / "z.zip")


def test_a_directory_is_not_even_read_that_could_list_far_more(tmp_path):
    path = zipped(tmp_path / "z.zip", {f"{i}/{'x' * 200}.png": png() for i in range(2000)})
    patched(path, END, 8, struct.pack("<HH", 1, 1))  # it says that it holds one
    assert len(list_zip(path, most_files=2000)) == 2000
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match="more than"):
            list_zip(path, most_files=1000)
        assert tracemalloc.get_traced_memory()[1] < 1 << 18
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("where", "offset", "value"),
    [(ENTRY, 46, b"\xff\xfe"), (ENTRY, 6, b"\xff\0"), (END, 12, b"\xff" * 3)],
    ids=["a name that is no text", "a version to come", "a directory that begins before"],
)
def test_a_damaged_directory_is_a_sentence(where, offset, value, tmp_path):
    path = zipped(tmp_path / "z.zip", {"\u8c93.png": png()})
    with pytest.raises(UserError, match="no zip or damaged"):
        list_zip(patched(path, where, offset, value))


def test_a_name_inside_that_is_no_text_is_one_broken_picture(tmp_path):
    path = zipped(tmp_path / "z.zip", {f"\u8c93{i:02d}.png": png() for i in range(30)})
    content = bytearray(path.read_bytes())
    content[30:32] = b"\xff\xfe"
    path.write_bytes(content)
    assert sum(map(len, load_data(path).splits().values())) == 29


def test_a_flipped_byte_in_a_zip_is_one_broken_picture(tmp_path):
    path = zipped(tmp_path / "z.zip", {f"{i:02d}.png": png() for i in range(30)})
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("07.png")
    content = bytearray(path.read_bytes())
    content[info.header_offset + 30 + len("07.png") + 60] ^= 0xFF
    path.write_bytes(bytes(content))
    data = load_data(path)
    assert sum(map(len, data.splits().values())) == 29
    assert any("skipped 07.png" in note for note in data.notes)


def test_links_are_not_followed(tmp_path):
    root = fill(tmp_path / "p", [f"{i}.png" for i in range(12)])
    outside = fill(tmp_path / "out", ["secret.png"])
    os.symlink(outside / "secret.png", root / "link.png")
    os.symlink(outside, root / "folder")
    if hasattr(os, "mkfifo"):
        os.mkfifo(root / "pipe.png")  # to read it would never end
    assert len(list_folder(root)) == 12


# ------------------------------------------------------------------------------ the cache


def test_the_second_time_nothing_is_decoded(tmp_path, monkeypatch):
    root = fill(tmp_path / "p", CLASSES)
    first = load_data(root)
    monkeypatch.setattr(folders, "decode", None)
    monkeypatch.setattr(folders, "look", None)
    second = load_data(root)
    assert second.card == first.card
    assert second.notes == first.notes
    for name, split in first.splits().items():
        again = second.splits()[name]
        assert torch.equal(split.images, again.images)
        assert torch.equal(labels_of(split), labels_of(again))


def test_a_changed_file_is_decoded_again(tmp_path):
    root = fill(tmp_path / "p", CLASSES)
    before = load_data(root).card.fingerprint
    (root / "cats/3.png").write_bytes(png(value=0))
    assert load_data(root).card.fingerprint != before


def test_a_damaged_entry_is_made_again(tmp_path):
    root = fill(tmp_path / "p", CLASSES)
    before = load_data(root).card
    (entry,) = (folders_in_cache()).iterdir()
    path = entry / "train.npy"
    flipped = bytearray(path.read_bytes())
    flipped[-3] ^= 1  # one pixel
    for content in (b"damaged", bytes(flipped)):
        path.write_bytes(content)
        data = load_data(root)
        assert data.card == before
        assert fingerprint(*data.splits().values()) == before.fingerprint


def folders_in_cache():
    from latentarium.files import cache_folder

    return cache_folder("data")


def test_large_entries_are_mapped(tmp_path, monkeypatch):
    root = fill(tmp_path / "p", CLASSES)
    before = load_data(root)
    monkeypatch.setattr(room, "MAPPED_SHARE", 0.0)
    mapped = load_data(root)
    assert torch.equal(mapped.train.images, before.train.images)
    mapped.train.images[0] = 0  # a copy on write: the file stays as it is
    assert torch.equal(load_data(root).train.images, before.train.images)


def test_a_cache_that_can_not_be_written_is_a_warning(tmp_path, monkeypatch):
    root = fill(tmp_path / "p", CLASSES)
    (tmp_path / "file").write_text("mine")
    monkeypatch.setenv("LATENTARIUM_CACHE", str(tmp_path / "file"))
    with pytest.warns(UserWarning, match="can't be kept"):
        assert len(load_data(root).train) == 14


def test_a_disk_that_is_nearly_full_is_left_to_others(tmp_path, monkeypatch):
    root = fill(tmp_path / "p", CLASSES)
    monkeypatch.setattr(cache, "LEFT_FREE", 1 << 62)
    with pytest.warns(UserWarning, match="nearly full"):
        load_data(root)
    assert list(cache_folder("data").iterdir()) == []


# ------------------------------------------------------------------------------ other sources


def test_without_the_package_hugging_face_is_a_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(UserError, match=r"latentarium\[hf\]"):
        load_data("hf:ylecun/mnist")


class ClassLabel:
    def __init__(self, names):
        self.names = names


class Rows(list):
    def __init__(self, rows, features):
        super().__init__(rows)
        self.features = features


@pytest.fixture
def hub(monkeypatch):
    module = ModuleType("datasets")
    kind = type("Image", (), {})()
    features = {"picture": kind, "animal": ClassLabel(["cat", "dog"]), "id": SimpleNamespace()}
    rows = [
        {"picture": Image.fromarray(np.full((9, 9), i, np.uint8)), "animal": i % 2, "id": i}
        for i in range(20)
    ]
    sets = {"a/pets": {"train": Rows(rows, features), "test": Rows(rows[:4], features)}}
    monkeypatch.setattr(module, "load_dataset", lambda name: sets[name], raising=False)
    monkeypatch.setitem(sys.modules, "datasets", module)


def test_hugging_face_images_and_classes(hub):
    data = load_data("hf:a/pets")
    assert data.card.source == "hf:a/pets"
    assert data.card.classes == ("cat", "dog")
    assert data.card.image_shape == (1, 9, 9)
    assert len(data.test) == 4
    with pytest.raises(UserError, match="can't be loaded"):
        load_data("hf:a/nothing")


def test_no_warning_reaches_a_person_who_did_nothing_wrong(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_data(fill(tmp_path / "p", CLASSES))
    assert tiny_data().notes == ()


def test_a_file_replaced_with_size_and_date_kept_is_seen(tmp_path):
    root = fill(tmp_path / "p", [f"{i}.png" for i in range(12)], value=10)
    assert int(load_data(root).train.images.max()) == 10
    for path in root.iterdir():
        status = path.stat()
        path.write_bytes(png(value=20))
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert int(load_data(root).train.images.max()) == 20


def test_a_broken_file_that_was_mended_is_seen(tmp_path):
    root = fill(tmp_path / "p", [f"{i}.png" for i in range(30)])
    (root / "bad.png").write_bytes(b"no")
    load_data(root)
    (root / "bad.png").write_bytes(png())
    assert sum(map(len, load_data(root).splits().values())) == 31


def test_a_link_in_a_zip_is_left_out(tmp_path):
    path = zipped(tmp_path / "z.zip", {f"{i}.png": png() for i in range(12)})
    with zipfile.ZipFile(path, "a") as archive:
        for i in range(5):
            link = zipfile.ZipInfo(f"link{i}.png")
            link.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(link, "0.png")
    assert sum(map(len, load_data(path).splits().values())) == 12


def test_a_class_may_be_called_train_beside_others(tmp_path):
    names = [f"{c}/{i}.png" for c in ("bus", "car", "train") for i in range(6)]
    data = load_data(fill(tmp_path / "p", names))
    assert data.card.classes == ("bus", "car", "train")


def test_grey_stored_as_colour_is_one_channel(tmp_path):
    root = fill(tmp_path / "p", [f"{i}.png" for i in range(12)])
    grey = load_data(root)
    for path in root.iterdir():
        Image.open(path).convert("RGB").save(path)
    again = load_data(root)
    assert again.card.image_shape == (1, 10, 12)
    assert again.card.fingerprint == grey.card.fingerprint


def test_classes_are_in_natural_order(tmp_path):
    names = [f"{c}/{i}.png" for c in (10, 9, 1, 2) for i in range(4)]
    data = load_data(fill(tmp_path / "p", names))
    assert data.card.classes == ("1", "2", "9", "10")


def test_two_folders_of_one_name_are_told_apart(tmp_path):
    stamp = 1_700_000_000
    for place, value in (("a", 10), ("b", 20)):
        root = fill(tmp_path / place / "photos", [f"{i}.png" for i in range(12)], value=value)
        for path in root.iterdir():
            os.utime(path, (stamp, stamp))
    assert int(load_data(tmp_path / "a" / "photos").train.images.max()) == 10
    assert int(load_data(tmp_path / "b" / "photos").train.images.max()) == 20
