"""Data sets of the Hugging Face hub, with a stand-in for the package `datasets`."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from latentarium.data.sources import load_data
from support.errors import raises_code


class ClassLabel:
    def __init__(self, names):
        self.names = names


class Rows(list):
    def __init__(self, rows, features):
        super().__init__(rows)
        self.features = features


@pytest.fixture
def hub(monkeypatch):
    module = ModuleType("datasets")
    kind = type("Image", (), {})()
    features = {"picture": kind, "animal": ClassLabel(["cat", "dog"]), "id": SimpleNamespace()}
    rows = [
        {"picture": Image.fromarray(np.full((9, 9), i, np.uint8)), "animal": i % 2, "id": i}
        for i in range(20)
    ]
    sets = {
        "a/pets": {"train": Rows(rows, features), "test": Rows(rows[:4], features)},
        "a/numbers": {"train": Rows(rows, {"id": SimpleNamespace()})},
        "a/test-only": {"test": Rows(rows, features)},
    }
    monkeypatch.setattr(module, "load_dataset", lambda name: sets[name], raising=False)
    monkeypatch.setitem(sys.modules, "datasets", module)


def test_images_and_classes_are_found_by_column_type(hub):
    data = load_data("hf:a/pets")
    assert data.card.source == "hf:a/pets"
    assert data.card.classes == ("cat", "dog")
    assert data.card.image_shape == (1, 9, 9)
    assert len(data.test) == 4


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("a/nothing", "download-failed"),
        ("a/numbers", "no-images"),
        ("a/test-only", "no-train-split"),
    ],
)
def test_unusable_data_sets_are_refused(hub, name, code):
    with raises_code(code):
        load_data(f"hf:{name}")


def test_a_missing_package_is_an_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with raises_code("missing-package"):
        load_data("hf:ylecun/mnist")
