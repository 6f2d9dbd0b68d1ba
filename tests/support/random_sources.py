"""Random folders, archives and shards in the layouts that docs/data.md names, for hypothesis."""

import csv
import io
import json
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import strategies as st

from support import reference_reader as reference
from support.random_pictures import Style, broken, picture, styles

CLASSES = ["cat", "dog", "é", "e\u0301t", "猫", "1", "2", "10", "²", "a b", "x.y", "train set"]
"""Names of classes; no two are equal in composed form."""
LEGACY = {
    "big5": ["貓", "狗", "花卉", "水果", "交通工具", "建築物"],
    "shift_jis": ["ネコ", "いぬ", "りんご", "自動車", "ひらがな", "動物"],
    "cp437": ["café", "Äpfel", "niño", "Küche", "été"],
}
"""Names of classes in encodings of archives without the flag of UTF-8."""
SPLITS = [(), ("train", "test"), ("train", "val", "test"), ("train", "valid"), ("train",),
          ("training", "testing"), ("train", "validation", "test")]  # fmt: skip
STEMS = ["{i}", "{i:04d}", "img ({i})", "猫{i}", "{i}²", "IMG_{i}.v1", "a'{i}", "{i}%20"]
OTHERS = [".hidden.png", "README.txt", "Thumbs.db", ".DS_Store", "a.heic", "notes.md"]


@dataclass
class RandomSource:
    """Generated files, in the order in which they are written."""

    style: Style
    files: dict[str, bytes] = field(default_factory=dict)
    encoding: str = "utf-8"
    """The encoding of the names in the .zip."""
    named_table: tuple[str, bytes] | None = None
    """The name and the content of a table that is not in the source."""

    def write_folder(self, folder: Path) -> Path:
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return folder

    def write_zip(self, path: Path) -> Path:
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in self.files.items():
                archive.writestr(LegacyName(name, self.encoding), content)
        return path


class LegacyName(zipfile.ZipInfo):
    """An entry whose name is stored in an encoding, with the flag of UTF-8 only for that one."""

    def __init__(self, filename: str, encoding: str):
        super().__init__(filename)
        self.encoding = encoding

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:
        if self.encoding == "utf-8" and not self.filename.isascii():
            return self.filename.encode(), self.flag_bits | 0x800
        return self.filename.encode(self.encoding), self.flag_bits


@st.composite
def random_sources(draw: st.DrawFn) -> RandomSource:
    """Return files in one of the layouts that the documentation names, and other files."""
    style = draw(styles())
    source = RandomSource(style, encoding=draw(st.sampled_from(["utf-8", "utf-8", *LEGACY])))
    classes = draw(st.lists(st.sampled_from(LEGACY.get(source.encoding, CLASSES)),
                            min_size=2, max_size=4, unique=True))  # fmt: skip
    splits = draw(st.sampled_from(SPLITS))
    labelled = draw(st.sampled_from(["none", "folders", "table", "both"]))
    stem = draw(st.sampled_from([s for s in STEMS if s.isascii() or source.encoding == "utf-8"]))
    upper = draw(st.booleans())
    in_folders = labelled in ("folders", "both")
    flat_test = in_folders and draw(st.integers(0, 3)) == 0  # as in Kaggle's archives
    extra = ""
    if splits and draw(st.integers(0, 3)) == 0:
        extra = draw(st.sampled_from(["extra", "unlabelled", "extra/more"]))
    layout = "plain"
    if in_folders and not flat_test and not extra:
        layout = draw(st.sampled_from(["plain", "plain", "inner", "images", "turned"]))
    wrapper = draw(st.sampled_from(["", "", "photos", "a/b"]))
    number, labels = 0, {}
    for split in splits or ("",):
        for _ in range(draw(st.integers(12, 24))):
            content, suffix = picture(style, number, wider=split not in ("", "train", "training"))
            label = classes[number % len(classes)]
            name = stem.format(i=number) + (suffix.upper() if upper else suffix)
            folders = [split, label if in_folders and not (flat_test and split == "test") else ""]
            if layout == "turned" and len(splits) > 1:
                folders.reverse()
            elif layout == "images" and split:
                folders.insert(1, "images")
            elif layout == "inner" and number % 5 == 0:
                folders.append("inner")
            path = "/".join(filter(None, (wrapper, *folders, name)))
            source.files[path] = content
            labels[path] = classes[(number + (labelled == "both")) % len(classes)]
            number += 1
    break_some(draw, source)
    for k in range(draw(st.integers(1, 5)) if extra else 0):
        content, suffix = picture(style, k)
        source.files["/".join(filter(None, (wrapper, extra, f"extra{k}{suffix}")))] = content
    if labelled in ("table", "both"):
        add_tables(draw, source, labels, wrapper, splits)
    elif layout == "plain" and in_folders and not splits and draw(st.integers(0, 5)) == 0:
        # refused, since it has no class
        source.files["/".join(filter(None, (wrapper, "next.png")))] = picture(style, 0)[0]
    for name in draw(st.sets(st.sampled_from(OTHERS))):
        source.files[name] = b"not a picture"
    return source


