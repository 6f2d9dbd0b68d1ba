"""Names of any bytes and in any Unicode form are read, sorted and shown."""

import json
import os
import sys
import unicodedata
import zipfile
import zlib

import numpy as np
import pytest

from latentarium.data.check import check_data
from latentarium.data.readers.encodings import decode_texts
from latentarium.data.readers.file_names import printable_paths
from latentarium.data.readers.folders import list_folder
from latentarium.data.readers.listing import natural_key
from latentarium.data.sources import load_data
from support.data_files import noise_files, noise_png, total_images, write_files, write_zip

needs_byte_names = pytest.mark.skipif(
    sys.platform in ("darwin", "win32"), reason="the file system stores Unicode"
)


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("LATENTARIUM_CACHE", str(tmp_path_factory.mktemp("cache")))


def require_clean(data):
    """Require that the card, the notes and the problems can be encoded."""
    text = json.dumps([data.card.source, data.card.classes, data.notes, data.problems])
    assert json.loads(text.encode("ascii"))
    for part in (data.card.source, *data.card.classes, *data.notes, *data.problems):
        part.encode("utf-8")
        assert part.isprintable()


def test_only_ascii_digits_are_numbers_in_the_natural_order():
    names = ["²3", "①", "x10²", "x9", "٣", "x" + "9" * 5000, "x007", "x7", "1", "", "half½", "10"]
    ordered = sorted(names, key=natural_key)
    assert ordered.index("1") < ordered.index("10")
    assert ordered.index("x007") < ordered.index("x7") < ordered.index("x9")
    assert ordered.index("x9") < ordered.index("x10²") < ordered.index("x" + "9" * 5000)


def test_classes_and_files_named_by_other_digits_load(tmp_path):
    names = [f"{c}/²{i}.png" for c in ("①", "②", "10²") for i in range(6)]
    data = load_data(write_files(tmp_path / "p", noise_files(names)))
    assert set(data.card.classes) == {"①", "②", "10²"}
    assert total_images(data) == 18


@needs_byte_names
def test_names_that_are_not_utf_8_are_read_and_shown_with_replacement_characters(tmp_path):
    root = write_files(tmp_path / "p", noise_files(f"a/{i}.png" for i in range(12)))
    for folder in (b"caf\xe9", b"caf\xe8"):
        os.mkdir(os.fsencode(root) + b"/" + folder)
        for i in range(6):
            path = os.fsencode(root) + b"/" + folder + b"/\xe9%d.png" % i
            with open(path, "wb") as file:
                file.write(noise_png(i))
    with open(os.fsencode(root) + b"/a/\xff.heic", "wb") as file:
        file.write(b"x")
    data = load_data(root)
    assert total_images(data) == 24
    assert data.card.classes == ("a", "caf\ufffd", "caf\ufffd (2)")
    require_clean(data)
    for line in check_data(root).lines():
        line.encode("utf-8")
    again = load_data(root)  # from the cache
    assert (again.card, again.notes) == (data.card, data.notes)


@needs_byte_names
def test_a_broken_file_whose_name_is_not_utf_8_is_named(tmp_path):
    root = write_files(tmp_path / "p", noise_files(f"{i}.png" for i in range(30)))
    with open(os.fsencode(root) + b"/\xe9.png", "wb") as file:
        file.write(b"text")
    data = load_data(root)
    require_clean(data)
    assert any("\ufffd.png" in note for note in data.notes)


@needs_byte_names
def test_a_source_whose_name_is_not_utf_8_loads(tmp_path):
    root = write_files(
        tmp_path / os.fsdecode(b"caf\xe9"), noise_files(f"{i}.png" for i in range(12))
    )
    data = load_data(root)
    assert data.card.source == "caf\ufffd"
    require_clean(data)


@needs_byte_names
def test_control_characters_in_names_never_reach_the_terminal(tmp_path):
    names = [f"{c}/{i}.png" for c in ("a\nproblem  none", "b\x1b[2J", "c\u202e") for i in range(5)]
    data = load_data(write_files(tmp_path / "p", noise_files(names)))
    assert len(data.card.classes) == 3
    require_clean(data)


def test_unicode_forms_of_one_name_are_one_class(tmp_path):
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    names = [f"{c}/{i}.png" for c in (composed, "b") for i in range(6)]
    root = write_files(tmp_path / "p", noise_files(names))
    write_files(root, {f"{decomposed}/{i}.png": noise_png(100 + i) for i in range(6)})
    data = load_data(root)
    assert data.card.classes == ("b", composed)
    assert total_images(data) == 18
    if len(list(root.iterdir())) == 3:  # the file system distinguishes the forms
        assert any("Unicode forms" in note for note in data.notes)


def test_class_names_have_one_unicode_form_on_every_system(tmp_path):
    names = [f"cafe\u0301/{i}.png" for i in range(6)] + [f"b/{i}.png" for i in range(6)]
    data = load_data(write_files(tmp_path / "p", noise_files(names)))
    assert all(unicodedata.is_normalized("NFC", name) for name in data.card.classes)


def test_classes_that_differ_only_in_case_are_a_problem(tmp_path):
    archive = write_zip(
        tmp_path / "p.zip", noise_files(f"{c}/{i}.png" for c in ("Cat", "cat") for i in range(6))
    )
    data = load_data(archive)
    assert data.card.classes == ("Cat", "cat")
    assert any("Cat, cat" in problem for problem in data.problems)


