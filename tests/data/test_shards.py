"""Shards of pictures in WebDataset's layout, and pictures that are more than the memory holds."""

import io
import resource
import tarfile

import numpy as np
import pytest
import torch
from support.data_files import labels_of
from PIL import Image

import latentarium as la
from latentarium import presets
from latentarium.data import room
from latentarium.data.dataset import fingerprint
from latentarium.data.folders import read_pictures
from latentarium.data.readers.shards import find_shards, list_shards
from latentarium.data.sources import load_data
from latentarium.errors import UserError

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("LATENTARIUM_CACHE", str(tmp_path_factory.mktemp("cache")))


def png(seed: int, colour=False) -> bytes:
    shape = (10, 12, 3) if colour else (10, 12)
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def shard(path, files: dict[str, bytes]):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def labelled(numbers) -> dict[str, bytes]:
    files = {}
    for i in numbers:
        files |= {f"{i:06}.png": png(i), f"{i:06}.cls": str(i % 3).encode()}
    return files


def test_labels_lie_beside_the_pictures_and_splits_are_in_the_names(tmp_path):
    for k in range(3):
        shard(tmp_path / "s" / f"train-{k:04}.tar", labelled(range(10 * k, 10 * k + 10)))
    shard(tmp_path / "s" / "test-0000.tar", labelled(range(50, 62)))
    data = load_data(tmp_path / "s")
    assert data.card.classes == ("0", "1", "2")
    assert (len(data.train) + len(data.validation), len(data.test)) == (30, 12)
    # every picture with its own label
    truth = {png_pixels(i): i % 3 for i in range(62)}
    for split in data.splits().values():
        for image, label in zip(split.images, labels_of(split), strict=True):
            assert truth[image.numpy().tobytes()] == int(label)


def png_pixels(seed):
    return np.asarray(Image.open(io.BytesIO(png(seed)))).tobytes()


def test_a_single_shard_may_have_folders_for_classes(tmp_path):
    files = {f"{c}/{i}.png": png(i) for i in range(8) for c in ("cats", "dogs")}
    data = load_data(shard(tmp_path / "pets.tar", files))
    assert data.card.classes == ("cats", "dogs")
    assert len(data.train) + len(data.validation) + len(data.test) == 16


def test_shards_are_what_the_same_pictures_in_a_folder_are(tmp_path):
    for i in range(20):
        path = tmp_path / "f" / str(i % 3) / f"a-{i:06}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(i))
    shard(tmp_path / "s" / "a.tar", labelled(range(20)))
    one, other = load_data(tmp_path / "f"), load_data(tmp_path / "s")
    assert one.card.fingerprint == other.card.fingerprint


def test_names_are_cut_at_the_first_dot_as_webdataset_does(tmp_path):
    files = {}
    for i in range(12):
        files |= {f"d/{i}.left.png": png(i), f"d/{i}.cls": b"xy"[i % 2 : i % 2 + 1]}
    assert load_data(shard(tmp_path / "a.tar", files)).card.classes == ("x", "y")


def test_a_hostile_label_is_only_a_name(tmp_path):
    files = {}
    for i in range(12):
        files |= {f"{i}.png": png(i), f"{i}.cls": (b"../../etc", b"test")[i % 2]}
    data = load_data(shard(tmp_path / "a.tar", files))
    assert set(data.card.classes) == {"-..-etc", "test"}


