"""Files of labels in the order of the images."""

import json

import numpy as np
import pytest

from latentarium.data.readers.label_rows import read_label_rows
from latentarium.data.sources import load_data
from support.data_files import idx_bytes
from support.errors import raises_code

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 8, 8), dtype=np.uint8)
NUMBERS = np.arange(40) % 4
NAMES = [("cat", "dog")[i % 2] for i in range(40)]


def table(*columns, header=None, delimiter=","):
    rows = [delimiter.join(map(str, row)) for row in zip(*columns, strict=True)]
    return "\n".join(([header] if header else []) + rows) + "\n"


FILES = {
    "y.txt": table(NUMBERS),
    "y.csv": table(NUMBERS),
    "label.csv": table(NUMBERS, header="label"),
    "two.csv": table(range(40), NUMBERS, header="id,label"),
    "bom.csv": "\ufeff" + table(NUMBERS, header="label"),
    "semicolon.csv": table(range(40), NUMBERS, header="id;Class", delimiter=";"),
    "tabs.tsv": table(range(40), NUMBERS, header="id\ttarget", delimiter="\t"),
    "floats.csv": table(NUMBERS.astype(float), header="y"),
    "list.json": json.dumps(NUMBERS.tolist()),
    "key.json": json.dumps({"labels": NUMBERS.tolist()}),
    "stylegan.json": json.dumps({"labels": [[f"{i}.png", int(y)] for i, y in enumerate(NUMBERS)]}),
    "rows.json": json.dumps([{"id": i, "label": int(y)} for i, y in enumerate(NUMBERS)]),
    "names.json": json.dumps({f"{i}.png": int(y) for i, y in enumerate(NUMBERS)}),
    "rows.jsonl": "\n".join(json.dumps({"label": int(y)}) for y in NUMBERS),
}


@pytest.mark.parametrize("name", FILES)
def test_every_text_format_gives_the_same_labels(tmp_path, name):
    (tmp_path / name).write_text(FILES[name], encoding="utf-8")
    assert load_data(IMAGES, tmp_path / name).card == load_data(IMAGES, NUMBERS).card


def test_binary_files_of_labels(tmp_path):
    expected = load_data(IMAGES, NUMBERS).card
    np.save(tmp_path / "y.npy", NUMBERS)
    (tmp_path / "y-idx1-ubyte").write_bytes(idx_bytes(NUMBERS))
    for name in ("y.npy", "y-idx1-ubyte"):
        assert load_data(IMAGES, str(tmp_path / name)).card == expected
    np.save(tmp_path / "x.npy", IMAGES)
    assert load_data(tmp_path / "x.npy", tmp_path / "y.npy").card.fingerprint == (
        expected.fingerprint
    )


def test_a_column_can_be_chosen(tmp_path):
    path = tmp_path / "y.csv"
    path.write_text(table(NUMBERS, NAMES, header="label,animal"))
    assert load_data(IMAGES, path, label_column="animal").card.classes == ("cat", "dog")
    assert load_data(IMAGES, path).card.classes == ("0", "1", "2", "3")


def test_numbers_with_leading_zeros_are_names(tmp_path):
    path = tmp_path / "y.txt"
    path.write_text("007\n7\n" * 20)
    assert read_label_rows(path) == ["007", "7"] * 20


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("y.csv", "a,b\n1,2\n", "no-label-column"),
        ("y.csv", "", "damaged-file"),
        ("y.json", "{", "damaged-file"),
        ("y.json", '{"a": [1], "b": 2}', "damaged-file"),
        ("y.json", "3", "damaged-file"),
        ("y.json", "[" * 100_000, "damaged-file"),
        ("y.jsonl", "{}\nx", "damaged-file"),
        ("y.npy", "text", "damaged-file"),
        ("y.xlsx", "text", "unknown-format"),
        ("y", "hello", "not-idx"),
    ],
)
def test_unusable_files_of_labels_are_refused(tmp_path, name, content, code):
    (tmp_path / name).write_text(content)
    with raises_code(code):
        load_data(IMAGES, tmp_path / name)


def test_missing_files_folders_and_columns_are_refused(tmp_path):
    with raises_code("file-not-found"):
        load_data(IMAGES, tmp_path / "none.csv")
    with raises_code("not-a-file"):
        load_data(IMAGES, tmp_path)
    (tmp_path / "y.csv").write_text(table(NUMBERS, header="label"))
    with raises_code("no-label-column"):
        load_data(IMAGES, tmp_path / "y.csv", label_column="animal")
