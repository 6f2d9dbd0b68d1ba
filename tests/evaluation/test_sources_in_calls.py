"""`train`, `evaluate`, `compare` and `load` take data sources, runs and folders."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import latentarium as la
from latentarium import presets
from latentarium.evaluation import evaluate as evaluate_module
from latentarium.evaluation.report import Report
from latentarium.stats.measurement import Measurement
from support.errors import raises_code, untyped
from support.tiny import tiny_arrays, tiny_data


def short(name: str = "vae_debug"):
    config = presets.get(name)
    return replace(config, train=replace(config.train, steps=2, snapshots=0, sample_every=0))


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    images, labels = tiny_arrays(1000)
    path = tmp_path_factory.mktemp("data") / "tiny.npz"
    np.savez(path, images=images[:, 0], labels=labels)
    return path


@pytest.fixture(scope="module")
def run(source, tmp_path_factory):
    return la.train(short(), tmp_path_factory.mktemp("runs") / "vae", source)


def test_a_run_remembers_the_source_that_train_was_given(run, source):
    assert run.config.train.data == str(source)
    assert run.load_data().card.fingerprint == la.load_data(source).card.fingerprint
    again = la.train(short(), str(run.folder), str(source))  # resumes
    assert again.id == run.id


def test_train_takes_arrays(tmp_path):
    images, _ = tiny_arrays()
    run = la.train(short(), tmp_path / "run", data=images)
    assert run.data.fingerprint == la.load_data(images).card.fingerprint
    with raises_code("other-data"):
        run.load_data()


def test_train_says_what_a_configuration_is(tmp_path):
    for wrong in ("vae_debug", None, presets.vae_debug):
        with untyped(), raises_code("wrong-type"):
            la.train(wrong, tmp_path / "run", tiny_data())  # pyright: ignore[reportArgumentType]
    with raises_code("unknown-source"):
        la.train(short(), tmp_path / "run", "mnits")
    assert not (tmp_path / "run").exists()


def test_models_are_loaded_from_runs_and_folders(run):
    images = run.load().sample(2)
    for same in (run, run.folder, str(run.folder), os.fsdecode(run.folder)):
        assert np.array_equal(la.load(same).sample(2), images)


class One(la.Section):
    """Measures the mean of the samples."""

    def measure(self, context):
        value = float(context.samples.mean())
        return {"one": Measurement(name="One", value=value, unit="", n=100, seed=context.seed,
                                   split="test", protocol="one")}  # fmt: skip


@pytest.fixture
def one(monkeypatch):
    monkeypatch.setattr(evaluate_module, "sections_for", lambda *_: {"one": One()})


@pytest.mark.usefixtures("one")
def test_evaluate_takes_runs_and_sources(run, source):
    want = la.evaluate(run.load(), run.load_data(), classifier=None, seed=1)["one"].value
    for model in (run, run.folder, str(run.folder)):
        for data in (source, str(source), tiny_arrays(1000)[0]):
            report = la.evaluate(model, data, classifier=None, seed=np.int64(1))
            assert report["one"].value == want
    with raises_code("unknown-source"):
        la.evaluate(run, "mnits")
    with raises_code("not-a-run"):
        la.evaluate(Path("nothing/here"), source)
    with raises_code("invalid-count"):
        la.evaluate(run, source, n=2.0)  # pyright: ignore[reportArgumentType]
    with raises_code("invalid-seed"):
        la.evaluate(run, source, seed="1")  # pyright: ignore[reportArgumentType]


@pytest.mark.usefixtures("one")
def test_compare_takes_runs_and_folders(run, source, tmp_path):
    other = la.train(short("ae_debug"), tmp_path / "ae", source)
    with raises_code("not-evaluated"):
        la.compare([run, other])
    for measured in (run, other):
        report = la.evaluate(measured, source, classifier=None)
        measured.save_metrics({**report.to_dict(), "weights": measured.weights_hash()})
    metrics = run.metrics()
    assert metrics is not None
    for runs in (
        [run, other],
        (str(run.folder), other.folder),
        {"vae": run.folder, "ae": other},
        {"vae": Report.from_dict(metrics), "ae": str(other.folder)},
    ):
        assert la.compare(runs).columns == ["measure", "vae", "ae", "reference", "better"]
    for wrong in (str(run.folder), run, Report.from_dict(metrics), 3, [Report.from_dict(metrics)]):
        with untyped(), raises_code("wrong-type"):
            la.compare(wrong)  # pyright: ignore[reportArgumentType]
    with raises_code("too-few-runs"):
        la.compare([run])
    run.save_metrics({**metrics, "weights": "those of another step"})
    with raises_code("not-evaluated"):
        la.compare([run, other])
