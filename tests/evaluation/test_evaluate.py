"""The suite on every family, trained for seconds."""

import dataclasses
import json
import math

import numpy as np
import pytest

import latentarium as la
from conftest import tiny_arrays
from latentarium import presets
from latentarium.classifier.training import train_classifier
from latentarium.errors import UserError
from latentarium.evaluation.evaluate import evaluate, sections_of
from latentarium.evaluation.report import Report

pytestmark = pytest.mark.usefixtures("short_of_training")
FAMILIES = ("ae_debug", "vae_debug", "vae_class_debug", "gan_debug", "cgan_debug")
LABELS = {"gan_test", "gan_test.worst", "gan_train", "coverage.worst"}
ENCODES = {"mse", "psnr", "ssim", "gaps", "round_trip", "neighbours", "frechet.gaussian"}
LIKELIHOOD = {"elbo", "rate", "distortion", "nll", "bits", "active_units"}


@pytest.fixture(scope="module")
def data():
    images, labels = tiny_arrays(1600)
    return la.load_data(images, labels)


@pytest.fixture(scope="module")
def judge(data):
    return train_classifier(data, steps=60, checks=2)


@pytest.fixture(scope="module")
def reports(data, judge, tmp_path_factory):
    found = {}
    for name in FAMILIES:
        run = la.train(presets.get(name), tmp_path_factory.mktemp(name) / "run", data)
        found[name] = evaluate(run.load(), data, judge=judge, nll_samples=20)
    return found


@pytest.mark.parametrize("name", FAMILIES)
def test_each_family_is_measured_by_what_fits_it(name, reports):
    keys = set(reports[name].measurements)
    assert {"frechet", "frechet.random", "kernel", "precision", "recall", "density", "coverage",
            "memorization", "near_copies"} <= keys  # fmt: skip
    takes_label, encodes = "class" in name or "cgan" in name, "ae" in name
    assert (keys >= LABELS) == takes_label
    assert ("classes.rarest" in keys) != takes_label
    assert (keys >= ENCODES) == encodes
    assert bool(keys & LIKELIHOOD) == ("vae" in name)
    assert ("wrong_label" in keys) == (name == "cgan_debug")
    assert any(k.startswith("game.generator") for k in keys) == ("gan" in name)


# what real images would score takes their entropy, or has no best value
NO_FLOOR = {"elbo", "rate", "distortion", "nll", "bits", "active_units"}


@pytest.mark.parametrize("name", FAMILIES)
def test_no_number_travels_alone(name, reports):
    for key, m in reports[name].measurements.items():
        assert math.isfinite(m.value), key
        assert m.protocol, key
        assert m.split, key
        assert m.n, key
        assert m.extractor, key
        assert m.seed == 0, key
        assert m.interval is not None, key
        assert m.interval[0] <= m.value <= m.interval[1], key
        assert (m.reference is None) == (key in NO_FLOOR), key
        assert m.reference is None or math.isfinite(m.reference), key
    if NO_FLOOR & set(reports[name].measurements):
        assert "No floor is known" in " ".join(reports[name].notes())


def test_distances_and_labels_name_their_extractor_with_its_hash(reports, judge):
    report = reports["cgan_debug"]
    for key in ("frechet", "precision", "gan_test", "coverage.worst"):
        assert report[key].extractor == f"{judge.name} {judge.hash[:12]}"
    assert report["frechet.random"].extractor != report["frechet"].extractor


@pytest.mark.parametrize("name", FAMILIES)
def test_a_report_is_strict_json_and_comes_back(name, reports):
    text = json.dumps(reports[name].to_dict(), allow_nan=False)
    there = Report.from_dict(json.loads(text))
    assert there.measurements == reports[name].measurements


def test_the_same_again_is_the_same(reports, data, judge, tmp_path):
    run = la.train(presets.get("cgan_debug"), tmp_path / "cgan", data)
    again = evaluate(run.load(), data, judge=judge, nll_samples=20)
    assert again.measurements == reports["cgan_debug"].measurements
    run = la.train(presets.get("gan_debug"), tmp_path / "gan", data)
    other = evaluate(run.load(), data, judge=judge, seed=4)
    assert other["frechet"].value != reports["gan_debug"]["frechet"].value


