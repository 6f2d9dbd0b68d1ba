"""Folders of image files: labels from folder names, splits, sizes, colours and broken files."""

import io
import os
import struct
import warnings
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from latentarium.data.check import check_data
from latentarium.data.readers.folders import list_folder
from latentarium.data.readers.image_files import fit_size, read_images
from latentarium.data.readers.listing import natural_key
from latentarium.data.readers.placement import place_images
from latentarium.data.sources import load_data
from support.data_files import (
    flat_png,
    image_bytes,
    labels_of,
    noise_files,
    noise_png,
    total_images,
    write_files,
)
from support.errors import raises_code
from support.tiny import tiny_data

CLASSES = [f"{c}/{i}.png" for c in ("cats", "dogs") for i in range(8)]


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("LATENTARIUM_CACHE", str(tmp_path_factory.mktemp("cache")))


def noise_folder(root, names, shape=(10, 12)):
    return write_files(root, noise_files(names, shape))


def test_sub_folders_are_classes(tmp_path):
    data = load_data(noise_folder(tmp_path / "pets", CLASSES))
    assert data.card.classes == ("cats", "dogs")
    assert data.card.source == "pets"
    assert data.card.image_shape == (1, 10, 12)
    labels = torch.cat([labels_of(split) for split in data.splits().values()])
    assert labels.bincount().tolist() == [8, 8]


def test_a_flat_folder_has_no_labels(tmp_path):
    data = load_data(noise_folder(tmp_path / "p", [f"{i}.png" for i in range(12)]))
    assert data.card.classes == ()
    assert data.train.labels is None
    assert total_images(data) == 12


def test_folders_named_train_and_test_are_splits(tmp_path):
    names = [f"{s}/{n}" for s in ("Train", "val", "testing") for n in CLASSES]
    data = load_data(noise_folder(tmp_path / "p", names))
    assert {k: len(s) for k, s in data.splits().items()} == {
        "train": 16, "validation": 16, "test": 16,
    }  # fmt: skip
    assert data.card.classes == ("cats", "dogs")


def test_splits_without_train_are_refused(tmp_path):
    with raises_code("no-train-split"):
        load_data(noise_folder(tmp_path / "p", [f"test/{i}.png" for i in range(12)]))


def test_a_class_may_be_named_train(tmp_path):
    names = [f"{c}/{i}.png" for c in ("bus", "car", "train") for i in range(6)]
    data = load_data(noise_folder(tmp_path / "p", names))
    assert data.card.classes == ("bus", "car", "train")


def test_images_are_in_natural_order_of_their_names(tmp_path):
    assert sorted(["b10", "b9", "a2", "b1"], key=natural_key) == ["a2", "b1", "b9", "b10"]
    root = tmp_path / "p"
    for i in np.random.default_rng(1).permutation(12):  # the file system's order doesn't matter
        write_files(root, {f"{i}.png": flat_png(int(i))})
    raw = read_images(place_images(list_folder(root), "p"), "p")
    assert np.asarray(raw.images["train"])[:, 0, 0, 0].tolist() == list(range(12))


def test_classes_are_in_natural_order(tmp_path):
    names = [f"{c}/{i}.png" for c in (10, 9, 1, 2) for i in range(4)]
    data = load_data(noise_folder(tmp_path / "p", names))
    assert data.card.classes == ("1", "2", "9", "10")


def test_one_image_in_colour_makes_three_channels(tmp_path):
    root = noise_folder(tmp_path / "p", [f"{i}.png" for i in range(11)])
    noise_folder(root, ["z.png"], shape=(10, 12, 3))
    assert load_data(root).card.image_shape == (3, 10, 12)


def test_grey_stored_as_rgb_has_one_channel(tmp_path):
    root = noise_folder(tmp_path / "p", [f"{i}.png" for i in range(12)])
    grey = load_data(root)
    for path in root.iterdir():
        path.write_bytes(image_bytes(Image.open(path).convert("RGB")))
    rgb = load_data(root)
    assert rgb.card.image_shape == (1, 10, 12)
    assert rgb.card.fingerprint == grey.card.fingerprint


def test_images_get_the_size_of_most_of_them(tmp_path):
    root = noise_folder(tmp_path / "p", [f"{i}.png" for i in range(11)])
    assert len(load_data(root).notes) == 1
    noise_folder(root, ["z.png"], shape=(90, 70))
    data = load_data(root)
    assert data.card.image_shape == (1, 10, 12)
    assert any("1 of 12 images fitted to 10 x 12" in note for note in data.notes)
    assert load_data(root, size=16).card.image_shape == (1, 16, 16)
    with raises_code("invalid-size"):
        load_data(root, size=4)


def test_mixed_sizes_without_a_majority_are_fitted_to_64_x_64(tmp_path):
    root = noise_folder(tmp_path / "p", [f"{i}.png" for i in range(10)])
    noise_folder(root, [f"z{i}.png" for i in range(10)], shape=(90, 70))
    data = load_data(root)
    assert data.card.image_shape == (1, 64, 64)
    assert any("20 of 20 images fitted to 64 x 64" in note for note in data.notes)


@settings(max_examples=60)
@given(st.lists(st.sampled_from([(8, 8), (9, 30), (40, 10)]), min_size=1, max_size=12))
def test_the_majority_decides_the_size(sizes):
    expected = next((s for s in sizes if 2 * sizes.count(s) > len(sizes)), (64, 64))
    assert fit_size(Counter(sizes), 0) == expected
    assert fit_size(Counter(sizes), 32) == (32, 32)


