"""Tables of labels in every common form, found or named by the user; what is not read is named."""

import csv
import io
import json
from pathlib import Path

import pytest

from latentarium.data.readers.folders import list_folder
from latentarium.data.readers.placement import place_images
from latentarium.data.sources import load_data
from support.data_files import noise_files, write_files, write_zip
from support.errors import raises_code

CLASSES = ("cat", "dog", "owl")
NAMES = [f"{i:03}.png" for i in range(30)]
LABELS = [CLASSES[i % 3] for i in range(30)]


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("LATENTARIUM_CACHE", str(tmp_path_factory.mktemp("cache")))


def csv_text(header, rows, **options):
    buffer = io.StringIO(newline="")
    csv.writer(buffer, **options).writerows([header, *rows] if header else rows)
    return buffer.getvalue()


def pairs(suffix=".png"):
    return [
        (name.removesuffix(".png") + suffix, label)
        for name, label in zip(NAMES, LABELS, strict=True)
    ]


def place(tmp_path, tables, names=NAMES, **options):
    """Place images next to tables, without decoding them."""
    contents = {k: v if isinstance(v, bytes) else v.encode() for k, v in tables.items()}
    root = write_files(tmp_path / "p", dict.fromkeys(names, b"x") | contents)
    return place_images(list_folder(root), "p", **options)


def labels_by_name(placed):
    return {Path(f.name).name: label for f, label in zip(placed.files, placed.labels, strict=True)}


def require_labels(placed, names=NAMES):
    assert labels_by_name(placed) == dict(zip((Path(n).name for n in names), LABELS, strict=True))
    assert placed.classes == CLASSES
    assert any(note.startswith("labels: from") for note in placed.notes)


def text_of(placed):
    return "\n".join([*placed.notes, *placed.problems])


# ----------------------------------------------------------------------- forms of tables

