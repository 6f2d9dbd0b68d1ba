"""A .zip is read like its folder; damaged and malicious ones are refused within memory bounds."""

import stat
import struct
import tracemalloc
import zipfile

import pytest

from latentarium.data.readers.zips import list_zip
from latentarium.data.sources import load_data
from support.data_files import noise_files, noise_png, total_images, write_files, write_zip
from support.errors import raises_code

CLASSES = [f"{c}/{i}.png" for c in ("cats", "dogs") for i in range(8)]
LOCAL, ENTRY, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
"""Signatures of a file's header, its entry in the central directory, and the directory's end."""


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LATENTARIUM_CACHE", str(tmp_path / "cache"))


def patch_zip(path, signature: bytes, offset: int, value: bytes):
    """Overwrite bytes at an offset from each occurrence of a signature."""
    content, at = bytearray(path.read_bytes()), 0
    while (at := content.find(signature, at)) >= 0:
        content[at + offset : at + offset + len(value)] = value
        at += 4
    path.write_bytes(content)
    return path


def test_a_zip_equals_its_folder(tmp_path):
    root = write_files(tmp_path / "a" / "pets", noise_files(CLASSES))
    files = {f"pets/{n}": (root / n).read_bytes() for n in CLASSES}
    files |= {"__MACOSX/pets/._0.png": b"x", "pets/.hidden.png": b"x", "pets/notes.txt": b"x"}
    data = load_data(write_zip(tmp_path / "pets.zip", files))
    assert data.card.fingerprint == load_data(root).card.fingerprint


def test_a_zip_without_images_is_refused(tmp_path):
    with raises_code("no-images"):
        load_data(write_zip(tmp_path / "e.zip", {"a.txt": b"x"}))


def test_a_link_in_a_zip_is_skipped(tmp_path):
    path = write_zip(tmp_path / "z.zip", noise_files(f"{i}.png" for i in range(12)))
    with zipfile.ZipFile(path, "a") as archive:
        for i in range(5):
            link = zipfile.ZipInfo(f"link{i}.png")
            link.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(link, "0.png")
    assert total_images(load_data(path)) == 12


@pytest.mark.parametrize("name", ["../a.png", "x/../../a.png", "/etc/a.png", "..\\a.png"])
def test_a_path_outside_the_archive_is_refused(name, tmp_path):
    with raises_code("unsafe-path"):
        load_data(write_zip(tmp_path / "z.zip", {name: noise_png(0)}))


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path):
    bomb = write_zip(tmp_path / "z.zip", {"a.png": b"\0" * (1 << 24)})
    assert bomb.stat().st_size < 1 << 16
    with raises_code("file-too-large"):
        load_data(bomb)


def test_the_number_of_files_is_limited(tmp_path):
    path = write_zip(tmp_path / "z.zip", noise_files(f"{i}.png" for i in range(12)))
    assert len(list_zip(path, max_files=12).images) == 12
    with raises_code("archive-too-large"):
        list_zip(path, max_files=11)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut short", b"not a zip at all"])
def test_other_and_truncated_files_are_refused(content, tmp_path):
    path = tmp_path / "z.zip"
    path.write_bytes(content)
    with raises_code("damaged-file"):
        load_data(path)


def test_a_false_size_bounds_what_is_unpacked(tmp_path):
    size = struct.pack("<L", 1000)
    path = write_zip(tmp_path / "z.zip", {"a.png": b"\0" * (1 << 25)})
    patched = patch_zip(patch_zip(path, ENTRY, 24, size), LOCAL, 22, size)
    (file,) = list_zip(patched).images
    tracemalloc.start()
    try:
        with pytest.raises(zipfile.BadZipFile):
            file.read()
        assert tracemalloc.get_traced_memory()[1] < 1 << 22
    finally:
        tracemalloc.stop()


