import json

import numpy as np
import pytest

from latentarium.data.check import check_data
from latentarium.errors import UserError

RNG = np.random.default_rng(0)


def npz(tmp_path, **arrays):
    np.savez(tmp_path / "some.npz", **arrays)
    return tmp_path / "some.npz"


def noise(n):
    return RNG.integers(0, 256, (n, 3, 8, 9), dtype=np.uint8)


def test_sound_data_has_no_problems(tmp_path):
    labels = np.arange(200) % 2
    report = check(
        npz(tmp_path, x_train=noise(200), y_train=labels, x_test=noise(20), y_test=labels[:20])
    )
    assert report.problems == ()
    assert report.counts == {"train": 180, "validation": 20, "test": 20}
    assert sum(report.class_counts["train"].values()) == 180
    assert report.class_counts["test"] == {"0": 10, "1": 10}
    assert report.image_shape == (3, 8, 9)
    assert report.range == (0, 255)
    assert "problems     none" in report.lines()
    assert json.loads(json.dumps(report.to_dict())) == report.to_dict()
    assert any(report.fingerprint in line for line in report.lines())


def test_duplicates_leaks_and_constant_images_are_counted(tmp_path):
    train, validation, test = noise(100), noise(20), noise(10)
    train[50:53] = train[0]  # three repeat
    train[99] = 17  # one constant
    validation[:2] = train[5:7]
    test[:4] = train[0]
    report = check(npz(tmp_path, x_train=train, x_val=validation, x_test=test))
    assert report.duplicates == 3
    assert report.leaked == {"validation": 2, "test": 4}
    assert report.constant == {"train": 1, "validation": 0, "test": 0}
    text = " ".join(report.problems)
    for says in ("3 of 100 training", "2 of 20 validation", "4 of 10 test", "1 images have one"):
        assert says in text
    assert report.class_counts == {}


def test_class_trouble_is_named(tmp_path):
    labels = np.zeros(400, dtype=int)
    labels[:10] = 1
    report = check(
        npz(
            tmp_path,
            x_train=noise(400),
            y_train=labels,
            x_val=noise(9),
            y_val=labels[:9],
            x_test=noise(12),
            y_test=np.full(12, 2),
        )
    )
    text = " ".join(report.problems)
    for says in (
        "train split has no image of class 2",
        "validation split has no image of classes 0, 2",
        "test split has no image of classes 0, 1",
        "Fewer than 20 training images show class 1",
        "390 training images of 0, 0 of 2",
    ):
        assert says in text


def test_nearly_black_images_are_noticed(tmp_path):
    report = check(npz(tmp_path, images=noise(30) // 128))
    assert any("multiply them by 255" in problem for problem in report.problems)


def test_many_classes_are_not_all_listed(tmp_path):
    report = check(npz(tmp_path, images=noise(300), labels=np.arange(300) % 30))
    assert any("and 10 more" in line for line in report.lines())


def test_points_of_a_toy_density_are_not_called_constant_images():
    report = check("ring")
    assert report.problems == ()
    assert report.dtype == "float32"


def test_what_cannot_be_loaded_is_an_error():
    with pytest.raises(UserError):
        check("no/such/folder")
