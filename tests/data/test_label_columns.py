"""Tables with several columns that could name the images, or with one that fits several images."""

import pytest

from latentarium.data.readers.folders import list_folder
from latentarium.data.readers.placement import place_images
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