def test_replaced_names_stay_different_whatever_the_order():
    paths = ["\udce9/1", "\udce8/1", "\ufffd/1", "\udce9\udce9/1", "plain/1"]
    names, notes = printable_paths(paths)
    assert len(set(names)) == len(paths)
    assert names[-1] == "plain/1"
    assert notes
    reordered, _ = printable_paths(paths[::-1])
    assert reordered == names[::-1]


# -------------------------------------------------------------------- legacy encodings

NAMES = {
    "big5": [["功夫", "功能"], ["貓", "狗"], ["正常", "異常"], ["許功蓋", "成功"]],
    "gbk": [["猫", "狗"], ["正常", "缺陷"], ["苹果", "香蕉", "橘子"], ["新建文件夹"]],
    "cp932": [["犬", "猫"], ["りんご", "バナナ"], ["正常", "異常"], ["新しいフォルダー"]],
    "euc_jp": [["りんご", "バナナ"]],
    "cp949": [["고양이", "개"], ["사과", "바나나"], ["정상", "불량"], ["새 폴더"]],
    "cp866": [["кошки", "собаки"], ["Кот", "Пёс"]],
    "cp1251": [["кошки", "собаки"], ["новая папка"]],
    "cp437": [["café"], ["Müller", "Schön"], ["Straße"]],
    "cp1252": [["café"], ["Ärger", "Öl"], ["crème", "brûlée"]],
    "cp1253": [["γάτα", "σκύλος"]],
    "utf-8": [["café", "貓", "кот"]],
}


@pytest.mark.parametrize("encoding", NAMES)
def test_names_in_legacy_encodings_are_decoded(encoding):
    for names in NAMES[encoding]:
        assert decode_texts([name.encode(encoding) for name in names])[0] == names


def test_any_bytes_are_decoded_and_different_ones_stay_different():
    rng = np.random.default_rng(0)
    for _ in range(200):
        texts = {rng.bytes(int(rng.integers(1, 7))) for _ in range(8)}
        assert len(set(decode_texts(sorted(texts))[0])) == len(texts)


def legacy_zip(path, names, encoding, extra=None):
    """Write a .zip of 12 images per folder, whose names have no UTF-8 flag."""
    placeholders = [f"{chr(97 + k) * len(n.encode(encoding))}" for k, n in enumerate(names)]
    with zipfile.ZipFile(path, "w") as archive:
        for k, placeholder in enumerate(placeholders):
            for i in range(12):
                entry = zipfile.ZipInfo(f"{placeholder}/{i}.png")
                if extra is not None:
                    entry.extra = extra(f"{names[k]}/{i}.png", encoding)
                archive.writestr(entry, noise_png(12 * k + i))
    content = path.read_bytes()
    for placeholder, name in zip(placeholders, names, strict=True):
        content = content.replace(f"{placeholder}/".encode(), name.encode(encoding) + b"/")
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("big5", ("功夫", "功能")),  # the second byte of 功 is a backslash
        ("cp932", ("表", "ソ連")),  # and those of 表 and ソ too
        ("gbk", ("苹果", "香蕉")),
        ("utf-8", ("貓", "café")),  # as macOS writes it
        ("cp437", ("café", "straße")),
    ],
)
def test_folder_names_of_a_zip_in_any_encoding_are_classes(tmp_path, encoding, names):
    data = load_data(legacy_zip(tmp_path / "z.zip", names, encoding))
    assert set(data.card.classes) == set(names)
    assert data.train.labels is not None
    assert total_images(data) == 24
    noted = any("not UTF-8" in note for note in data.notes)
    assert noted == (encoding != "utf-8")


def unicode_path(name, encoding):
    raw = zlib.crc32(name.encode(encoding)).to_bytes(4, "little")
    content = b"\x01" + raw + name.encode()
    return b"\x75\x70" + len(content).to_bytes(2, "little") + content


def test_the_unicode_path_of_a_zip_entry_comes_first(tmp_path):
    names = ("ž1", "ź2")  # in cp1250, which other encodings fit too
    path = legacy_zip(tmp_path / "z.zip", names, "cp1250", unicode_path)
    data = load_data(path)
    assert set(data.card.classes) == set(names)
    assert not any("UTF-8" in note for note in data.notes)


def test_backslashes_in_a_zip_separate_folders(tmp_path):
    path = write_zip(
        tmp_path / "z.zip", noise_files(f"{c}x{i}.png" for c in "ab" for i in range(8))
    )
    path.write_bytes(path.read_bytes().replace(b"ax", b"a\\").replace(b"bx", b"b\\"))
    assert load_data(path).card.classes == ("a", "b")


@needs_byte_names
def test_a_backslash_in_the_name_of_a_folder_separates_nothing(tmp_path):
    names = [f"{c}/{i}.png" for c in ("a\\x", "a\\y") for i in range(6)]
    root = write_files(tmp_path / "p", noise_files(names))
    assert len(list_folder(root).images) == 12
    assert load_data(root).card.classes == ("a\\x", "a\\y")


def test_names_are_read_as_utf_8_in_every_locale():
    """Under the locale C without UTF-8 mode, Python reads names as ASCII with surrogates."""
    paths = ["été/ü.png", "e\u0301te\u0301/1.png", "plain/1.png"]
    as_ascii = [path.encode().decode("ascii", "surrogateescape") for path in paths]
    assert as_ascii != paths
    assert printable_paths(as_ascii) == printable_paths(paths)
    broken = "\udcff\udcc3\udca9.png"  # a byte that is not UTF-8 before two that are
    assert printable_paths([broken])[0] == ["\ufffdé.png"]
    assert printable_paths(["\ud800.png"])[0] == ["\ufffd.png"]