def test_links_devices_and_hidden_files_are_left_out(tmp_path):
    path = shard(tmp_path / "a.tar", {f"{i}.png": png(i) for i in range(12)})
    with tarfile.open(path, "a") as archive:
        for name, kind in (("l.png", tarfile.SYMTYPE), ("d.png", tarfile.CHRTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
        hidden = tarfile.TarInfo("._0.png")
        hidden.size = 3
        archive.addfile(hidden, io.BytesIO(b"abc"))
    assert len(list_shards([path])) == 12


@pytest.mark.parametrize("damage", ["cut", "gzip", "noise"])
def test_a_damaged_or_compressed_shard_is_a_sentence(damage, tmp_path):
    path = tmp_path / "a.tar"
    if damage == "gzip":
        with tarfile.open(path, "w:gz") as archive:
            info = tarfile.TarInfo("0.png")
            archive.addfile(info)
    else:
        content = shard(path, labelled(range(12))).read_bytes()
        path.write_bytes(RNG.bytes(4000) if damage == "noise" else content[:900])
    with pytest.raises(UserError, match=r"plain \.tar|damaged|broken"):
        load_data(path)


def test_labels_for_some_only_are_a_sentence(tmp_path):
    files = labelled(range(12))
    del files["000003.cls"]
    with pytest.raises(UserError, match="not beside 000003"):
        load_data(shard(tmp_path / "a.tar", files))


def test_pictures_beside_shards_are_a_sentence_and_not_silently_left_out(tmp_path):
    shard(tmp_path / "s" / "backup.tar", labelled(range(12)))
    (tmp_path / "s" / "a.png").write_bytes(png(0))
    with pytest.raises(UserError, match=r"backup\.tar"):
        load_data(tmp_path / "s")


def test_a_changed_shard_is_read_anew(tmp_path):
    path = shard(tmp_path / "s" / "a.tar", labelled(range(12)))
    before = load_data(tmp_path / "s").card.fingerprint
    shard(path, labelled(range(1, 13)))
    assert load_data(tmp_path / "s").card.fingerprint != before


def test_training_takes_shards(tmp_path):
    shard(tmp_path / "s" / "a.tar", labelled(range(60)))
    run = la.train(presets.get("cgan_debug"), tmp_path / "r", load_data(tmp_path / "s"))
    assert run.load().sample(3, "2").shape == (3, 1, 10, 12)


# --------------------------------------------------------------------- more than the memory holds


def test_what_is_mapped_is_what_would_be_held(tmp_path, monkeypatch):
    for k, colour in enumerate((False, True)):
        folder = tmp_path / f"p{k}"
        for i in range(30):
            path = folder / "ab"[i % 2] / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png(i, colour))
        held = load_data(folder)
        monkeypatch.setenv("LATENTARIUM_CACHE", str(tmp_path / f"other{k}"))
        with monkeypatch.context() as patch:
            patch.setattr(room, "MAPPED_SHARE", 0.0)
            patch.setattr(room, "BLOCK", 400)  # a few pictures at a time
            mapped, again = load_data(folder), load_data(folder)
        assert mapped.card == again.card == held.card
        for data in (mapped, again):
            assert fingerprint(*data.splits().values()) == held.card.fingerprint


def test_grey_stored_as_colour_is_one_channel_when_mapped_too(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "MAPPED_SHARE", 0.0)
    monkeypatch.setattr(room, "BLOCK", 1000)
    for i in range(12):
        grey = Image.open(io.BytesIO(png(i))).convert("RGB")
        path = tmp_path / "g" / f"{i}.png"
        path.parent.mkdir(exist_ok=True)
        grey.save(path)
    assert load_data(tmp_path / "g").card.image_shape == (1, 10, 12)


def test_no_file_is_left_of_what_was_mapped(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "MAPPED_SHARE", 0.0)
    monkeypatch.setenv("LATENTARIUM_CACHE", str(tmp_path / "c"))
    array = room.room((100, 50))
    array[:] = 7
    assert list((tmp_path / "c" / "data").iterdir()) == []
    assert int(array.sum()) == 35_000


def test_a_disk_without_room_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "MAPPED_SHARE", 0.0)
    monkeypatch.setenv("LATENTARIUM_CACHE", str(tmp_path / "c"))
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, usual[1]))
    try:
        with pytest.raises(UserError, match="Can't write"):
            room.room((100, 50))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)


def test_broken_pictures_leave_no_hole(tmp_path):
    files = {f"a/{i:03}.png": png(i) for i in range(60)}
    files["a/030.png"] = files["a/030.png"][:-40]  # the head is whole, the pixels are not
    path = shard(tmp_path / "a.tar", files)
    raw = read_pictures(list_shards(find_shards(path)), "a")
    images = raw.images["train"]
    assert isinstance(images, np.ndarray)
    assert len(images) == 59
    whole = {png_pixels(i) for i in range(60)}
    assert all(image.tobytes() in whole for image in images)
    assert torch.from_numpy(images).dtype == torch.uint8
