"""Shards of images in WebDataset's layout."""

import io
import tarfile

import numpy as np
import pytest
from PIL import Image

import latentarium as la
from latentarium import presets
from latentarium.data.readers.listing import MAX_FILE_BYTES
from latentarium.data.readers.shards import list_shards
from latentarium.data.sources import load_data
from support.data_files import labels_of, noise_png, total_images, write_files
from support.errors import raises_code


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("LATENTARIUM_CACHE", str(tmp_path_factory.mktemp("cache")))


def write_tar(path, files: dict[str, bytes]):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def labelled_files(numbers) -> dict[str, bytes]:
    """Image i with the label i % 3."""
    files = {}
    for i in numbers:
        files |= {f"{i:06}.png": noise_png(i), f"{i:06}.cls": str(i % 3).encode()}
    return files


def test_labels_are_next_to_the_images_and_splits_in_the_names(tmp_path):
    for k in range(3):
        numbers = range(10 * k, 10 * k + 10)
        write_tar(tmp_path / "s" / f"train-{k:04}.tar", labelled_files(numbers))
    write_tar(tmp_path / "s" / "test-0000.tar", labelled_files(range(50, 62)))
    data = load_data(tmp_path / "s")
    assert data.card.classes == ("0", "1", "2")
    assert (len(data.train) + len(data.validation), len(data.test)) == (30, 12)
    label_by_pixels = {
        np.asarray(Image.open(io.BytesIO(noise_png(i)))).tobytes(): i % 3 for i in range(62)
    }
    for split in data.splits().values():
        for image, label in zip(split.images, labels_of(split), strict=True):
            assert label_by_pixels[image.numpy().tobytes()] == int(label)


def test_folders_in_a_single_shard_are_classes(tmp_path):
    files = {f"{c}/{i}.png": noise_png(i) for i in range(8) for c in ("cats", "dogs")}
    data = load_data(write_tar(tmp_path / "pets.tar", files))
    assert data.card.classes == ("cats", "dogs")
    assert total_images(data) == 16


def test_shards_equal_the_same_images_in_a_folder(tmp_path):
    files = {f"{i % 3}/a-{i:06}.png": noise_png(i) for i in range(20)}
    folder = load_data(write_files(tmp_path / "f", files))
    write_tar(tmp_path / "s" / "a.tar", labelled_files(range(20)))
    assert load_data(tmp_path / "s").card.fingerprint == folder.card.fingerprint


def test_keys_end_at_the_first_dot_as_in_webdataset(tmp_path):
    files = {}
    for i in range(12):
        files |= {f"d/{i}.left.png": noise_png(i), f"d/{i}.cls": b"xy"[i % 2 : i % 2 + 1]}
    assert load_data(write_tar(tmp_path / "a.tar", files)).card.classes == ("x", "y")


def test_a_malicious_label_is_only_a_name(tmp_path):
    files = {}
    for i in range(12):
        files |= {f"{i}.png": noise_png(i), f"{i}.cls": (b"../../etc", b"test")[i % 2]}
    data = load_data(write_tar(tmp_path / "a.tar", files))
    assert set(data.card.classes) == {"-..-etc", "test"}


def test_links_devices_and_hidden_files_are_skipped(tmp_path):
    path = write_tar(tmp_path / "a.tar", {f"{i}.png": noise_png(i) for i in range(12)})
    with tarfile.open(path, "a") as archive:
        for name, kind in (("l.png", tarfile.SYMTYPE), ("d.png", tarfile.CHRTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        hidden = tarfile.TarInfo("._0.png")
        hidden.size = 3
        archive.addfile(hidden, io.BytesIO(b"abc"))
    assert len(list_shards([path]).images) == 12


def test_a_compressed_shard_is_refused(tmp_path):
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("0.png"))
    with raises_code("damaged-file"):
        load_data(path)


def test_a_file_that_is_not_a_tar_is_refused(tmp_path):
    path = tmp_path / "a.tar"
    path.write_bytes(np.random.default_rng(0).bytes(4000))
    with raises_code("damaged-file"):
        load_data(path)


def test_a_truncated_shard_is_refused(tmp_path):
    path = write_tar(tmp_path / "a.tar", labelled_files(range(12)))
    path.write_bytes(path.read_bytes()[:900])
    with raises_code("damaged-file"):
        load_data(path)


def test_a_file_above_the_size_limit_is_refused_and_named(tmp_path):
    info = tarfile.TarInfo("huge.png")
    info.size = MAX_FILE_BYTES + 1
    path = tmp_path / "a.tar"
    path.write_bytes(info.tobuf() + bytes(1024))
    with raises_code("file-too-large") as caught:
        load_data(path)
    assert "huge.png" in str(caught.value)


def test_labels_for_only_some_images_are_refused(tmp_path):
    files = labelled_files(range(12))
    del files["000003.cls"]
    with raises_code("missing-labels") as caught:
        load_data(write_tar(tmp_path / "a.tar", files))
    assert "000003" in str(caught.value)


def test_image_files_next_to_shards_are_refused_and_not_silently_ignored(tmp_path):
    write_tar(tmp_path / "s" / "backup.tar", labelled_files(range(12)))
    (tmp_path / "s" / "a.png").write_bytes(noise_png(0))
    with raises_code("mixed-formats") as caught:
        load_data(tmp_path / "s")
    assert "backup.tar" in str(caught.value)


def test_a_changed_shard_is_read_again(tmp_path):
    path = write_tar(tmp_path / "s" / "a.tar", labelled_files(range(12)))
    before = load_data(tmp_path / "s").card.fingerprint
    write_tar(path, labelled_files(range(1, 13)))
    assert load_data(tmp_path / "s").card.fingerprint != before


def test_a_model_trains_on_shards(tmp_path):
    write_tar(tmp_path / "s" / "a.tar", labelled_files(range(60)))
    run = la.train(presets.get("cgan_debug"), tmp_path / "r", load_data(tmp_path / "s"))
    assert run.load().sample(3, "2").shape == (3, 1, 10, 12)