def test_real_images_as_samples_reach_the_floor(data, judge, tmp_path, monkeypatch):
    """A generator that draws from the test split's own distribution."""
    run = la.train(presets.get("gan_debug"), tmp_path / "run", data)
    model = run.load()
    pool = data.train.images.float() / 127.5 - 1
    monkeypatch.setattr(type(model), "sample", lambda self, n, *_, **__: pool[:n])
    report = evaluate(model, data, judge=judge)
    assert report["frechet"].value < 2 * (report["frechet"].reference or 0)
    assert report["precision"].value > (report["precision"].reference or 0) - 0.15
    copies = report["near_copies"]
    assert copies.value > 0.95  # and each is a copy
    assert copies.interval is not None
    assert copies.interval[0] > 10 * (copies.reference or 1)


def test_unlabelled_images_need_no_judge(tmp_path):
    images, _ = tiny_arrays(1600)
    data = la.load_data(images)
    run = la.train(presets.get("gan_debug"), tmp_path / "run", data)
    report = la.evaluate(run.load(), data)
    assert (report["frechet"].extractor or "").startswith("random-convolutions")
    assert "frechet.random" not in report.measurements
    assert "classes.rarest" not in report.measurements


@pytest.mark.parametrize("preset", ["gan_ring", "vae_grid"])
def test_points_in_the_plane_are_measured_against_the_known_density(preset, tmp_path):
    config = presets.get(preset)
    config = dataclasses.replace(config, train=dataclasses.replace(config.train, steps=20))
    run = la.train(config, tmp_path / "run")
    data = la.load_data(config.train.data)
    report = evaluate(run.load(), data)
    assert set(report.measurements) >= {"modes", "high_quality", "reverse_kl"}
    assert set(sections_of(run.load(), data, False)) == {"plane", "game"}
    assert report["modes"].n == 2500
    for key, m in report.measurements.items():
        assert m.reference is not None, key
        assert m.interval is not None, key
        assert (m.seed, bool(m.extractor), bool(m.split)) == (0, True, True), key


def test_too_few_images_are_a_sentence(judge, tmp_path):
    images, labels = tiny_arrays(200)
    data = la.load_data(images, labels)
    run = la.train(presets.get("gan_debug"), tmp_path / "run", data)
    with pytest.raises(UserError, match="too few"):
        evaluate(run.load(), data, judge=judge)


def test_images_of_another_shape_are_a_sentence(reports, data, judge, tmp_path):
    run = la.train(presets.get("gan_debug"), tmp_path / "run", data)
    other = la.load_data(np.zeros((2000, 8, 8), np.uint8))
    with pytest.raises(UserError, match="of the kind"):
        evaluate(run.load(), other)


def test_fewer_samples_than_features_are_a_sentence_and_no_number(data, judge, tmp_path):
    run = la.train(presets.get("gan_debug"), tmp_path / "run", data)
    report = evaluate(run.load(), data, judge=judge, n=110)
    assert "frechet.random" not in report.measurements
    assert "128 features" in report.left_out["Fréchet distance, random convolutions"]
    assert any(note.startswith("Not measured: Fréchet") for note in report.notes())
    assert {"precision", "memorization", "game.gap.relativistic"} <= set(report.measurements)


def test_a_section_that_cannot_speak_does_not_silence_the_others(
    data, judge, tmp_path, monkeypatch
):
    def silent(s, tables):
        raise UserError("nothing to be said.")

    run = la.train(presets.get("gan_debug"), tmp_path / "run", data)
    monkeypatch.setattr("latentarium.evaluation.sections.copies", silent)
    report = evaluate(run.load(), data, judge=judge, n=200)
    assert report.left_out == {"memorization": "nothing to be said."}
    assert "frechet" in report.measurements
    for place in ("sections.samples", "sections_labels.labels", "sections.game"):
        monkeypatch.setattr(f"latentarium.metrics.{place}", silent)
    with pytest.raises(UserError, match="nothing to be said"):
        evaluate(run.load(), data, judge=judge, n=200)


@pytest.mark.parametrize("seed", [-1, 2**32, 2**70])
def test_a_seed_that_no_generator_takes_is_a_sentence(seed, reports, data, judge, tmp_path):
    run = la.train(presets.get("gan_debug"), tmp_path / "run", data)
    with pytest.raises(UserError, match="give 0 to"):
        evaluate(run.load(), data, judge=judge, seed=seed)