RECORDS = [{"file_name": name, "label": label} for name, label in pairs()]
FORMS = {
    "labels.csv": csv_text(("filename", "label"), pairs()),
    "Labels.CSV": csv_text(("Filename", "Label"), pairs()),
    "metadata.csv": csv_text(("file_name", "label"), pairs()),
    "labels.tsv": csv_text(("image", "class"), pairs(), delimiter="\t"),
    "metadata.jsonl": "\n".join(map(json.dumps, RECORDS)) + "\n\n",
    "metadata.json": json.dumps(RECORDS),
    "labels.json": json.dumps(dict(pairs())),
    "dataset.json": json.dumps({"labels": pairs()}),
    "label.json": json.dumps({"labels": dict(pairs())}),
    "metadata.ndjson": "\r\n".join(map(json.dumps, RECORDS)),
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_of_table_is_found_and_read(tmp_path, name):
    require_labels(place(tmp_path, {name: FORMS[name]}))


CONTENTS = {
    "semicolons": csv_text(("file", "label"), pairs(), delimiter=";"),
    "bars": csv_text(("file", "label"), pairs(), delimiter="|"),
    "quotes": csv_text(("file", "label"), pairs(), quoting=csv.QUOTE_ALL),
    "spaces after commas": csv_text(("file", "label"), pairs()).replace(",", ", "),
    "carriage returns": csv_text(("file", "label"), pairs(), lineterminator="\r\n"),
    "a byte order mark": "\ufeff" + csv_text(("file", "label"), pairs()),
    "UTF-16": csv_text(("file", "label"), pairs()).encode("utf-16"),
    "UTF-32": csv_text(("file", "label"), pairs()).encode("utf-32"),
    "no header": csv_text(None, pairs()),
    "no header, labels first": csv_text(None, [row[::-1] for row in pairs()]),
    "the labels first": csv_text(("label", "file"), [row[::-1] for row in pairs()]),
    "unknown column names": csv_text(("foo", "bar"), pairs()),
    "id and breed, without suffixes": csv_text(("id", "breed"), pairs("")),
    "an index column": csv_text(
        ("", "file", "label"), [(i, *row) for i, row in enumerate(pairs())]
    ),
    "relative paths": csv_text(("path", "label"), [(f"./{n}", c) for n, c in pairs()]),
    "absolute paths": csv_text(("path", "label"), [(f"/home/me/p/{n}", c) for n, c in pairs()]),
    "Windows paths": csv_text(("path", "label"), [(f"C:\\data\\p\\{n}", c) for n, c in pairs()]),
    "other suffixes": csv_text(("path", "label"), pairs(".JPG")),
    "empty lines": "\n" + csv_text(("file", "label"), pairs()).replace("\n", "\n\n"),
    "a column for each class": csv_text(
        ("image", *CLASSES), [(n, *(f"{float(c == x)}" for x in CLASSES)) for n, c in pairs()]
    ),
    "numbers and names": csv_text(
        ("file", "label", "class_name"), [(n, CLASSES.index(c), c) for n, c in pairs()]
    ),
}


@pytest.mark.parametrize("form", CONTENTS)
def test_every_dialect_of_csv_is_read(tmp_path, form):
    require_labels(place(tmp_path, {"labels.csv": CONTENTS[form]}))


def test_other_forms_of_json_are_read(tmp_path):
    columns = {"file_name": NAMES, "label": LABELS}
    by_row = {k: {str(i): v for i, v in enumerate(column)} for k, column in columns.items()}
    for i, content in enumerate((columns, by_row)):
        require_labels(place(tmp_path / str(i), {"metadata.json": json.dumps(content)}))


def test_a_list_separated_by_spaces_is_read_if_it_is_named(tmp_path):
    (tmp_path / "list.txt").write_text("".join(f"img/{n} {c}\n" for n, c in pairs()))
    require_labels(place(tmp_path, {}, labels=tmp_path / "list.txt"))


def test_numbers_keep_their_form_and_are_sorted(tmp_path):
    rows = [(n, i % 11) for i, n in enumerate(NAMES)]
    assert place(tmp_path, {"labels.csv": csv_text(("file", "label"), rows)}).classes == tuple(
        str(i) for i in range(11)
    )
    rows = [(n, f"{i % 3}.0") for i, n in enumerate(NAMES)]  # as pandas writes them
    text = csv_text(("file", "label"), rows)
    assert place(tmp_path / "b", {"labels.csv": text}).classes == ("0", "1", "2")


@pytest.mark.parametrize("encoding", ["big5", "gbk", "cp1252", "utf-8"])
def test_labels_in_any_encoding_are_classes(tmp_path, encoding):
    names = {"big5": ("功夫", "功能"), "gbk": ("苹果", "香蕉")}.get(encoding, ("café", "crème"))
    text = csv_text(("file", "label"), [(n, names[i % 2]) for i, n in enumerate(NAMES)])
    assert set(place(tmp_path, {"labels.csv": text.encode(encoding)}).classes) == set(names)


# --------------------------------------------------------------- images in other folders


def test_paths_are_relative_to_the_table_and_each_split_may_have_one(tmp_path):
    names = [f"{split}/{n}" for split in ("train", "test") for n in NAMES]
    tables = {
        f"{split}/metadata.csv": csv_text(("file_name", "label"), rows)
        for split, rows in (("train", pairs()), ("test", [(n, "dog") for n in NAMES]))
    }
    placed = place(tmp_path, tables, names)
    by_split = {}
    for split, label in zip(placed.splits, placed.labels, strict=True):
        by_split.setdefault(split, []).append(label)
    assert by_split == {"train": LABELS, "test": ["dog"] * 30}


def test_names_of_files_in_sub_folders_are_found(tmp_path):
    names = [f"images/part{i % 2}/{n}" for i, n in enumerate(NAMES)]
    require_labels(place(tmp_path, {"labels.csv": FORMS["labels.csv"]}, names), names)
    rows = [(f"part{i % 2}/{n}", c) for i, (n, c) in enumerate(pairs())]
    text = csv_text(("path", "label"), rows)
    require_labels(place(tmp_path / "b", {"tables/labels.csv": text}, names), names)


def test_a_name_that_fits_several_images_is_not_used(tmp_path):
    names = [f"{split}/{n}" for split in ("train", "test") for n in NAMES]
    placed = place(tmp_path, {"labels.csv": FORMS["labels.csv"]}, names)
    assert placed.labels == ()
    assert "labels.csv" in text_of(placed)


def test_stylegan_shards_are_not_classes(tmp_path):
    names = [f"{i // 15:05}/img{i:08}.png" for i in range(30)]
    labels = [[name, i % 3] for i, name in enumerate(names)]
    files = noise_files(names) | {"dataset.json": json.dumps({"labels": labels}).encode()}
    for source in (write_files(tmp_path / "p", files), write_zip(tmp_path / "p.zip", files)):
        data = load_data(source)
        assert data.card.classes == ("0", "1", "2")
        assert any("dataset.json" in note for note in data.notes)


@pytest.mark.parametrize("labels", [None, [], "null for each"])
def test_stylegan_without_labels_is_unlabelled(tmp_path, labels):
    names = [f"{i // 15:05}/img{i:08}.png" for i in range(30)]
    labels = [[name, None] for name in names] if labels == "null for each" else labels
    placed = place(tmp_path, {"dataset.json": json.dumps({"labels": labels})}, names)
    assert placed.labels == ()
    assert "dataset.json" in text_of(placed)


def test_stylegan_label_vectors_are_classes_if_they_are_one_hot(tmp_path):
    vectors = [[n, [float(i % 3 == k) for k in range(3)]] for i, n in enumerate(NAMES)]
    placed = place(tmp_path, {"dataset.json": json.dumps({"labels": vectors})})
    assert placed.classes == ("0", "1", "2")
    vectors = [[n, [0.1 * i, -0.5]] for i, n in enumerate(NAMES)]
    placed = place(tmp_path / "b", {"dataset.json": json.dumps({"labels": vectors})})
    assert placed.labels == ()
    assert any("vector" in problem for problem in placed.problems)


def test_a_column_of_splits_is_used_if_the_folders_state_none(tmp_path):
    splits = ["test" if i % 5 == 0 else "train" for i in range(30)]
    rows = [(*row, split) for row, split in zip(pairs(), splits, strict=True)]
    placed = place(tmp_path, {"labels.csv": csv_text(("file", "label", "split"), rows)})
    assert list(placed.splits) == splits
    require_labels(placed)


# ------------------------------------------------------------------- tables and folders


def test_a_table_that_covers_all_images_wins_over_folders(tmp_path):
    names = [f"{'ab'[i % 2]}/{n}" for i, n in enumerate(NAMES)]
    placed = place(tmp_path, {"labels.csv": FORMS["labels.csv"]}, names)
    require_labels(placed, names)
    assert any("the folders" in note and "not used" in note for note in placed.notes)


def test_folders_win_over_a_table_that_covers_only_some_images(tmp_path):
    names = [f"{'ab'[i % 2]}/{n}" for i, n in enumerate(NAMES)]
    text = csv_text(("file", "label"), pairs()[:20])
    placed = place(tmp_path, {"labels.csv": text}, names)
    assert placed.classes == ("a", "b")
    assert any("20 of 30" in problem for problem in placed.problems)


def test_images_without_a_row_are_left_out_and_named(tmp_path):
    placed = place(tmp_path, {"labels.csv": csv_text(("file", "label"), pairs()[:27])})
    assert len(placed.files) == len(placed.labels) == 27
    assert "3 images without a label in labels.csv (027.png" in text_of(placed)
    assert any("labels.csv" in problem for problem in placed.problems)
    with raises_code("missing-labels"):
        place(tmp_path, {"labels.csv": csv_text(("file", "label"), pairs()[:10])})


def test_an_unlabelled_test_split_next_to_a_table_is_left_out(tmp_path):
    names = [f"train/{n}" for n in NAMES] + [f"test/t{n}" for n in NAMES]
    placed = place(tmp_path, {"labels.csv": FORMS["labels.csv"]}, names)
    assert set(placed.splits) == {"train"}
    assert "30 unlabelled test images" in text_of(placed)


def test_folders_win_over_a_table_of_the_test_images_only(tmp_path):
    names = [f"train/{'ab'[i % 2]}/{n}" for i, n in enumerate(NAMES)]
    names += [f"test/t{n}" for n in NAMES[:20]]
    text = csv_text(("file", "label"), [(f"t{name}", label) for name, label in pairs()[:20]])
    placed = place(tmp_path, {"labels.csv": text}, names)
    assert placed.classes == ("a", "b")
    assert set(placed.splits) == {"train"}
    assert "labels.csv has labels for only 20 of 50 images" in text_of(placed)
    assert "20 unlabelled test images" in text_of(placed)


def test_unlabelled_splits_do_not_count_as_images_without_a_row(tmp_path):
    names = [f"train/{n}" for n in NAMES] + [f"test/t{n}" for n in NAMES]
    placed = place(tmp_path, {"labels.csv": csv_text(("file", "label"), pairs()[:29])}, names)
    assert len(placed.files) == 29
    assert "1 of 60 images have no label in labels.csv" in text_of(placed)


def test_rows_without_an_image_repeated_rows_and_other_columns_are_named(tmp_path):
    rows = [*pairs(), ("nothing.png", "cat"), pairs()[0]]
    text = csv_text(("file", "label", "width", "source"), [(*row, 9, "web") for row in rows])
    placed = place(tmp_path, {"labels.csv": text})
    require_labels(placed)
    text = text_of(placed)
    for part in ("1 row without an image (nothing.png)", "1 repeated row", "width, source"):
        assert part in text


def test_several_tables_in_a_folder_are_named(tmp_path):
    tables = {
        "metadata.csv": FORMS["metadata.csv"],
        "labels.csv": csv_text(("file", "label"), [(n, "x") for n in NAMES]),
    }
    placed = place(tmp_path, tables)
    require_labels(placed)
    assert any("labels.csv is not used" in note for note in placed.notes)


def test_tables_that_contradict_each_other_are_refused(tmp_path):
    names = [f"train/{n}" for n in NAMES]
    tables = {
        "labels.csv": csv_text(("file", "label"), [(f"train/{n}", "x") for n in NAMES]),
        "train/labels.csv": FORMS["labels.csv"],
    }
    with raises_code("conflicting-labels"):
        place(tmp_path, tables, names)


def test_other_tables_are_not_read_but_named(tmp_path):
    placed = place(tmp_path, {"index.csv": FORMS["labels.csv"]})
    assert placed.labels == ()
    assert any("index.csv" in problem and "--labels" in problem for problem in placed.problems)
    require_labels(place(tmp_path, {}, labels=tmp_path / "p" / "index.csv"))


# ------------------------------------------------------------------ the user names a table


def test_a_named_table_may_be_anywhere(tmp_path):
    (tmp_path / "elsewhere.csv").write_text(FORMS["labels.csv"])
    require_labels(place(tmp_path, {}, labels=tmp_path / "elsewhere.csv"))


def test_a_named_column_comes_first(tmp_path):
    rows = [(n, "x", c) for n, c in pairs()]
    text = csv_text(("file", "label", "Animal Kind"), rows)
    for column in ("Animal Kind", "animal_kind"):
        require_labels(place(tmp_path, {"labels.csv": text}, label_column=column))
    with raises_code("unknown-column") as caught:
        place(tmp_path, {"labels.csv": text}, label_column="colour")
    assert "Animal Kind" in str(caught.value)
    (tmp_path / "plain.csv").write_text(csv_text(None, rows))
    require_labels(place(tmp_path, {}, labels=tmp_path / "plain.csv", label_column="3"))


def test_a_column_without_any_table_is_refused(tmp_path):
    with raises_code("unknown-column"):
        place(tmp_path, {}, label_column="label")


UNUSABLE = {
    "not-classes": csv_text(("file", "label"), [(n, i / 7) for i, n in enumerate(NAMES)]),
    "multi-label": csv_text(("file", "label"), [*pairs(), (NAMES[0], "dog")]),
    "ambiguous-column": csv_text(
        ("file", "label", "category"), [(n, c, i % 2) for i, (n, c) in enumerate(pairs())]
    ),
    "unknown-column": csv_text(("file", "a", "b"), [(n, c, "x") for n, c in pairs()]),
    "no-matching-rows": csv_text(("file", "label"), [(f"x{n}", c) for n, c in pairs()]),
    "unusable-labels": "",
    "damaged-file": csv_text(("file", "label"), [*pairs(), ("a.png", "cat", "dog")]),
    "missing-labels": csv_text(("file", "label"), [(n, "") for n in NAMES]),
    "unknown-format": b"PK\x03\x04 a workbook",
}


@pytest.mark.parametrize("code", UNUSABLE)
def test_a_table_without_usable_labels_is_refused_if_named_and_otherwise_stated(tmp_path, code):
    content = UNUSABLE[code]
    path = tmp_path / "t.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with raises_code(code) as caught:
        place(tmp_path, {}, labels=path)
    assert "t.csv" in str(caught.value)
    assert "\n" not in str(caught.value)
    placed = place(tmp_path, {"labels.csv": content})
    assert placed.labels == ()
    assert len(placed.files) == 30
    assert "labels.csv" in text_of(placed)


def test_captions_are_not_classes(tmp_path):
    rows = [(n, f"a photo of animal {i}") for i, n in enumerate(NAMES)]
    placed = place(tmp_path, {"metadata.csv": csv_text(("file_name", "text"), rows)})
    assert placed.labels == ()
    assert any("metadata.csv" in problem for problem in placed.problems)


@pytest.mark.parametrize(
    "content",
    [
        "[" * 100_000, '{"labels": 3}', '[1, 2]', '{"a": [1], "b": {}}', "{", "null", '"x"',
        '[{"file_name": "000.png", "label": {"a": 1}}]', '[["000.png", 1, 2]]', "9" * 5000,
        '{"images": [], "annotations": [], "categories": []}', '[{}]', "[]", "{}",
    ],
)  # fmt: skip
def test_malformed_json_never_ends_in_another_error(tmp_path, content):
    placed = place(tmp_path, {"dataset.json": content})
    assert placed.labels == ()
    assert "dataset.json" in text_of(placed)


@pytest.mark.parametrize(
    "content",
    [b"\0" * 100, b"\xff\xfe\0", b"a,b\n\0,\0", b'"', b"a" * 200_000, b'a,"' + b"x" * 200_000],
)
def test_malformed_csv_never_ends_in_another_error(tmp_path, content):
    placed = place(tmp_path, {"labels.csv": content})
    assert placed.labels == ()
    assert "labels.csv" in text_of(placed)


def test_a_missing_table_is_refused(tmp_path):
    with raises_code("file-not-found"):
        place(tmp_path, {}, labels=tmp_path / "nothing.csv")


def test_a_changed_table_is_read_again(tmp_path):
    root = write_files(tmp_path / "p", noise_files(NAMES))
    (root / "labels.csv").write_text(FORMS["labels.csv"])
    assert load_data(root).card.classes == CLASSES
    (root / "labels.csv").write_text(FORMS["labels.csv"].replace("owl", "fox"))
    assert load_data(root).card.classes == ("cat", "dog", "fox")
    (root / "labels.csv").unlink()
    assert load_data(root).card.classes == ()