def test_images_that_are_too_small_need_a_size(tmp_path):
    root = noise_folder(tmp_path / "p", [f"{i}.png" for i in range(12)], shape=(7, 9))
    with raises_code("image-too-small") as caught:
        load_data(root)
    assert "7 x 9" in str(caught.value)
    assert load_data(root, size=16).card.image_shape == (1, 16, 16)


def test_files_of_several_pages_are_counted_and_named(tmp_path):
    files = noise_files(f"{i}.png" for i in range(12))
    for i in range(3):
        pages = [Image.fromarray(np.full((10, 12), 40 * page, np.uint8)) for page in range(1, 6)]
        files[f"p{i}.tif"] = image_bytes(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    root = write_files(tmp_path / "p", files)
    raw = read_images(place_images(list_folder(root), "p"), "p")
    assert np.asarray(raw.images["train"])[-3:].max() == 40
    assert any("first page or frame of 3 files" in note and "p0.tif" in note for note in raw.notes)


def test_a_file_with_malformed_exif_is_turned_upright(tmp_path):
    directory = struct.pack("<HHI4s", 0x112, 3, 1, b"\6\0\0\0")
    directory += struct.pack("<HHI4s", 0x128, 11, 1, b"\0\0\x80?") + bytes(4)
    exif = b"Exif\0\0II*\0\x08\0\0\0\x02\0" + directory
    files = noise_files((f"{i}.png" for i in range(30)), (12, 12))
    files["turned.jpg"] = image_bytes(Image.new("RGB", (12, 12)), "JPEG", exif=exif)
    data = load_data(write_files(tmp_path / "p", files))
    assert total_images(data) == 31
    assert len(data.notes) == 1


def test_a_broken_file_is_skipped_and_named(tmp_path):
    root = noise_folder(tmp_path / "p", [f"{i}.png" for i in range(30)])
    (root / "bad.png").write_bytes(noise_png(0)[:40])
    assert read_images(place_images(list_folder(root), "p"), "p").skipped == ("bad.png",)
    data = load_data(root)
    assert total_images(data) == 30
    assert any("bad.png" in note for note in data.notes)
    assert any("bad.png" in line for line in check_data(root).lines())


def test_too_many_broken_files_are_an_error_that_names_them(tmp_path):
    root = noise_folder(tmp_path / "p", [f"{i}.png" for i in range(30)])
    for i in range(5):
        (root / f"bad{i}.png").write_bytes(b"no")
    with raises_code("broken-images") as caught:
        load_data(root)
    for part in ("5 of 35", "bad0.png", "bad1.png", "bad2.png"):
        assert part in str(caught.value)


def test_a_file_broken_after_its_header_leaves_no_empty_image(tmp_path):
    files = noise_files(f"a/{i:03}.png" for i in range(60))
    expected = {np.asarray(Image.open(io.BytesIO(c))).tobytes() for c in files.values()}
    files["a/030.png"] = files["a/030.png"][:-40]
    listing = list_folder(write_files(tmp_path / "p", files))
    raw = read_images(place_images(listing, "p"), "p")
    images = raw.images["train"]
    assert isinstance(images, np.ndarray)
    assert len(images) == 59
    assert all(image.tobytes() in expected for image in images)


@pytest.mark.parametrize("size", [0, 10])
def test_a_file_with_broken_pixels_has_no_part_in_the_size(tmp_path, size):
    files = noise_files((f"{i}.png" for i in range(20)), (8, 8))
    files |= noise_files((f"b{i}.png" for i in range(20)), (12, 12))
    files["broken.png"] = noise_png(50, (12, 12))[:-40]  # with it, 21 of 41 have 12 x 12
    data = load_data(write_files(tmp_path / "p", files), size=size)
    assert data.card.image_shape == ((1, 10, 10) if size else (1, 64, 64))
    assert total_images(data) == 40
    assert any("broken.png" in note for note in data.notes)


def test_a_file_with_broken_pixels_has_no_part_in_depth_and_channels(tmp_path):
    files = noise_files(f"{i}.png" for i in range(40))
    expected = load_data(write_files(tmp_path / "sound", files))
    deep = np.random.default_rng(0).integers(0, 2**16, (10, 12), dtype=np.uint16)
    for name, content in (
        ("deep.png", image_bytes(Image.fromarray(deep))), ("colour.png", noise_png(9, (10, 12, 3)))
    ):  # fmt: skip
        folder = tmp_path / name.split(".")[0]
        data = load_data(write_files(folder, files | {name: content[:-60]}))
        assert data.card.image_shape == (1, 10, 12)
        assert data.card.value_range is None
        assert torch.equal(data.train.images, expected.train.images)


def test_images_outside_the_class_folders_are_refused(tmp_path):
    root = noise_folder(tmp_path / "p", [*CLASSES, "stray.png"])
    with raises_code("missing-labels"):
        load_data(root)


def test_a_folder_without_images_is_refused(tmp_path):
    (tmp_path / "p").mkdir()
    with raises_code("no-images"):
        load_data(tmp_path / "p")


def test_links_and_pipes_are_not_followed(tmp_path):
    root = noise_folder(tmp_path / "p", [f"{i}.png" for i in range(12)])
    outside = noise_folder(tmp_path / "out", ["secret.png"])
    os.symlink(outside / "secret.png", root / "link.png")
    os.symlink(outside, root / "folder")
    if hasattr(os, "mkfifo"):
        os.mkfifo(root / "pipe.png")  # reading it would never end
    assert len(list_folder(root).images) == 12


def test_sound_data_loads_without_warnings_and_arrays_without_notes(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_data(noise_folder(tmp_path / "p", CLASSES))
    assert tiny_data().notes == ()
