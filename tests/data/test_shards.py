"""Shards of images in WebDataset's layout."""

import io
import json
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


def png_and(i, label_files):
    """The pictures and label files of key i."""
    return {f"{i:04}.png": noise_png(i)} | {
        f"{i:04}{k}": v.encode() for k, v in label_files.items()
    }


def left_out(data):
    return next((note for note in data.notes if note.startswith("left out")), "")


@pytest.mark.parametrize("middle", ["seg", "mask", "depth.16", "left"])
def test_one_picture_of_a_key_is_used_and_the_others_are_named(tmp_path, middle):
    files, expected = {}, set()
    for i in range(30):
        files |= png_and(i, {".cls": str(i % 2)}) | {f"{i:04}.{middle}.png": noise_png(100 + i)}
        expected.add(np.asarray(Image.open(io.BytesIO(noise_png(i)))).tobytes())
    data = load_data(write_tar(tmp_path / "a.tar", files))
    assert {i.numpy().tobytes() for s in data.splits().values() for i in s.images} == expected
    assert data.card.classes == ("0", "1")
    assert f"30 further images of a key (0000.{middle}.png" in left_out(data)


def test_the_main_picture_of_a_key_is_used_without_labels_too(tmp_path):
    files = {f"{i}.{kind}.png": noise_png(i) for i in range(12) for kind in ("depth", "rgb")}
    data = load_data(write_tar(tmp_path / "a.tar", files))
    assert total_images(data) == 12
    assert "depth.png" in left_out(data)


@pytest.mark.parametrize("suffix", [".cls", ".json", None])
def test_names_with_dots_keep_all_their_images_and_labels(tmp_path, suffix):
    files = {}
    for i in range(12):
        for angle in ("05", "10.5"):
            files[f"{i}.{angle}.png"] = noise_png(len(files))
            if suffix is not None:
                label = "ab"[i % 2]
                content = label if suffix == ".cls" else json.dumps({"label": label})
                files[f"{i}.{angle}{suffix}"] = content.encode()
    data = load_data(write_tar(tmp_path / "a.tar", files))
    assert total_images(data) == 24
    assert data.card.classes == (() if suffix is None else ("a", "b"))
    assert not left_out(data)


def test_one_dotted_name_per_number_keeps_its_label(tmp_path):
    files = {}
    for i in range(30):
        files |= {f"{i}.05.png": noise_png(i), f"{i}.05.cls": str(i % 2).encode()}
    assert load_data(write_tar(tmp_path / "a.tar", files)).card.classes == ("0", "1")


@pytest.mark.parametrize(
    "values",
    [
        {"label": 1},
        {"cls": "x", "width": 9},
        {"class": "x"},
        {"Category": "x"},
        {"label": [3]},
        4,
        "x",
    ],
)
def test_labels_in_json_are_read(tmp_path, values):
    files = {}
    for i in range(12):
        files |= png_and(i, {".json": json.dumps(values if i % 2 else {"label": "other"})})
    data = load_data(write_tar(tmp_path / "a.tar", files))
    assert len(data.card.classes) == 2
    assert any(".json" in note for note in data.notes)


def test_json_without_labels_or_with_several_is_named(tmp_path):
    files = {}
    for i in range(12):
        files |= png_and(i, {".json": '{"url": "x"}', ".txt": "a caption"})
    data = load_data(write_tar(tmp_path / "a.tar", files))
    assert data.card.classes == ()
    assert "12 .json files without a label" in left_out(data)
    assert "12 .txt files" in left_out(data)
    for content in ('{"label": [1, 2]}', "{", '{"label": 0.5}', "[" * 50_000):
        files = {}
        for i in range(12):
            files |= png_and(i, {".json": content})
        data = load_data(write_tar(tmp_path / "b.tar", files))
        assert data.card.classes == ()
        assert any(".json" in problem for problem in data.problems)


def test_class_files_come_before_json(tmp_path):
    files = {}
    for i in range(12):
        files |= png_and(i, {".cls": "ab"[i % 2], ".json": '{"label": "x"}'})
    path = write_tar(tmp_path / "a.tar", files)
    data = load_data(path)
    assert data.card.classes == ("a", "b")
    assert any(".json" in note for note in data.notes)
    assert {file.label for file in list_shards([path], "label").images} == {"x"}


def test_labels_without_an_image_are_counted(tmp_path):
    files = labelled_files(range(12)) | {"z.cls": b"1"}
    assert "1 .cls file without an image (z.cls)" in left_out(
        load_data(write_tar(tmp_path / "a.tar", files))
    )


def test_a_table_in_a_tar_is_read(tmp_path):
    files = {f"img/{i}.png": noise_png(i) for i in range(12)}
    rows = "".join(f"img/{i}.png,{'ab'[i % 2]}\n" for i in range(12))
    data = load_data(write_tar(tmp_path / "a.tar", files | {"labels.csv": rows.encode()}))
    assert data.card.classes == ("a", "b")


def test_labels_in_a_legacy_encoding_stay_different(tmp_path):
    files = {}
    for i in range(12):
        files |= {f"{i}.png": noise_png(i), f"{i}.cls": ("功夫", "功能")[i % 2].encode("big5")}
    assert load_data(write_tar(tmp_path / "a.tar", files)).card.classes == ("功夫", "功能")
    files |= {f"{i}.cls": (b"a/b", b"a-b")[i % 2] for i in range(12)}
    assert len(load_data(write_tar(tmp_path / "a.tar", files)).card.classes) == 2


def test_shards_in_sub_folders_are_read_and_their_folders_may_be_splits(tmp_path):
    for split, numbers in (("train", range(20)), ("test", range(20, 32))):
        write_tar(tmp_path / "s" / split / "0000.tar", labelled_files(numbers))
    data = load_data(tmp_path / "s")
    assert [len(split) for split in data.splits().values()] == [18, 2, 12]
    for part in ("a", "b"):
        write_tar(tmp_path / "t" / part / "0000.tar", labelled_files(range(12)))
    assert total_images(load_data(tmp_path / "t")) == 24


def test_a_shard_outside_the_splits_is_left_out_and_named(tmp_path):
    for name in ("train-0", "test-0", "extra-0"):
        write_tar(tmp_path / "s" / f"{name}.tar", labelled_files(range(12)))
    data = load_data(tmp_path / "s")
    assert total_images(data) == 24
    assert "extra-0.tar" in left_out(data)
    assert any("extra-0.tar" in problem for problem in data.problems)
    (tmp_path / "s" / "test-0.tar").unlink()
    data = load_data(tmp_path / "s")
    assert total_images(data) == 24
    assert any("extra-0.tar" in problem for problem in data.problems)


@pytest.mark.parametrize("suffix", ["tar.gz", "tgz", "tar.bz2", "tar.xz"])
def test_a_compressed_shard_is_refused_with_what_to_do(tmp_path, suffix):
    (tmp_path / f"a.{suffix}").write_bytes(b"x")
    with raises_code("compressed-archive") as caught:
        load_data(tmp_path / f"a.{suffix}")
    assert "decompress" in str(caught.value)


def test_of_files_with_one_name_the_last_is_used(tmp_path):
    path = write_tar(tmp_path / "a.tar", {f"{i}.png": noise_png(i) for i in range(12)})
    with tarfile.open(path, "a") as archive:
        info = tarfile.TarInfo("0.png")
        info.size = len(noise_png(99))
        archive.addfile(info, io.BytesIO(noise_png(99)))
    data = load_data(path)
    assert total_images(data) == 12
    assert "1 replaced file of the same name (0.png)" in left_out(data)


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
