"""The evaluation of every family, after a training of seconds."""

import dataclasses
import functools
import json
import math

import numpy as np
import pytest

import latentarium as la
from latentarium import presets, registry
from latentarium.classifier.training import train_classifier
from latentarium.errors import UserError
from latentarium.evaluation import Section
from latentarium.evaluation.evaluate import evaluate as full_evaluate
from latentarium.evaluation.evaluate import sections_for
from latentarium.evaluation.report import Report
from latentarium.registry import register
from latentarium.stats.measurement import Measurement
from support.errors import raises_code
from support.interval_simulations import SIMULATIONS, simulation_of
from support.tiny import tiny_arrays

FAMILIES = ("ae_debug", "vae_debug", "vae_class_debug", "gan_debug", "cgan_debug")
LABELS = {"gan_test", "gan_test.worst", "gan_train", "coverage.worst"}
ENCODER = {"mse", "psnr", "ssim", "gaps", "round_trip", "neighbours", "frechet.gaussian"}
LIKELIHOOD = {"elbo", "rate", "distortion", "nll", "bits", "active_units"}

evaluate = functools.partial(full_evaluate, nll_samples=20, gan_train_steps=40, response_steps=10)


@pytest.fixture(scope="module")
def data():
    images, labels = tiny_arrays(1600)
    return la.load_data(images, labels)


@pytest.fixture(scope="module")
def classifier(data):
    return train_classifier(data, steps=60, checks=2)


@pytest.fixture(scope="module")
def models(data, tmp_path_factory):
    folders = {name: tmp_path_factory.mktemp(name) / "run" for name in FAMILIES}
    return {name: la.train(presets.get(name), folders[name], data).load() for name in FAMILIES}


@pytest.fixture(scope="module")
def reports(models, data, classifier):
    return {name: evaluate(model, data, classifier=classifier) for name, model in models.items()}


@pytest.fixture
def section():
    """Register a section for one test."""
    names = []

    def add(name: str, cls: type[Section]) -> None:
        register("section", name)(cls)
        names.append(name)

    yield add
    for name in names:
        del registry.registered("section")[name]


@pytest.mark.parametrize("name", FAMILIES)
def test_each_family_has_the_measurements_that_its_capabilities_allow(name, reports):
    keys = set(reports[name].measurements)
    assert {"frechet", "frechet.random", "kernel", "precision", "recall", "density", "coverage",
            "memorization", "near_copies"} <= keys  # fmt: skip
    takes_label, has_encoder = "class" in name or "cgan" in name, "ae" in name
    assert (keys >= LABELS) == takes_label
    assert ("classes.rarest" in keys) != takes_label
    assert (keys >= ENCODER) == has_encoder
    assert bool(keys & LIKELIHOOD) == ("vae" in name)
    assert ("wrong_label" in keys) == (name == "cgan_debug")
    assert any(k.startswith("game.generator") for k in keys) == ("gan" in name)


@pytest.mark.parametrize("name", FAMILIES)
def test_each_measurement_has_protocol_split_n_seed_interval_and_reference(name, reports):
    for key, m in reports[name].measurements.items():
        assert math.isfinite(m.value), key
        assert m.protocol, key
        assert m.split, key
        assert m.n, key
        assert m.extractor, key
        assert m.seed == 0, key
        assert m.interval is not None, key
        assert m.interval[0] <= m.value <= m.interval[1], key
        # the reference of a likelihood would take the entropy of real images
        assert (m.reference is None) == (key in LIKELIHOOD), key
        assert m.reference is None or math.isfinite(m.reference), key
        assert m.reference is not None or m.note, key
        assert m.better, key
        name = simulation_of(key)
        assert name is not None, f"{key} has an interval without a simulation"
        keys = SIMULATIONS[name].keys
        same = [s for s in SIMULATIONS.values() if set(s.keys) & set(keys)]
        assert m.conservative == any(s.conservative for s in same), key


def test_the_order_of_the_report_is_the_order_of_the_sections(reports):
    keys = list(reports["cgan_debug"].measurements)
    first_of_sections = [
        "frechet",
        "gan_test",
        "game.gap.relativistic-wrong-label.ema",
        "memorization",
    ]
    assert sorted(first_of_sections, key=keys.index) == first_of_sections
    assert list(reports["vae_debug"].seconds) == [
        "samples", "labels", "reconstruction", "likelihood", "latent", "game", "memorization",
    ]  # fmt: skip


def test_extractors_are_named_with_their_hash(reports, classifier):
    report = reports["cgan_debug"]
    for key in ("frechet", "precision", "gan_test", "coverage.worst"):
        assert report[key].extractor == f"{classifier.name} {classifier.hash[:12]}"
    assert report["frechet.random"].extractor != report["frechet"].extractor


@pytest.mark.parametrize("name", FAMILIES)
def test_a_report_survives_strict_json(name, reports):
    text = json.dumps(reports[name].to_dict(), allow_nan=False)
    assert Report.from_dict(json.loads(text)).measurements == reports[name].measurements


def test_results_depend_on_the_seed_alone(models, reports, data, classifier):
    again = evaluate(models["cgan_debug"], data, classifier=classifier)
    assert again.measurements == reports["cgan_debug"].measurements
    other = evaluate(models["gan_debug"], data, classifier=classifier, seed=4)
    assert other["frechet"].value != reports["gan_debug"]["frechet"].value


