"""Random folders, archives, shards and arrays are read as a slow and obvious reader reads them."""

import csv
import io
import json
import os
import tarfile
import warnings
import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from PIL import Image

import latentarium as la
from latentarium.data.dataset import Data
from latentarium.errors import UserError
from support import reference_reader as reference

FEW, MANY = 100, 2000
SUPPRESSED = [HealthCheck.too_slow, HealthCheck.data_too_large]
SIDE = 8
CLASSES = ["cat", "dog", "é", "e\u0301t", "猫", "1", "2", "10", "²", "a b", "x.y", "train set"]
"""Names of classes; no two are equal in composed form."""
SPLITS = [(), ("train", "test"), ("train", "val", "test"), ("train", "valid"),
          ("train", "validation", "test")]  # fmt: skip
STEMS = ["{i}", "{i:04d}", "img ({i})", "猫{i}", "{i}²", "IMG_{i}.v1", "a'{i}", "{i}%20"]


@dataclass
class Picture:
    """One file of a generated source."""

    folder: tuple[str, ...]
    name: str
    content: bytes

    @property
    def path(self) -> str:
        return "/".join((*self.folder, self.name))


def png(rng: np.random.Generator, grey: bool, kind: str) -> bytes:
    """Return the bytes of a random picture, which differs from all others."""
    shape = (SIDE, SIDE) if grey else (SIDE, SIDE, 3)
    buffer = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8)).save(buffer, kind)
    return buffer.getvalue()


@st.composite
def pictures(draw: st.DrawFn) -> tuple[list[Picture], dict[str, bytes]]:
    """Return files in one of the layouts that the documentation names, and other files."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    grey = draw(st.booleans())
    classes = draw(st.lists(st.sampled_from(CLASSES), min_size=2, max_size=4, unique=True))
    splits = draw(st.sampled_from(SPLITS))
    labelled = draw(st.sampled_from(["none", "folders", "table"]))
    stem, kind = draw(st.sampled_from(STEMS)), draw(st.sampled_from(["png", "bmp", "ppm"]))
    suffix = draw(st.sampled_from([f".{kind}", f".{kind.upper()}"])) if kind != "ppm" else ".ppm"
    result: list[Picture] = []
    for split in splits or ("",):
        for number in range(draw(st.integers(12, 24))):
            label = classes[number % len(classes)]
            folder = (*((split,) if split else ()), *((label,) if labelled == "folders" else ()))
            name = stem.format(i=len(result)) + suffix
            result.append(Picture(folder, name, png(rng, grey, kind)))
    unlabelled = draw(st.booleans())
    if labelled == "folders" and "test" in splits and unlabelled:  # as in Kaggle's archives
        for picture in result:
            if picture.folder[0] == "test":
                picture.folder = ("test",)
    others: dict[str, bytes] = {}
    if labelled == "table":
        names = {p.path: classes[i % len(classes)] for i, p in enumerate(result)}
        others = table(draw(st.sampled_from(reference.TABLES)), names, draw(st.booleans()))
    for name in draw(st.sets(st.sampled_from([".hidden.png", "README.txt", "Thumbs.db",
                                              ".DS_Store", "a.heic", "notes.md"]))):  # fmt: skip
        others[name] = b"not a picture"
    return result, others


def table(name: str, labels: dict[str, str], crlf: bool) -> dict[str, bytes]:
    """Return a table of labels in one of the known forms."""
    if name == "dataset.json":
        order = sorted(set(labels.values()))
        return {
            name: json.dumps({"labels": [[k, order.index(v)] for k, v in labels.items()]}).encode()
        }
    if name == "metadata.jsonl":
        lines = [json.dumps({"file_name": k, "label": v}) for k, v in labels.items()]
        return {name: "\n".join(lines).encode()}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n" if crlf else "\n")
    writer.writerow(["filename" if name == "labels.csv" else "file_name", "label"])
    writer.writerows(labels.items())
    return {name: text.getvalue().encode()}


def contents(
    data: Data, has_splits: bool
) -> Counter[tuple[str, tuple[int, ...], bytes, str | None]]:
    """Return what was loaded as a multiset, like `Source.contents`."""
    loaded: Counter[tuple[str, tuple[int, ...], bytes, str | None]] = Counter()
    for name in ("train", "validation", "test"):
        split = getattr(data, name)
        for k, image in enumerate(split.images.permute(0, 2, 3, 1).numpy()):
            label = None if split.labels is None else data.card.classes[int(split.labels[k])]
            loaded[name if has_splits else "", image.shape, image.tobytes(), label] += 1
    return loaded


def check(path: Path, expected: reference.Source | None, has_splits: bool) -> None:
    """Compare what `load_data` reads with what is expected; None if it may refuse the source."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            data = la.load_data(path)
        except UserError as error:
            note(str(error))
            data = None
    if data is None:
        assert expected is None
        return
    if expected is not None:
        loaded = contents(data, has_splits)
        wanted = expected.contents()
        if has_splits:  # a part of the training images takes the place of a split that is missing
            missing = {"validation", "test"} - {split for split, *_ in wanted}
            loaded = Counter(
                {("train" if s in missing else s, *rest): n for (s, *rest), n in loaded.items()}
            )
        assert loaded == wanted


