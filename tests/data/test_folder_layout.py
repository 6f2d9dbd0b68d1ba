"""Splits and classes from the names of folders, and what is left out because of them."""

import pytest

from latentarium.data.readers.folder_layout import layout_of
from latentarium.data.sources import load_data
from support.data_files import noise_files, total_images, write_files, write_zip
from support.errors import raises_code


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("LATENTARIUM_CACHE", str(tmp_path_factory.mktemp("cache")))


def load(tmp_path, *patterns, each=12):
    """Load a .zip with images whose names fit patterns such as "train/{cat,dog}"."""
    names = []
    for pattern in patterns:
        before, _, rest = pattern.partition("{")
        inside, _, after = rest.partition("}")
        for word in inside.split(",") if rest else [""]:
            names += [f"{before}{word}{after}/{i}.png".lstrip("/") for i in range(each)]
    return load_data(write_zip(tmp_path / "p.zip", noise_files(names)))


def counts(data):
    return [len(split) for split in data.splits().values()]


def left_out(data):
    return next((note for note in data.notes if note.startswith("left out")), "")


@pytest.mark.parametrize(
    "names",
    ["training_set,test_set", "train_images,test_images", "train2017,val2017", "trainA,testB",
     "images,masks", "JPEGImages,SegmentationClass"],
)  # fmt: skip
def test_class_folders_that_look_like_splits_or_masks_are_a_problem(tmp_path, names):
    for pattern in (f"{{{names}}}", f"train/{{{names}}}"):
        data = load(tmp_path, pattern)
        assert set(data.card.classes) == set(names.split(","))
        assert any("read as classes" in problem for problem in data.problems)


@pytest.mark.parametrize("names", ["cat,dog", "train station,bus stop", "testament,trainer"])
def test_other_class_folders_are_no_problem(tmp_path, names):
    assert not any("read as" in problem for problem in load(tmp_path, f"{{{names}}}").problems)


def test_a_third_folder_next_to_train_and_test_is_left_out_and_named(tmp_path):
    data = load(tmp_path, "train/{cat,dog}", "test/{cat,dog}", "extra")
    assert data.card.classes == ("cat", "dog")
    assert counts(data) == [22, 2, 24]
    assert "12 images outside the splits (extra" in left_out(data)
    assert any("extra" in problem for problem in data.problems)


def test_a_folder_next_to_splits_without_classes_is_left_out_and_named(tmp_path):
    data = load(tmp_path, "train", "test", "extra")
    assert data.train.labels is None
    assert counts(data) == [11, 1, 12]
    assert "12 images outside the splits (extra" in left_out(data)


def test_images_next_to_splits_are_left_out_and_named(tmp_path):
    data = load(tmp_path, "train/{cat,dog}", "test/{cat,dog}", "")
    assert counts(data) == [22, 2, 24]
    assert any("no folder (12 images)" in problem for problem in data.problems)


@pytest.mark.parametrize("folder", ["test", "test/unknown", "test/test", "validation/images"])
def test_an_unlabelled_split_is_left_out_and_named(tmp_path, folder):
    data = load(tmp_path, "train/{cat,dog}", folder)
    split = folder.split("/")[0]
    assert data.card.classes == ("cat", "dog")
    assert total_images(data) == 24
    assert f"12 unlabelled {split} images" in left_out(data)
    assert any(f"12 images of the {split} split" in problem for problem in data.problems)


def test_labels_of_other_splits_are_not_used_without_labels_of_train(tmp_path):
    data = load(tmp_path, "train", "test/{cat,dog}")
    assert data.card.classes == ()
    assert total_images(data) == 36
    assert any("training images have no labels" in problem for problem in data.problems)


def test_splits_with_partial_labels_are_refused(tmp_path):
    with raises_code("missing-labels"):
        load(tmp_path, "train/{cat,dog}", "train", "test/{cat,dog}")


def test_only_a_validation_split_is_refused_before_decoding(tmp_path):
    with raises_code("no-train-split"):
        load(tmp_path, "val/{cat,dog}")
    with raises_code("no-train-split"):
        load(tmp_path, "val/{cat,dog}", "test/{cat,dog}", "extra")


@pytest.mark.parametrize(
    ("patterns", "classes"),
    [
        (["{bus,car,train}"], ("bus", "car", "train")),
        (["bus/{front,side}", "train/{front,side}"], ("bus", "train")),
        (["{bus,train}"], ("bus", "train")),
    ],
)
def test_a_class_may_have_the_name_of_a_split_which_is_stated(tmp_path, patterns, classes):
    data = load(tmp_path, *patterns)
    assert data.card.classes == classes
    assert any("train" in problem for problem in data.problems)


def test_a_training_folder_with_classes_next_to_another_folder_is_a_split(tmp_path):
    data = load(tmp_path, "train/{cat,dog}", "unlabelled")
    assert data.card.classes == ("cat", "dog")
    assert "12 images outside the splits" in left_out(data)


def test_splits_inside_class_folders_are_splits(tmp_path):
    data = load(tmp_path, "cat/{train,test}", "dog/{train,test}")
    assert data.card.classes == ("cat", "dog")
    assert counts(data) == [22, 2, 24]


def test_sub_folders_of_classes_belong_to_the_class_which_is_noted(tmp_path):
    data = load(tmp_path, "train/cat/{front,side}", "train/dog", "test/{cat,dog}")
    assert data.card.classes == ("cat", "dog")
    assert any(
        "24 images are in sub-folders" in note and "cat/front" in note for note in data.notes
    )


@pytest.mark.parametrize("wrapper", ["", "photos/", "a/b/c/"])
def test_wrapping_folders_are_ignored(tmp_path, wrapper):
    data = load(tmp_path, f"{wrapper}train/{{cat,dog}}", f"{wrapper}test/{{cat,dog}}")
    assert (data.card.classes, counts(data)) == (("cat", "dog"), [22, 2, 24])
    flat = load(tmp_path, f"{wrapper}{{cat,dog}}")
    assert flat.card.classes == ("cat", "dog")


def test_a_folder_that_all_images_of_all_splits_share_is_ignored(tmp_path):
    data = load(tmp_path, "train/images/{cat,dog}", "test/images/{cat,dog}")
    assert data.card.classes == ("cat", "dog")


def test_folders_with_two_names_of_one_split_are_joined_and_stated(tmp_path):
    data = load(tmp_path, "train/{cat,dog}", "training/{cat,dog}", "test/{cat,dog}")
    assert counts(data) == [44, 4, 24]
    assert any("train, training" in problem for problem in data.problems)


def test_images_next_to_class_folders_are_refused(tmp_path):
    with raises_code("missing-labels"):
        load(tmp_path, "{cat,dog}", "")


def test_an_empty_layout_and_one_without_folders():
    assert layout_of([()]).labels == [None]
    assert layout_of([("train",), ("train",)]).splits == ["train", "train"]


def test_a_folder_and_its_zip_have_the_same_layout(tmp_path):
    files = noise_files(
        f"{s}/{c}/{i}.png" for s in ("train", "test", "x") for c in "ab" for i in range(6)
    )
    folder = load_data(write_files(tmp_path / "p", files))
    archive = load_data(write_zip(tmp_path / "p.zip", files))
    assert folder.card.fingerprint == archive.card.fingerprint
    assert (folder.notes, folder.problems) == (archive.notes, archive.problems)
