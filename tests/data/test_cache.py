"""Decoded images are cached; a changed source or a damaged entry is decoded again."""

import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from latentarium.data import cache
from latentarium.data.dataset import fingerprint
from latentarium.data.path_formats import load_images
from latentarium.data.readers.folders import list_folder
from latentarium.data.sources import load_data
from latentarium.data.storage import Storage
from support.data_files import (
    flat_png,
    image_bytes,
    labels_of,
    noise_files,
    noise_png,
    total_images,
    write_files,
)

CLASSES = [f"{c}/{i}.png" for c in ("cats", "dogs") for i in range(8)]
MAPPED = Storage(max_in_memory=0, block_size=400)


@pytest.fixture(autouse=True)
def entries(tmp_path, monkeypatch):
    monkeypatch.setenv("LATENTARIUM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "data"


@pytest.fixture
def root(tmp_path):
    return write_files(tmp_path / "pets", noise_files(CLASSES))


def test_the_second_load_decodes_nothing(root):
    first = load_data(root)

    def fail():
        pytest.fail("a file is read again")

    listing = list_folder(root)
    files = replace(listing, images=tuple(replace(f, read=fail) for f in listing.images))
    second = load_images(files, root)
    assert second.card == first.card
    assert (second.notes, second.problems) == (first.notes, first.problems)
    for name, split in first.splits().items():
        cached = second.splits()[name]
        assert torch.equal(split.images, cached.images)
        assert torch.equal(labels_of(split), labels_of(cached))


def test_a_changed_file_is_decoded_again(root):
    before = load_data(root).card.fingerprint
    (root / "cats/3.png").write_bytes(flat_png(0))
    assert load_data(root).card.fingerprint != before


def test_a_file_replaced_with_the_same_size_and_time_is_decoded_again(tmp_path):
    root = write_files(tmp_path / "p", {f"{i}.png": flat_png(10) for i in range(12)})
    assert int(load_data(root).train.images.max()) == 10
    for path in root.iterdir():
        status = path.stat()
        path.write_bytes(flat_png(20))
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert int(load_data(root).train.images.max()) == 20


def test_folders_of_one_name_have_different_entries(tmp_path):
    time = 1_700_000_000
    for parent, value in (("a", 10), ("b", 20)):
        root = write_files(
            tmp_path / parent / "photos", {f"{i}.png": flat_png(value) for i in range(12)}
        )
        for path in root.iterdir():
            os.utime(path, (time, time))
    assert int(load_data(tmp_path / "a" / "photos").train.images.max()) == 10
    assert int(load_data(tmp_path / "b" / "photos").train.images.max()) == 20


def test_a_repaired_file_is_included(tmp_path):
    root = write_files(tmp_path / "p", noise_files(f"{i}.png" for i in range(30)))
    (root / "bad.png").write_bytes(b"not an image")
    assert total_images(load_data(root)) == 30
    (root / "bad.png").write_bytes(noise_png(99))
    assert total_images(load_data(root)) == 31


def test_a_damaged_entry_is_replaced(root, entries):
    before = load_data(root).card
    (entry,) = entries.iterdir()
    path = entry / "train.npy"
    flipped = bytearray(path.read_bytes())
    flipped[-3] ^= 1  # one pixel
    for content in (b"damaged", bytes(flipped)):
        path.write_bytes(content)
        data = load_data(root)
        assert data.card == before
        assert fingerprint(*data.splits().values()) == before.fingerprint


def test_mapped_entries_are_equal_and_writing_to_them_leaves_the_file(root):
    before = load_data(root)
    files = list_folder(root)
    mapped = load_images(files, root, storage=MAPPED)
    assert torch.equal(mapped.train.images, before.train.images)
    mapped.train.images[0] = 0
    assert torch.equal(load_images(files, root, storage=MAPPED).train.images, before.train.images)


@pytest.mark.parametrize("shape", [(10, 12), (10, 12, 3)])
def test_decoding_into_mapped_arrays_gives_the_same_data(tmp_path, monkeypatch, shape):
    names = [f"{'ab'[i % 2]}/{i}.png" for i in range(30)]
    root = write_files(tmp_path / "p", noise_files(names, shape))
    expected = load_data(root)
    monkeypatch.setenv("LATENTARIUM_CACHE", str(tmp_path / "other"))
    for _ in ("decoded", "cached"):
        data = load_images(list_folder(root), root, storage=MAPPED)
        assert data.card == expected.card
        assert fingerprint(*data.splits().values()) == expected.card.fingerprint


def test_grey_stored_as_rgb_has_one_channel_when_mapped(tmp_path):
    grey = np.random.default_rng(0).integers(0, 256, (12, 10, 12), dtype=np.uint8)
    files = {
        f"{i}.png": image_bytes(Image.fromarray(pixels).convert("RGB"))
        for i, pixels in enumerate(grey)
    }
    root = write_files(tmp_path / "g", files)
    storage = Storage(max_in_memory=0, block_size=1000)
    data = load_images(list_folder(root), root, storage=storage)
    assert data.card.image_shape == (1, 10, 12)


def test_a_cache_that_cannot_be_written_is_a_warning(root, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("mine")
    monkeypatch.setenv("LATENTARIUM_CACHE", str(tmp_path / "file"))
    with pytest.warns(UserWarning, match="LATENTARIUM_CACHE"):
        assert len(load_data(root).train) == 14


def test_a_nearly_full_disk_gets_no_entry(root, entries):
    data = load_data(root)
    with pytest.warns(UserWarning, match="LATENTARIUM_CACHE"):
        cache.save("other", data, min_free_bytes=1 << 62)
    assert not (entries / "other").exists()
    assert cache.load("other") is None
    assert len(list(entries.iterdir())) == 1


def test_notes_and_problems_are_cached_and_follow_the_files(root):
    (root / "a.heic").write_bytes(b"x")
    (root / "empty").mkdir()
    first, second = load_data(root), load_data(root)
    assert first.problems
    assert any(".heic" in note for note in first.notes)
    assert (second.notes, second.problems) == (first.notes, first.problems)
    (root / "a.heic").unlink()
    assert not any(".heic" in note for note in load_data(root).notes)
    (root / "empty").rmdir()
    assert load_data(root).problems == ()


def test_every_option_and_the_table_named_by_the_user_are_part_of_the_key(root, tmp_path):
    table = tmp_path / "labels.csv"
    listing, source = list_folder(root), str(root)
    keys = {cache.cache_key(listing, source, 0, table)}
    table.write_text("file,label")
    keys |= {
        cache.cache_key(listing, source, *options)
        for options in ((0,), (8,), (0, "label"), (0, "class"), (0, table), (0, tmp_path))
    }
    keys.add(cache.cache_key(replace(listing, problems=("x",)), source, 0))
    assert len(keys) == 8
    assert cache.cache_key(listing, source, 0) in keys
