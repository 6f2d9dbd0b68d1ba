"""`check_data` counts what impairs training or scores."""

import json

import numpy as np
import pytest

from latentarium.data.check import check_data
from latentarium.errors import UserError

RNG = np.random.default_rng(0)


def write_npz(tmp_path, **arrays):
    np.savez(tmp_path / "some.npz", **arrays)
    return tmp_path / "some.npz"


def noise(n):
    return RNG.integers(0, 256, (n, 3, 8, 9), dtype=np.uint8)


def codes(report):
    return [problem.code for problem in report.problems]


def test_sound_data_has_no_problems(tmp_path):
    labels = np.arange(200) % 2
    report = check_data(
        write_npz(
            tmp_path, x_train=noise(200), y_train=labels, x_test=noise(20), y_test=labels[:20]
        )
    )
    assert report.problems == ()
    assert report.counts == {"train": 180, "validation": 20, "test": 20}
    assert sum(report.class_counts["train"].values()) == 180
    assert report.class_counts["test"] == {"0": 10, "1": 10}
    assert report.image_shape == (3, 8, 9)
    assert report.range == (0, 255)
    assert json.loads(json.dumps(report.to_dict())) == report.to_dict()
    assert any(report.fingerprint in line for line in report.lines())


def test_duplicates_leaks_and_constant_images_are_counted(tmp_path):
    train, validation, test = noise(100), noise(20), noise(10)
    train[50:53] = train[0]  # three duplicates
    train[99] = 17  # one constant
    validation[:2] = train[5:7]
    test[:4] = train[0]
    report = check_data(write_npz(tmp_path, x_train=train, x_val=validation, x_test=test))
    assert report.duplicates == 3
    assert report.leaked == {"validation": 2, "test": 4}
    assert report.constant == {"train": 1, "validation": 0, "test": 0}
    assert codes(report) == ["duplicates", "leak", "leak", "constant-images"]
    assert report.class_counts == {}
    assert report.to_dict()["problems"] == [problem.message for problem in report.problems]
    text = "\n".join(report.lines())
    assert all(problem.message in text for problem in report.problems)


def test_missing_small_and_unbalanced_classes_are_reported(tmp_path):
    labels = np.zeros(400, dtype=int)
    labels[:10] = 1
    report = check_data(
        write_npz(
            tmp_path,
            x_train=noise(400),
            y_train=labels,
            x_val=noise(9),
            y_val=labels[:9],
            x_test=noise(12),
            y_test=np.full(12, 2),
        )
    )
    assert report.class_counts == {
        "train": {"0": 390, "1": 10, "2": 0},
        "validation": {"0": 0, "1": 9, "2": 0},
        "test": {"0": 0, "1": 0, "2": 12},
    }
    assert codes(report) == [*["missing-class"] * 3, "small-class", "unbalanced"]


def test_nearly_black_images_are_reported(tmp_path):
    report = check_data(write_npz(tmp_path, images=noise(30) // 128))
    assert "nearly-black" in codes(report)


def test_images_of_little_contrast_are_reported(tmp_path):
    assert codes(check_data(write_npz(tmp_path, images=noise(30) // 10 + 100))) == ["narrow-range"]


def test_single_images_and_labels_that_are_no_classes_are_reported(tmp_path):
    labels = np.zeros(200, dtype=int)
    labels[7] = 1
    report = check_data(write_npz(tmp_path, images=noise(200), labels=labels))
    assert "single-image" in codes(report)
    assert "many-classes" not in codes(report)
    report = check_data(write_npz(tmp_path, images=noise(200), labels=np.arange(200)))
    assert "many-classes" in codes(report)


def test_options_are_those_of_load_data(tmp_path):
    path = write_npz(tmp_path, a=noise(200), b=np.arange(200) % 2)
    report = check_data(path, size=16, keys="images=a")
    assert report.image_shape == (3, 16, 16)
    assert report.class_counts == {}
    np.save(tmp_path / "y.npy", np.arange(200) % 4)
    report = check_data(path, tmp_path / "y.npy", keys="images=a")
    assert len(report.class_counts["train"]) == 4


def test_long_lists_of_classes_are_shortened(tmp_path):
    report = check_data(write_npz(tmp_path, images=noise(300), labels=np.arange(300) % 30))
    (line,) = (line for line in report.lines() if line.startswith("classes"))
    assert line.count(":") == 21  # "train:" and 20 of 30 classes


def test_points_of_a_toy_density_are_not_constant_images():
    report = check_data("ring")
    assert report.problems == ()
    assert report.dtype == "float32"


def test_a_source_that_cannot_be_loaded_is_an_error():
    with pytest.raises(UserError):
        check_data("no/such/folder")