def expected_of(read, *arguments: object) -> reference.Source | None:
    try:
        return read(*arguments)
    except reference.RefusedError:
        return None


def check_folder_and_zip(files: list[Picture], others: dict[str, bytes]) -> None:
    with TemporaryDirectory() as temporary:
        root = Path(temporary) / "source"
        for picture in files:
            path = root.joinpath(*picture.folder, picture.name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(picture.content)
        for name, content in others.items():
            (root / name).write_bytes(content)
        has_splits = bool(files[0].folder) and files[0].folder[0] == "train"
        check(root, expected_of(reference.read_folder, root), has_splits)
        archive_path = Path(temporary) / "source.zip"
        with zipfile.ZipFile(archive_path, "w") as archive:
            for picture in files:
                archive.writestr(picture.path, picture.content)
            for name, content in others.items():
                archive.writestr(name, content)
        check(archive_path, expected_of(reference.read_zip, archive_path), has_splits)


def check_shards(files: list[Picture], style: str, count: int) -> None:
    """Compare shards with the same pictures, whose labels are written in one of the styles."""
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / "shards"
        folder.mkdir()
        paths = [folder / f"shard-{number:03d}.tar" for number in range(count)]
        for number, path in enumerate(paths):
            with tarfile.open(path, "w") as archive:
                for k, picture in enumerate(files[number::count]):
                    stem = f"{number:02d}{k:05d}"
                    suffix = picture.name.rsplit(".", 1)[1].lower()
                    add(archive, f"{stem}.{suffix}", picture.content)
                    if style == "cls":
                        add(archive, f"{stem}.cls", str(k % 3).encode())
                    elif style == "json":
                        add(archive, f"{stem}.json", json.dumps({"label": k % 3}).encode())
        check(folder, expected_of(reference.read_shards, paths), False)


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    archive.addfile(info, io.BytesIO(content))


LABELS = {
    "none": lambda k: None,
    "int": lambda k: k % 3,
    "int8": lambda k: np.int8(k % 3),
    "float": lambda k: float(k % 3),
    "text": lambda k: ("cat", "dog", "é")[k % 3],
    "bool": lambda k: k % 2 == 0,
}
"""Kinds of labels of arrays."""


@st.composite
def arrays(draw: st.DrawFn) -> tuple[np.ndarray, list[object], str, str, str]:
    """Return pixels (N, H, W, C), labels, the layout and the type of the array, and its kind."""
    n = draw(st.integers(12, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    layout = draw(st.sampled_from(["NHW", "NHWC", "NCHW"]))
    channels = 1 if layout == "NHW" else draw(st.sampled_from([1, 3]))
    kind = draw(st.sampled_from(["uint8", "float", "bool"]))
    pixels = rng.integers(0, 256, (n, SIDE + 1, SIDE, channels), dtype=np.uint8)
    if kind == "bool":
        pixels = (pixels > 127).astype(np.uint8) * 255
    labels = draw(st.sampled_from(sorted(LABELS)))
    return (
        pixels,
        [LABELS[labels](k) for k in range(n)],
        layout,
        kind,
        draw(st.sampled_from(["array", "list", "npz", "tuple", "dict"])),
    )


def check_arrays(
    pixels: np.ndarray, labels: list[object], layout: str, kind: str, container: str
) -> None:
    images = {"NHW": pixels[..., 0], "NHWC": pixels, "NCHW": pixels.transpose(0, 3, 1, 2)}[layout]
    images = {"uint8": images, "float": images / np.float32(255), "bool": images > 0}[kind]
    has_labels = labels[0] is not None
    given_labels = np.array(labels) if has_labels else None
    named: dict[str, Any] = {"images": images}
    if has_labels:
        named["labels"] = given_labels
    expected = Counter()
    grey = bool((pixels == pixels[..., :1]).all())
    for picture, label in zip(pixels, labels, strict=True):
        shown = picture[..., :1] if grey else picture
        expected[shown.shape, shown.tobytes(), class_name(label)] += 1
    if container == "npz":
        with TemporaryDirectory() as folder:
            path = Path(folder) / "a.npz"
            np.savez(path, **named)
            data = la.load_data(path)
    elif container == "tuple" and has_labels:
        data = la.load_data((images, given_labels))
    elif container == "dict":
        data = la.load_data(named)
    else:
        listed = labels if container == "list" else given_labels
        data = la.load_data(list(images) if container == "list" else images,
                            listed if has_labels else None)  # fmt: skip
    loaded = Counter(
        {(s, b, truth_as_number(name)): n for (_, s, b, name), n in contents(data, False).items()}
    )
    assert loaded == expected


def class_name(label: object) -> str | None:
    """Return the name of a label's class: a whole number, or text; truth values count from 0."""
    if label is None or isinstance(label, str):
        return label
    return str(int(label))  # pyright: ignore[reportArgumentType]


def truth_as_number(name: str | None) -> str | None:
    return {"False": "0", "True": "1"}.get(name or "", name)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LATENTARIUM_CACHE", str(tmp_path))


def fuzz(examples: int):
    return settings(
        max_examples=examples, deadline=None, derandomize=True, database=None,
        suppress_health_check=[*SUPPRESSED, HealthCheck.function_scoped_fixture],
    )  # fmt: skip


def run_folders(examples: int) -> None:
    fuzz(examples)(given(pictures())(lambda made: check_folder_and_zip(*made)))()


def run_shards(examples: int) -> None:
    given_shards = given(pictures(), st.sampled_from(["none", "cls", "json"]), st.integers(1, 3))
    fuzz(examples)(given_shards(lambda made, style, n: check_shards(made[0], style, n)))()


def run_arrays(examples: int) -> None:
    fuzz(examples)(given(arrays())(lambda made: check_arrays(*made)))()


def test_folders_and_archives_are_read_like_the_reference():
    run_folders(FEW // 4)


def test_shards_are_read_like_the_reference():
    run_shards(FEW // 4)


def test_arrays_are_read_like_the_reference():
    run_arrays(FEW // 2)


@pytest.mark.slow
@pytest.mark.parametrize("run", [run_folders, run_shards, run_arrays])
def test_many_sources_are_read_like_the_reference(run):
    run(MANY // 3)


def test_the_generator_makes_names_that_the_file_system_keeps():
    assert len({os.fsencode(name) for name in CLASSES}) == len(CLASSES)