def break_some(draw: st.DrawFn, source: RandomSource) -> None:
    """Damage up to four images."""
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2, 3, 4]))):
        name = draw(st.sampled_from(sorted(source.files)))
        how = draw(st.sampled_from(["empty", "text", "half"]))
        source.files[name] = broken(source.files[name], how)


def add_tables(
    draw: st.DrawFn,
    source: RandomSource,
    labels: dict[str, str],
    wrapper: str,
    splits: Sequence[str],
) -> None:
    """Add a table of labels for all images, or without some rows; or one for each split."""
    name = draw(st.sampled_from(reference.TABLES))
    rows = draw(st.sampled_from(["all", "all", "most", "few", "train"]))
    step = {"most": 4, "few": 3}.get(rows, 0)
    kept = {
        path: label
        for k, (path, label) in enumerate(labels.items())
        if not step or (k % step > 0 if rows == "most" else k % step == 0)
    }
    if rows == "train":
        kept = {path: label for path, label in kept.items() if "test/" not in path}
    form, spelling = draw(st.sampled_from(FORMS)), draw(st.sampled_from(sorted(SPELLINGS)))
    if spelling in ("without suffix", "upper case"):
        form = {key: value for key, value in form.items() if key != "numbers"}
    place = draw(st.sampled_from(["source", "source", "wrapper", "splits", "outside"]))
    folders = [""]
    if place == "wrapper":
        folders = [wrapper]
    elif place == "splits" and name.startswith("metadata") and wrapper == "":
        starts = {path.split("/")[0] for path in kept}
        folders = sorted(starts) if starts <= set(splits) else folders
    for folder in folders:
        start = f"{folder}/" if folder else ""
        spelled = {
            SPELLINGS[spelling](path.removeprefix(start)): label
            for path, label in kept.items()
            if path.startswith(start)
        }
        split_column = ["train", "train", "test"] if rows == "all" and not splits else []
        content = table(name, spelled, form, split_column)
        if place == "outside":
            source.named_table = name, content
        else:
            source.files[start + name] = content


SPELLINGS = {
    "path": str,
    "path again": str,
    "end": lambda path: path.rpartition("/")[2],
    "absolute": lambda path: f"/home/me/{path}",
    "without suffix": lambda path: path.rpartition(".")[0],
    "upper case": str.upper,
}
"""Names of an image in a table."""
FORMS = [
    {},
    {"crlf": True},
    {"encoding": "utf-8-sig"},
    {"encoding": "utf-16"},
    {"delimiter": ";"},
    {"one_hot": True},
    {"splits": True},
    {"null": True},
    {"numbers": "id"},
    {"numbers": "image_id"},
]


