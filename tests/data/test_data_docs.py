"""The examples in docs/data.md do what it says."""

import re
from pathlib import Path

import pytest

from latentarium.data.readers.folders import list_folder
from latentarium.data.readers.listing import IMAGE_SUFFIXES, is_label_file
from latentarium.data.readers.placement import place_images
from support.data_files import write_files

TEXT = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
LAYOUTS = re.findall(r"^\| (`[^|]*`) \| ([^|]*) \| ([^|]*) \| ([^|]*)\|$", TEXT, re.MULTILINE)
TABLES = re.findall(r"^(`[\w.]+`[^\n]*):\n\n```(?:text|json)\n([^`]*)```", TEXT, re.MULTILINE)


def expand(pattern):
    """Return the folders that a pattern such as train/{cat,dog} stands for."""
    before, brace, rest = pattern.partition("{")
    inside, _, after = rest.partition("}")
    return [f"{before}{word}{after}" for word in inside.split(",")] if brace else [pattern]


def test_the_examples_are_found():
    assert len(LAYOUTS) == 15
    assert len(TABLES) == 6


@pytest.mark.parametrize(("patterns", "splits", "classes", "left_out"), LAYOUTS)
def test_layouts_are_read_as_documented(tmp_path, patterns, splits, classes, left_out):
    folders = [f for pattern in re.findall(r"`(.*?)`", patterns) for f in expand(pattern)]
    root = write_files(tmp_path / "p", {f"{f}/{i}.png": b"x" for f in folders for i in range(6)})
    placed = place_images(list_folder(root), "p")
    assert sorted(set(placed.splits)) == sorted(splits.split(", "))
    assert ", ".join(placed.classes) == classes.replace("none", "")
    if left_out.strip():
        assert placed.problems
    else:
        assert len(placed.files) == 6 * len(folders)


@pytest.mark.parametrize(("name", "content"), TABLES)
def test_tables_are_read_as_documented(tmp_path, name, content):
    names = re.findall(r"`([\w.]+\.\w+)`", name)
    assert names
    paths = re.findall(r'"(0000\d/\d\.png)"', content) or ["0.png", "1.png"]
    suffix = ".jsonl" if content.count("{") > 1 else None
    table = next(n for n in names if suffix is None or n.endswith(suffix))
    root = write_files(tmp_path / "p", dict.fromkeys(paths, b"x") | {table: content.encode()})
    placed = place_images(list_folder(root), "p")
    assert placed.labels == ("cat", "dog")
    assert placed.problems == ()


def test_all_suffixes_and_table_names_are_documented():
    documented = set(
        re.findall(r"\.\w+", TEXT.partition("- **Suffixes.**")[2].partition("in upper")[0])
    )
    assert documented == IMAGE_SUFFIXES
    line = TEXT.partition("A table named ")[2].partition("is read")[0]
    stems, suffixes = re.findall(r"`(\w+)`", line), re.findall(r"(\.\w+)", line)
    assert all(is_label_file(stem + suffix) for stem in stems for suffix in suffixes)
