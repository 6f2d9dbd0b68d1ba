import dataclasses
import json

import numpy as np
import pytest

from latentarium.classifier.classifier import load_classifier
from latentarium.classifier.lookup import CacheWarning, classifier_for, default_steps
from latentarium.data.sources import load_data
from support.errors import raises_code

STEPS = 12


def labelled(classes=("a", "b"), seed=0):
    """Return classes of dark and bright images."""
    rng = np.random.default_rng(seed)
    labels = np.arange(60) % len(classes)
    images = rng.integers(0, 60, (60, 1, 8, 8)) + 150 * labels[:, None, None, None]
    data = load_data(images.astype(np.uint8), labels)
    return dataclasses.replace(data, card=dataclasses.replace(data.card, classes=classes))


def look_up(data, cache=None, seed=0):
    """Return the classifier, and whether it was trained, which alone reports progress."""
    lines = []
    classifier = classifier_for(data, cache=cache, seed=seed, steps=STEPS, progress=lines.append)
    return classifier, bool(lines)


def test_mnist_has_the_shipped_classifier(tmp_path):
    classifier, trained = look_up(load_data("mnist"), tmp_path)
    assert classifier.hash == load_classifier().hash
    assert not trained
    assert not list(tmp_path.iterdir())


def test_classifier_is_trained_once_for_data_class_names_and_seed(tmp_path):
    first, trained = look_up(labelled(), tmp_path)
    assert trained
    assert first.metadata["data"]["fingerprint"] == labelled().card.fingerprint
    again, trained = look_up(labelled(), tmp_path)
    assert again.hash == first.hash
    assert not trained
    other_seed, trained = look_up(labelled(), tmp_path, seed=1)
    assert other_seed.hash != first.hash
    assert trained
    assert look_up(labelled(seed=1), tmp_path)[1]
    renamed, trained = look_up(labelled(classes=("dark", "bright")), tmp_path)
    assert renamed.classes == ("dark", "bright")
    assert trained
    assert len(list(tmp_path.iterdir())) == 4  # no unfinished folder is left


@pytest.mark.parametrize(("n", "expected"), [(40, 300), (6400, 1000), (200_000, 8600)])
def test_default_is_twenty_passes_within_bounds(n, expected):
    assert default_steps(n) == expected


@pytest.mark.parametrize("name", ["classifier.json", "classifier.safetensors"])
@pytest.mark.parametrize("content", [None, b"", b"{}", b'{"config": {"image_shape": [Infinity]}}'])
def test_damaged_classifier_is_trained_again_with_a_warning(tmp_path, name, content):
    first, _ = look_up(labelled(), tmp_path)
    path = next(tmp_path.iterdir()) / name
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.warns(CacheWarning):
        again, trained = look_up(labelled(), tmp_path)
    assert again.hash == first.hash
    assert trained
    repaired, trained = look_up(labelled(), tmp_path)
    assert repaired.hash == first.hash
    assert not trained


@pytest.mark.parametrize("data", [[], {}, None, {"fingerprint": 1}])
def test_cached_metadata_of_another_structure_do_not_crash(tmp_path, data):
    first, _ = look_up(labelled(), tmp_path)
    path = next(tmp_path.iterdir()) / "classifier.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "data": data}))
    with pytest.warns(CacheWarning):
        again, _ = look_up(labelled(), tmp_path)
    assert again.hash == first.hash


@pytest.mark.parametrize("side", ["Infinity", "1e400", "NaN", "-1", '"8"'])
def test_impossible_image_shapes_in_the_cache_do_not_crash(tmp_path, side):
    first, _ = look_up(labelled(), tmp_path)
    path = next(tmp_path.iterdir()) / "classifier.json"
    path.write_text(path.read_text().replace("      8\n", f"      {side}\n"))
    with pytest.warns(CacheWarning):
        again, _ = look_up(labelled(), tmp_path)
    assert again.hash == first.hash


def test_classifier_of_other_data_is_not_used(tmp_path):
    look_up(labelled(), tmp_path)
    own = next(tmp_path.iterdir())
    look_up(labelled(seed=1), tmp_path)
    other = next(p for p in tmp_path.iterdir() if p != own)
    for file in other.iterdir():
        (own / file.name).write_bytes(file.read_bytes())
    with pytest.warns(CacheWarning):
        classifier, _ = look_up(labelled(), tmp_path)
    assert classifier.metadata["data"]["fingerprint"] == labelled().card.fingerprint


def test_cache_that_cannot_be_written_leads_to_a_warning_only(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.warns(CacheWarning):
        assert look_up(labelled(), blocked / "classifiers")[0].classes == ("a", "b")


@pytest.mark.parametrize(
    ("variable", "value", "folder"),
    [
        (None, None, "home/.cache/latentarium/classifiers"),
        ("XDG_CACHE_HOME", "xdg", "xdg/latentarium/classifiers"),
        ("LATENTARIUM_CACHE", "cache", "cache/classifiers"),
    ],
)
def test_cache_folder_follows_the_environment(tmp_path, monkeypatch, variable, value, folder):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("LATENTARIUM_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    if variable:
        monkeypatch.setenv(variable, str(tmp_path / value))
    look_up(labelled())
    assert len(list((tmp_path / folder).iterdir())) == 1


def test_data_without_labels_are_refused(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (30, 8, 8), np.uint8)
    with raises_code("too-few-classes"):
        classifier_for(load_data(images), cache=tmp_path)