def table(
    name: str, labels: Mapping[str, str], form: Mapping[str, object], splits: Sequence[str]
) -> bytes:
    """Return a table of labels in one of the known forms; splits take turns."""
    if name == "dataset.json":
        order = sorted(set(labels.values()))
        rows = [[path, order.index(label)] for path, label in labels.items()]
        return json.dumps({"labels": None if form.get("null") else rows}).encode()
    if name == "labels.json":
        return json.dumps(dict(labels)).encode()
    splits = splits if form.get("splits") else []
    if name == "metadata.jsonl":
        lines = [
            {"file_name": path, "label": label}
            | ({"split": splits[k % len(splits)]} if splits else {})
            for k, (path, label) in enumerate(labels.items())
        ]
        return "\n".join(json.dumps(line) for line in lines).encode()
    text = io.StringIO()
    delimiter = "\t" if name.endswith(".tsv") else str(form.get("delimiter", ","))
    end = "\r\n" if form.get("crlf") else "\n"
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end)
    first = "file_name" if name.startswith("metadata") else "filename"
    if form.get("one_hot"):
        classes = sorted(set(labels.values()))
        writer.writerow([first, *classes])
        writer.writerows([k, *(int(v == c) for c in classes)] for k, v in labels.items())
    elif splits:
        writer.writerow([first, "label", "split"])
        writer.writerows([*row, splits[k % len(splits)]] for k, row in enumerate(labels.items()))
    elif form.get("numbers"):  # these may fit names such as 0.png, but of other images
        writer.writerow([form["numbers"], first, "label"])
        writer.writerows([len(labels) - 1 - k, *row] for k, row in enumerate(labels.items()))
    else:
        writer.writerow([first, "label"])
        writer.writerows(labels.items())
    return text.getvalue().encode(str(form.get("encoding", "utf-8")))


@st.composite
def random_shards(draw: st.DrawFn) -> dict[str, dict[str, bytes]]:
    """Return the files of each shard, by the name of the shard."""
    style = draw(styles())
    labels = draw(st.sampled_from(["none", "cls", "json", "folders"]))
    shards: dict[str, dict[str, bytes]] = {}
    names = draw(st.sampled_from([
        ["shard-{}"], ["shard-{}", "shard-{}"], ["train-{}", "test-{}"], ["train-{}", "train-{}"],
        ["train-{}", "val-{}", "test-{}"], ["train-{}", "test-{}", "extra-{}"],
        ["train-{}", "other-{}"],
    ]))  # fmt: skip
    masks, captions = draw(st.booleans()), draw(st.booleans())
    damaged = draw(st.sampled_from([0, 0, 0, 1, 2])) if not masks else 0
    has_splits = {"train-{}", "test-{}"} <= set(names)
    number = 0
    for position, pattern in enumerate(names):
        files = shards[f"{pattern.format(position)}.tar"] = {}
        for _ in range(draw(st.integers(12, 24))):
            wider = has_splits and position > 0
            content, suffix = picture(style, number, wider)
            label = str(number % 3)
            folder = f"{label}/" if labels == "folders" else ""
            key = f"{folder}{number:05d}"
            files[key + suffix] = broken(content, "half") if number < damaged else content
            if labels == "cls":
                files[f"{key}.cls"] = label.encode()
            elif labels == "json":
                files[f"{key}.json"] = json.dumps({"label": int(label), "w": 9}).encode()
            if captions:
                files[f"{key}.txt"] = b"a caption"
            if masks and number % 2:
                files[f"{key}.{reference.MASKS[number % 3]}{suffix}"] = picture(style, number)[0]
            number += 1
    return shards


def write_shards(folder: Path, shards: dict[str, dict[str, bytes]]) -> list[Path]:
    """Write .tar files into a folder and return their paths."""
    folder.mkdir()
    for shard, files in shards.items():
        with tarfile.open(folder / shard, "w") as archive:
            for name, content in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return [folder / shard for shard in shards]
