"""Tables with several columns that could name the images, or with one that fits several images."""

import json

import pytest

from latentarium.data.readers.folders import list_folder
from latentarium.data.readers.placement import place_images
from latentarium.data.readers.tables import parse_table
from support.data_files import write_files
from support.errors import raises_code

COUNT = 40
NAMES = [f"{i}.png" for i in range(COUNT)]
LABELS = {name: "ab"[i * i % 7 % 2] for i, name in enumerate(NAMES)}


def place(tmp_path, table, names=NAMES, file="labels.csv", **options):
    """Place images next to a table, without decoding them."""
    root = write_files(tmp_path / "p", dict.fromkeys(names, b"x") | {file: table.encode()})
    return place_images(list_folder(root), "p", **options)


def rows(header, form):
    """Return a table whose rows are numbered, but name the images in another order."""
    lines = [
        form.format(k=k, name=name, stem=name.removesuffix(".png"), label=LABELS[name])
        for k, name in enumerate(reversed(NAMES))
    ]
    return "\n".join([header, *lines])


def labels_by_name(placed):
    return {file.name: label for file, label in zip(placed.files, placed.labels, strict=True)}


# ------------------------------------------------------------- columns of numbers and of names


@pytest.mark.parametrize(
    ("header", "form"),
    [
        ("id,filename,label", "{k},{name},{label}"),
        ("image_id,path,label", "{k},/home/me/{name},{label}"),
        ("id,file,label", "{k},./{name},{label}"),
        ("img_id,image_name,label", "{k},{name},{label}"),
        ("label,image,id", "{label},{name},{k}"),
        ("id,slika,label", "{k},{name},{label}"),
        ("Unnamed: 0,id,label", "{k},{stem},{label}"),
        ("index,foo,label", "{k},{stem},{label}"),
        ("nr,id,label", "{k},{stem},{label}"),
    ],
)
def test_a_column_of_numbers_does_not_take_the_place_of_file_names(tmp_path, header, form):
    placed = place(tmp_path, rows(header, form))
    assert labels_by_name(placed) == LABELS


def test_names_win_over_numbers_in_a_table_without_a_header(tmp_path):
    table = rows("", "{k},{name},{label}").strip()
    assert labels_by_name(place(tmp_path, table, label_column="3")) == LABELS


def test_the_choice_between_two_columns_is_named(tmp_path):
    placed = place(tmp_path, rows("id,filename,label", "{k},{name},{label}"))
    assert any("by the column filename, not by id" in note for note in placed.notes)
    placed = place(tmp_path / "b", rows("id,filename,label", "{stem},{name},{label}"))
    assert labels_by_name(placed) == LABELS
    assert not any("not by id" in note for note in placed.notes)  # both mean the same images


@pytest.mark.parametrize("form", ["{k},{stem},{label}", "{k}.png,{name},{label}"])
def test_two_equal_columns_that_mean_different_images_are_a_problem(tmp_path, form):
    table = rows("id,image,label", form)
    placed = place(tmp_path, table)
    assert placed.labels == ()
    assert any("two columns that name different images" in p for p in placed.problems)
    (tmp_path / "t.csv").write_text(table)
    with raises_code("ambiguous-column"):
        place(tmp_path, "", labels=tmp_path / "t.csv")


def test_a_wrong_name_does_not_make_a_column_of_numbers_the_better_one(tmp_path):
    table = rows("id,filename,label", "{k},{name},{label}").replace("17.png", "17")
    assert labels_by_name(place(tmp_path, table)) == LABELS
    table = rows("id,filename,label", "{k},{name},{label}").replace("17.png", "gone.png")
    placed = place(tmp_path / "b", table)
    assert labels_by_name(placed) == {n: c for n, c in LABELS.items() if n != "17.png"}


# -------------------------------------------------------------- names that fit several images

SPLIT_NAMES = [f"train/{i}.png" for i in range(40)] + [f"test/{i}.png" for i in range(60)]
IDS = "id,label\n" + "".join(f"{i},{'ab'[i % 3 % 2]}\n" for i in range(40))


def require_train_labels(placed):
    assert set(placed.splits) == {"train"}
    assert list(placed.labels) == ["ab"[i % 3 % 2] for i in range(40)]
    assert "60 unlabelled test images" in "\n".join(placed.notes)