def test_methods_that_cannot_unpack_in_chunks_are_refused(tmp_path):
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        with zipfile.ZipFile(tmp_path / "z.zip", "w", method) as archive:
            archive.writestr("a.png", noise_png(0))
        with raises_code("unknown-compression"):
            list_zip(tmp_path / "z.zip")


def test_an_oversized_directory_is_not_read(tmp_path):
    path = write_zip(tmp_path / "z.zip", {f"{i}/{'x' * 200}.png": b"x" for i in range(2000)})
    patch_zip(path, END, 8, struct.pack("<HH", 1, 1))  # it claims one file
    assert len(list_zip(path, max_files=2000).images) == 2000
    tracemalloc.start()
    try:
        with raises_code("archive-too-large"):
            list_zip(path, max_files=1000)
        assert tracemalloc.get_traced_memory()[1] < 1 << 18
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("signature", "offset", "value"),
    [(ENTRY, 46, b"\xff\xfe"), (ENTRY, 6, b"\xff\0"), (END, 12, b"\xff" * 3)],
    ids=["a name that is not text", "a future version", "a directory that starts too early"],
)
def test_a_damaged_directory_is_refused(signature, offset, value, tmp_path):
    path = write_zip(tmp_path / "z.zip", {"\u8c93.png": noise_png(0)})
    with raises_code("damaged-file"):
        list_zip(patch_zip(path, signature, offset, value))


def test_a_name_that_is_not_text_in_a_file_header_breaks_one_image(tmp_path):
    path = write_zip(tmp_path / "z.zip", noise_files(f"\u8c93{i:02d}.png" for i in range(30)))
    content = bytearray(path.read_bytes())
    content[30:32] = b"\xff\xfe"
    path.write_bytes(content)
    assert total_images(load_data(path)) == 29


def test_a_flipped_byte_breaks_one_image(tmp_path):
    path = write_zip(tmp_path / "z.zip", noise_files(f"{i:02d}.png" for i in range(30)))
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("07.png")
    content = bytearray(path.read_bytes())
    content[info.header_offset + 30 + len("07.png") + 60] ^= 0xFF
    path.write_bytes(bytes(content))
    data = load_data(path)
    assert total_images(data) == 29
    assert any("07.png" in note for note in data.notes)


def test_of_entries_with_one_name_the_last_is_used(tmp_path):
    path = write_zip(tmp_path / "z.zip", noise_files(f"{i}.png" for i in range(12)))
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(path, "a") as archive:
        archive.writestr("0.png", noise_png(99))
    data = load_data(path)
    assert total_images(data) == 12
    assert any("replaced" in note and "0.png" in note for note in data.notes)


@pytest.mark.parametrize("name", ["/", ".", "./", "a//b.txt", "a/./b.txt"])
def test_odd_names_are_no_obstacle(tmp_path, name):
    files = noise_files(f"{i}.png" for i in range(12)) | {name: b""}
    assert total_images(load_data(write_zip(tmp_path / "z.zip", files))) == 12


def test_an_entry_without_a_name_is_counted(tmp_path):
    path = write_zip(tmp_path / "z.zip", noise_files(f"{i}.png" for i in range(12)))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(zipfile.ZipInfo("\0x"), b"")
    assert total_images(load_data(path)) == 12


def test_a_broken_table_in_a_zip_is_named(tmp_path):
    files = noise_files(f"{i}.png" for i in range(12))
    rows = "file,label\n" + "".join(f"{i}.png,{i % 2}\n" for i in range(12))
    path = write_zip(tmp_path / "z.zip", files | {"labels.csv": rows.encode()})
    with zipfile.ZipFile(path) as archive:
        offset = archive.getinfo("labels.csv").header_offset
    content = bytearray(path.read_bytes())
    content[offset + 30 + len("labels.csv") + 5] ^= 0xFF
    path.write_bytes(content)
    data = load_data(path)
    assert data.card.classes == ()
    assert any("labels.csv" in problem for problem in data.problems)
