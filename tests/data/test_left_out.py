"""What is not used is counted and named, and special files are never opened."""

import os
import socket
import stat
import tarfile
import zipfile

import pytest
from PIL import Image

from latentarium.data.check import check_data
from latentarium.data.readers import folders
from latentarium.data.readers.folders import list_folder
from latentarium.data.readers.left_out import LeftOut
from latentarium.data.sources import load_data
from latentarium.files import require_regular
from support.data_files import (
    image_bytes,
    noise_files,
    total_images,
    write_files,
    write_zip,
)
from support.errors import raises_code


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("LATENTARIUM_CACHE", str(tmp_path_factory.mktemp("cache")))


def images(count=12, folder=""):
    return noise_files(f"{folder}{i}.png" for i in range(count))


def test_files_are_counted_by_suffix_once_and_the_most_frequent_come_first(tmp_path):
    files = images() | {f"{i}.HEIC": b"x" for i in range(30)} | {"a/b.heic": b"x"}
    files |= {"README": b"x", "notes.txt": b"x", "c.txt": b"x", "Thumbs.db": b"x"}
    files |= {".DS_Store": b"x", ".git/config": b"x", "__MACOSX/._0.png": b"x"}
    data = load_data(write_files(tmp_path / "p", files))
    (note,) = (note for note in data.notes if note.startswith("left out"))
    parts = note.removeprefix("left out: ").split("), ")
    assert parts[0].startswith("31 .heic files (0.HEIC, 1.HEIC, ")
    assert parts[1].startswith(("2 .txt files (c.txt, notes.txt", "2 hidden"))
    for part in ("1 file without a suffix (README)", "Thumbs.db", ".DS_Store", ".git", "__MACOSX"):
        assert part in note
    assert any(note in line for line in check_data(tmp_path / "p").lines())


def test_a_zip_counts_like_its_folder(tmp_path):
    files = images() | {f"{i}.heic": b"x" for i in range(3)} | {"README": b"x"}
    folder = load_data(write_files(tmp_path / "p", files))
    archive = load_data(write_zip(tmp_path / "p.zip", files))
    assert folder.notes == archive.notes


def test_nothing_is_noted_if_all_files_are_used(tmp_path):
    data = load_data(write_files(tmp_path / "p", images()))
    assert not any("left out" in note for note in data.notes)
    assert data.problems == ()


@pytest.mark.parametrize("suffix", ["jfif", "jpe", "jif", "JPG", "apng", "pnm", "dib"])
def test_every_suffix_of_a_readable_format_is_read(tmp_path, suffix):
    kinds = {"apng": "PNG", "pnm": "PPM", "dib": "DIB"}
    picture = Image.effect_noise((12, 10), 50)
    content = image_bytes(picture, kinds.get(suffix, "JPEG"))
    data = load_data(write_files(tmp_path / "p", {f"{i}.{suffix}": content for i in range(12)}))
    assert total_images(data) == 12


def test_links_are_counted_and_named_and_a_linked_class_is_a_problem(tmp_path):
    outside = write_files(tmp_path / "outside", images())
    root = write_files(tmp_path / "p", images(folder="a/"))
    os.symlink(outside, root / "b")
    os.symlink(outside / "0.png", root / "a" / "link.png")
    os.symlink(tmp_path / "nothing", root / "a" / "dangling.png")
    os.symlink(root, root / "a" / "loop")
    data = load_data(root)
    assert total_images(data) == 12
    assert any("4 symbolic links" in note and "b" in note for note in data.notes)
    assert any("b" in problem and "link" in problem for problem in data.problems)


def test_a_class_that_consists_of_links_is_named(tmp_path):
    outside = write_files(tmp_path / "outside", images())
    root = write_files(tmp_path / "p", images(folder="a/") | images(folder="c/"))
    (root / "b").mkdir()
    for i in range(12):
        os.symlink(outside / f"{i}.png", root / "b" / f"{i}.png")
    data = load_data(root)
    assert data.card.classes == ("a", "c")
    assert any("(b)" in problem for problem in data.problems)


def test_the_folder_itself_may_be_a_link(tmp_path):
    root = write_files(tmp_path / "p", images())
    os.symlink(root, tmp_path / "link")
    assert total_images(load_data(tmp_path / "link")) == 12