@pytest.mark.parametrize("file", ["labels.csv", "trainLabels.csv", "y_train.csv", "train/a.csv"])
def test_ids_that_fit_two_splits_are_those_of_the_split_they_cover_or_name(tmp_path, file):
    placed = place(tmp_path, IDS, SPLIT_NAMES, file)
    if file != "labels.csv":
        assert placed.labels == ()
        assert any("--labels" in problem for problem in placed.problems)
        placed = place(tmp_path, IDS, SPLIT_NAMES, file, labels=tmp_path / "p" / file)
    require_train_labels(placed)


def test_ids_of_a_larger_train_split_are_not_those_of_the_test_split(tmp_path):
    names = [f"train/{i}.png" for i in range(40)] + [f"test/{i}.png" for i in range(20)]
    placed = place(tmp_path, IDS, names)
    assert list(placed.labels) == ["ab"[i % 3 % 2] for i in range(40)]
    assert any("read as those of train images" in note for note in placed.notes)


def test_ids_that_fit_every_split_are_a_problem_whose_advice_works(tmp_path):
    names = [f"{split}/{i}.png" for split in ("train", "test") for i in range(40)]
    placed = place(tmp_path, IDS, names)
    assert placed.labels == ()
    assert any("0, which fits test/0.png, train/0.png" in p for p in placed.problems)
    (tmp_path / "ids.csv").write_text(IDS)
    with raises_code("ambiguous-rows"):
        place(tmp_path, IDS, names, labels=tmp_path / "ids.csv")
    placed = place(tmp_path / "b", IDS, names, "train/labels.csv")
    assert list(placed.labels) == ["ab"[i % 3 % 2] for i in range(40)]


def test_ids_that_fit_files_of_two_suffixes_are_a_problem(tmp_path):
    names = [f"{i}.{suffix}" for suffix in ("png", "jpg") for i in range(40)]
    placed = place(tmp_path, IDS, names)
    assert placed.labels == ()
    assert any("40 of 40 rows that fit several images" in p for p in placed.problems)


# ---------------------------------------------------------------- tables of one of the splits

IMAGENET = [f"train/{c}/{c}{i}.png" for c in ("n1", "n2") for i in range(25)]
IMAGENET += [f"val/V{i}.png" for i in range(10)]


@pytest.mark.parametrize("is_named", [True, False])
def test_a_table_of_the_validation_images_keeps_the_folders_of_the_training_images(
    tmp_path, is_named
):
    table = "id,label\n" + "".join(f"V{i},n{1 + i % 2}\n" for i in range(10))
    path = {"labels": tmp_path / "p" / "labels.csv"} if is_named else {}
    placed = place(tmp_path, table, IMAGENET, **path)
    assert list(placed.labels) == ["n1"] * 25 + ["n2"] * 25 + ["n1", "n2"] * 5
    assert set(placed.splits) == {"train", "validation"}
    assert any("10 images outside class folders" in note for note in placed.notes)
    table = table.replace("n1", "n3")
    path = {"labels": tmp_path / "b" / "p" / "labels.csv"} if is_named else {}
    placed = place(tmp_path / "b", table, IMAGENET, **path)
    assert list(placed.labels) == ["n1"] * 25 + ["n2"] * 25
    assert any("the classes are those of the folders" in p for p in placed.problems)


def test_a_named_table_of_some_training_images_is_used(tmp_path):
    names = [f"{'xy'[i % 2]}/{i}.png" for i in range(40)]
    table = "".join(f"{i}.png,{'ab'[i % 3 % 2]}\n" for i in range(30))
    placed = place(tmp_path, "file,label\n" + table, names, labels=tmp_path / "p" / "labels.csv")
    assert len(placed.labels) == 30
    assert placed.classes == ("a", "b")


# ------------------------------------------------------------------ dialects and missing labels


def test_the_line_that_states_the_delimiter_for_excel_is_no_row(tmp_path):
    lines = rows("filename;label", "{name};{label}")
    for start in ("sep=;\n", '"sep=;"\r\n'):
        placed = place(tmp_path / str(len(start)), start + lines)
        assert labels_by_name(placed) == LABELS
        assert not any("without an image" in note for note in placed.notes)


