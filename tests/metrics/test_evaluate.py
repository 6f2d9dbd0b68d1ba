"""The suite on every family, trained for seconds."""

import dataclasses
import json
import math

import numpy as np
import pytest

import latentarium as la
from conftest import tiny_arrays
from latentarium import presets
from latentarium.errors import UserError
from latentarium.metrics.evaluate import evaluate, sections_of
from latentarium.metrics.judge_training import train_judge
from latentarium.metrics.report import Report

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
    return train_judge(data, steps=60, checks=2)


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


@pytest.mark.parametrize("name", FAMILIES)
def test_no_number_travels_alone(name, reports):
    for key, m in reports[name].measurements.items():
        assert math.isfinite(m.value), key
        assert m.protocol, key
        assert m.split, key
        assert m.n, key
        if m.interval is not None:
            assert m.interval[0] <= m.value <= m.interval[1], key
        assert m.extractor, key
        assert (m.interval is None) == (key == "active_units"), key
        drawn = key not in ("active_units", "neighbours")
        assert (m.seed is not None) == drawn, key


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


def test_the_same_again_is_the_same(data, judge, tmp_path):
    run = la.train(presets.get("cgan_debug"), tmp_path / "run", data)
    one, other = (evaluate(run.load(), data, judge=judge, seed=3) for _ in range(2))
    assert one.measurements == other.measurements
    other = evaluate(run.load(), data, judge=judge, seed=4)
    assert one["frechet"].value != other["frechet"].value


def test_real_images_as_samples_reach_the_floor(data, judge, tmp_path, monkeypatch):
    """A generator that draws from the test split's own distribution."""
    run = la.train(presets.get("gan_debug"), tmp_path / "run", data)
    model = run.load()
    pool = data.train.images.float() / 127.5 - 1
    monkeypatch.setattr(type(model), "sample", lambda self, n, *_, **__: pool[:n])
    report = evaluate(model, data, judge=judge)
    assert report["frechet"].value < 2 * (report["frechet"].floor or 0)
    assert report["precision"].value > (report["precision"].floor or 0) - 0.15
    copies = report["near_copies"]
    assert copies.value > 0.95  # and each is a copy
    assert copies.interval is not None
    assert copies.interval[0] > 10 * (copies.floor or 1)


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
    with pytest.raises(UserError, match="128 features"):
        evaluate(run.load(), data, n=110)