def test_empty_class_folders_are_named(tmp_path):
    root = write_files(tmp_path / "p", images(folder="w/a/") | images(folder="w/b/"))
    (root / "w" / "empty").mkdir()
    (root / "w" / "a" / "deeper").mkdir()
    data = load_data(root)
    assert data.card.classes == ("a", "b")
    (problem,) = data.problems
    assert "empty" in problem
    assert "deeper" not in problem


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_pipes_and_sockets_in_a_folder_are_counted_and_never_opened(tmp_path, monkeypatch):
    root = write_files(tmp_path / "p", images())
    os.mkfifo(root / "pipe.png")
    os.mkfifo(root / "pipe.csv")
    os.mkfifo(root / "labels.csv")
    monkeypatch.chdir(root)  # the path of a socket is short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.png")
        data = load_data(root)
    assert total_images(data) == 12
    assert any("4 special files" in note for note in data.notes)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_devices_and_pipes_as_a_source_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    os.mkfifo(tmp_path / "pipe.zip")
    os.symlink(tmp_path / "pipe", tmp_path / "link")
    for path in ("/dev/zero", tmp_path / "pipe", tmp_path / "pipe.zip", tmp_path / "link"):
        with raises_code("not-a-file"):
            load_data(path)
        with raises_code("not-a-file"):
            require_regular(tmp_path / path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_a_pipe_as_a_table_of_labels_is_refused(tmp_path):
    from latentarium.data.readers.placement import place_images

    root = write_files(tmp_path / "p", images())
    os.mkfifo(tmp_path / "pipe.csv")
    with raises_code("not-a-file"):
        place_images(list_folder(root), "p", labels=tmp_path / "pipe.csv")


def test_special_entries_of_archives_are_counted(tmp_path):
    path = write_zip(tmp_path / "z.zip", images())
    with zipfile.ZipFile(path, "a") as archive:
        for name, kind in (("l.png", stat.S_IFLNK), ("d.png", stat.S_IFCHR)):
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (kind | 0o777) << 16
            archive.writestr(entry, "0.png")
    (note,) = (note for note in load_data(path).notes if note.startswith("left out"))
    assert "1 symbolic link (l.png)" in note
    assert "1 special file (d.png)" in note
    with tarfile.open(tmp_path / "t.tar", "w") as archive:
        for name in os.listdir(write_files(tmp_path / "f", images())):
            archive.add(tmp_path / "f" / name, name)
        for name, kind in (("l.png", tarfile.SYMTYPE), ("d.png", tarfile.FIFOTYPE)):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "0.png"
            archive.addfile(info)
    (note,) = (note for note in load_data(tmp_path / "t.tar").notes if note.startswith("left out"))
    assert "1 link (l.png)" in note
    assert "1 special file (d.png)" in note


def test_folders_that_cannot_be_opened_are_counted(tmp_path, monkeypatch):
    root = write_files(tmp_path / "p", images(folder="a/") | images(folder="b/"))
    scan = os.scandir

    def refuse(path):
        if str(path).rstrip("/").endswith("b"):
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(folders.os, "scandir", refuse)
    listing = list_folder(root)
    assert len(listing.images) == 12
    assert listing.left_out.counts == {"unreadable folders": 1}
    with raises_code("unreadable-folder"):
        list_folder(root / "b")


def test_a_broken_file_is_a_problem_that_names_it(tmp_path):
    files = images(30) | {"bad.png": b"text"}
    data = load_data(write_files(tmp_path / "p", files))
    assert any("bad.png" in problem for problem in data.problems)
    assert "doubtful-source" in [problem.code for problem in check_data(data).problems]


# --------------------------------------------------------------------------- no pictures


@pytest.mark.parametrize(
    ("files", "named"),
    [
        ({}, ["empty"]),
        ({f"{i}.heic": b"x" for i in range(3)}, ["3 .heic files (0.heic", "JPEG"]),
        ({"dataset_info.json": b"{}", "state.json": b"{}", "data-0.arrow": b"x"}, ["hf:NAME"]),
        ({"train/data-0.arrow": b"x", "dataset_dict.json": b"{}"}, ["load_from_disk"]),
        ({"a.npz": b"x"}, ["1 .npz file (a.npz)", "instead of the folder"]),
        ({"a.zip": b"x", "b.zip": b"x"}, ["2 .zip files"]),
        ({"a.tar.gz": b"x"}, [".gz file", "decompress"]),
        ({"labels.csv": b"file,label"}, ["labels.csv"]),
    ],
)
def test_a_folder_without_pictures_is_refused_and_its_files_are_named(tmp_path, files, named):
    root = write_files(tmp_path / "p", files)
    root.mkdir(exist_ok=True)
    with raises_code("no-images") as caught:
        load_data(root)
    for part in named:
        assert part in str(caught.value)


def test_an_archive_without_pictures_names_its_files(tmp_path):
    with raises_code("no-images") as caught:
        load_data(write_zip(tmp_path / "e.zip", {f"{i}.heic": b"x" for i in range(5)}))
    assert "5 .heic files" in str(caught.value)


def test_a_note_lists_only_the_most_frequent_reasons():
    left_out = LeftOut()
    for i in range(40):
        left_out.add(f".x{i:02} files", f"a.x{i:02}", count=100 - i)
    text = left_out.describe()
    assert text.startswith("100 .x00 files (a.x00, ...)")
    assert ".x11" in text
    assert ".x12" not in text
    assert text.endswith("more files")
    assert len(left_out) == sum(100 - i for i in range(40))


def test_odd_suffixes_are_counted_together(tmp_path):
    files = images() | {"a.b c": b"x", "x.": b"x", "y.toolongasuffix": b"x"}
    data = load_data(write_files(tmp_path / "p", files))
    (note,) = (note for note in data.notes if note.startswith("left out"))
    assert "2 files of other types" in note
    assert "1 file without a suffix (x.)" in note