@pytest.mark.parametrize(
    ("above", "comments"),
    [
        ("# exported by a tool, on a Monday\n#\nfilename,label\n", 2),
        ("#filename,label\n", 0),
        ("# made by hand\n# filename,label\n", 1),
        ("# exported by a tool, on a Monday\n", 1),  # no header
        ("# label of each image\n", 1),
        ("# the name, the label\n", 1),
    ],
)
def test_comments_above_a_table_are_no_rows(tmp_path, above, comments):
    placed = place(tmp_path, above + rows("", "{name},{label}").lstrip("\n"))
    assert labels_by_name(placed) == LABELS
    stated = [note for note in placed.notes if "comment" in note]
    assert len(stated) == (comments > 0)
    assert all(f"{comments} comment line" in note for note in stated)
    assert not any("without an image" in note for note in placed.notes)


def test_a_first_row_that_names_a_file_with_a_number_sign_is_no_comment():
    table = parse_table(b"#1.png,cat\n#2.png,dog\n", "labels.csv")
    assert table.header == ("#1.png", "cat")


@pytest.mark.parametrize("missing", ["", "-1", "nan", "NaN", "NA", "None", "null", "N/A"])
def test_missing_labels_of_a_text_file_are_no_class(tmp_path, missing):
    lines = [f"{name},{missing if i < 4 else i % 3}" for i, name in enumerate(NAMES)]
    placed = place(tmp_path, "\n".join(["file,label", *lines]))
    assert placed.classes == ("0", "1", "2")
    assert len(placed.labels) == COUNT - 4
    assert any("4 rows without a label" in note for note in placed.notes)
    assert any("4 of 40 images have no label" in problem for problem in placed.problems)


def test_numbers_that_are_stored_as_floats_may_be_missing(tmp_path):
    lines = [f"{name},{'-1.0' if i < 4 else f'{i % 3}.0'}" for i, name in enumerate(NAMES)]
    assert place(tmp_path, "\n".join(["file,label", *lines])).classes == ("0", "1", "2")


def test_minus_one_and_one_are_two_classes(tmp_path):
    lines = [f"{name},{1 if i % 3 else -1}" for i, name in enumerate(NAMES)]
    assert set(place(tmp_path, "\n".join(["file,label", *lines])).classes) == {"-1", "1"}


def test_words_that_only_resemble_a_missing_label_are_classes(tmp_path):
    lines = [f"{name},{('none', 'Na', 'x')[i % 3]}" for i, name in enumerate(NAMES)]
    assert place(tmp_path, "\n".join(["file,label", *lines])).classes == ("Na", "none", "x")
    content = json.dumps(dict.fromkeys(NAMES, "None"))  # .json has null
    assert place(tmp_path / "b", content, file="labels.json").classes == ("None",)


@pytest.mark.parametrize("form", ["names", "names of one length", "stems"])
def test_lists_of_files_by_class_are_read(tmp_path, form):
    by_class = {c: [name for name in NAMES if LABELS[name] == c] for c in "ab"}
    wanted = dict(LABELS)
    if form == "names of one length":
        shortest = min(map(len, by_class.values()))
        by_class = {c: files[:shortest] for c, files in by_class.items()}
        wanted = {name: c for c, files in by_class.items() for name in files}
    elif form == "stems":
        by_class = {c: [n.removesuffix(".png") for n in files] for c, files in by_class.items()}
    placed = place(tmp_path, json.dumps(by_class), file="labels.json")
    assert labels_by_name(placed) == wanted


def test_a_column_of_splits_with_other_values_is_a_problem(tmp_path):
    splits = ["train"] * 30 + ["test"] * 9 + [""]
    lines = [f"{n},{LABELS[n]},{split}" for n, split in zip(NAMES, splits, strict=True)]
    placed = place(tmp_path, "\n".join(["file,label,split", *lines]))
    assert set(placed.splits) == {"train"}
    assert any("1 of its 40 values" in problem for problem in placed.problems)


def test_numbers_next_to_a_column_for_each_class_are_no_class(tmp_path):
    lines = [
        f"{k},{n},{LABELS[n] == 'a':d},{LABELS[n] == 'b':d}" for k, n in enumerate(NAMES[::-1])
    ]
    placed = place(tmp_path, "\n".join(["id,filename,a,b", *lines]))
    assert labels_by_name(placed) == LABELS


def test_lists_of_files_by_split_are_no_classes(tmp_path):
    content = json.dumps({"train": NAMES[:30], "test": NAMES[30:]})
    placed = place(tmp_path, content, file="labels.json")
    assert placed.labels == ()
    assert any("a form that is not known" in problem for problem in placed.problems)