def test_real_images_as_samples_reach_the_reference(models, data, classifier, monkeypatch):
    model = models["gan_debug"]
    pool = data.train.images.float() / 127.5 - 1
    monkeypatch.setattr(type(model), "sample", lambda self, n, *_, **__: pool[:n])
    report = evaluate(model, data, classifier=classifier)
    assert report["frechet"].value < 2 * (report["frechet"].reference or 0)
    assert report["precision"].value > (report["precision"].reference or 0) - 0.15
    copies = report["near_copies"]
    assert copies.value > 0.95  # they are training images
    assert copies.interval is not None
    assert copies.interval[0] > 10 * (copies.reference or 1)


def test_unlabelled_images_need_no_classifier(tmp_path):
    images, _ = tiny_arrays(1600)
    data = la.load_data(images)
    run = la.train(presets.get("gan_debug"), tmp_path / "run", data)
    report = evaluate(run.load(), data)
    assert (report["frechet"].extractor or "").startswith("random-convolutions")
    assert "frechet.random" not in report.measurements
    assert "classes.rarest" not in report.measurements


@pytest.mark.parametrize("preset", ["gan_ring", "vae_grid"])
def test_models_of_points_are_compared_with_the_known_density(preset, tmp_path):
    config = presets.get(preset)
    config = dataclasses.replace(config, train=dataclasses.replace(config.train, steps=20))
    model = la.train(config, tmp_path / "run").load()
    data = la.load_data(config.train.data)
    report = evaluate(model, data)
    assert set(report.measurements) >= {
        "modes", "high_quality", "mode_masses", "density_distance", "reverse_kl",
    }  # fmt: skip
    assert list(sections_for(model, data, None)) == ["plane", "game"]
    assert report["modes"].n == 2500
    for key, m in report.measurements.items():
        assert m.reference is not None, key
        assert m.interval is not None, key
        assert m.better, key
        assert simulation_of(key) is not None, key
        assert (m.seed, bool(m.extractor), bool(m.split)) == (0, True, True), key


def test_a_section_of_ones_own_is_measured_last(models, data, classifier, section):
    class Brightness(Section):
        def measure(self, context):
            context.tables["pixels"] = context.samples[0].numel()
            value = float(context.samples.mean())
            return {"brightness": Measurement(name="Mean pixel", value=value, n=context.n)}

    section("brightness", Brightness)
    report = evaluate(models["gan_debug"], data, classifier=classifier, n=200)
    assert list(report.measurements)[-1] == "brightness"
    assert report.tables["pixels"] == 120


def test_a_section_that_does_not_apply_is_not_measured(models, data, section):
    class ForEncoders(Section):
        def applies(self, model, data, classifier):
            return model.has_encoder and classifier is None

        def measure(self, context):
            raise AssertionError("not measured here")

    section("for_encoders", ForEncoders)
    assert "for_encoders" in sections_for(models["ae_debug"], data, None)
    assert "for_encoders" not in sections_for(models["gan_debug"], data, None)


def test_a_section_that_fails_does_not_affect_the_others(models, data, classifier, section):
    class Failing(Section):
        def measure(self, context):
            raise UserError("There is nothing to measure.", code="nothing-to-measure")

    section("failing", Failing)
    report = evaluate(models["gan_debug"], data, classifier=classifier, n=200)
    assert report.left_out.keys() == {"failing"}
    assert report.left_out["failing"].code == "error.nothing-to-measure"
    assert str(report.left_out["failing"]) == "There is nothing to measure."
    assert "frechet" in report.measurements


def test_the_first_error_is_raised_if_every_section_fails(models, data, classifier, monkeypatch):
    class Failing(Section):
        def measure(self, context):
            raise UserError("There is nothing to measure.", code="nothing-to-measure")

    sections = registry.registered("section")
    for name, entry in list(sections.items()):
        monkeypatch.setitem(sections, name, dataclasses.replace(entry, component=Failing))
    with raises_code("nothing-to-measure"):
        evaluate(models["gan_debug"], data, classifier=classifier, n=200)


def test_too_few_images_are_refused(models, classifier):
    images, labels = tiny_arrays(190)  # 19 of them are test images
    with raises_code("too-few-images"):
        evaluate(models["gan_debug"], la.load_data(images, labels), classifier=classifier)


def test_images_of_another_shape_are_refused(models):
    with raises_code("shape-mismatch"):
        evaluate(models["gan_debug"], la.load_data(np.zeros((2000, 8, 8), np.uint8)))


def test_a_distance_with_fewer_samples_than_features_is_left_out(models, data, classifier):
    report = evaluate(models["gan_debug"], data, classifier=classifier, n=110)
    title = "Fréchet distance, random convolutions"
    assert "frechet.random" not in report.measurements
    assert report.left_out.keys() == {title}
    assert any(title in note and str(report.left_out[title]) in note for note in report.notes())
    assert {"precision", "memorization", "game.gap.relativistic.ema"} <= set(report.measurements)


@pytest.mark.parametrize("seed", [-1, 2**32, 2**70])
def test_a_seed_that_no_generator_takes_is_refused(seed, models, data, classifier):
    with raises_code("invalid-seed"):
        evaluate(models["gan_debug"], data, classifier=classifier, seed=seed)
