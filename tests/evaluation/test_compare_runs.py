"""The check of data before runs are measured for a comparison."""

import json
import shutil

import numpy as np
import pytest

import latentarium as la
from latentarium import presets
from latentarium.evaluation.compare_runs import RunWithPrior, reports_to_compare
from latentarium.evaluation.report import Report
from latentarium.stats.measurement import Measurement
from support.errors import raises_code
from support.tiny import tiny_arrays


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    paths = []
    for seed in (0, 1):
        images, labels = tiny_arrays(120, seed=seed)
        paths.append(folder / f"{seed}.npz")
        np.savez(paths[-1], images=images[:, 0], labels=labels)
    return paths


@pytest.fixture(scope="module")
def originals(tmp_path_factory, sources):
    folder = tmp_path_factory.mktemp("runs")
    for name, source in (("a", sources[0]), ("b", sources[0]), ("other", sources[1])):
        la.train(presets.get("ae_debug"), folder / name, str(source))
    return folder


@pytest.fixture
def runs(originals, tmp_path):
    return shutil.copytree(originals, tmp_path / "runs")


def report(fingerprint):
    value = Measurement(name="Precision", value=0.5, n=100, protocol="k3", split="test")
    return Report(
        model="m", data="d", fingerprint=fingerprint, seed=0, measurements={"precision": value}
    )


def store(folder, fingerprint, weights=None):
    """Write metrics.json, and return its content."""
    run = la.Run(folder)
    weights = run.weights_hash() if weights is None else weights
    run.save_metrics({"weights": weights, **report(fingerprint).to_dict()})
    return run.metrics_path.read_bytes()


def never(folder):
    raise AssertionError(f"{folder} is measured")


def folders(runs, *names):
    return {name: RunWithPrior(runs / name) for name in names}


def contents(runs):
    return {path: path.read_bytes() for path in runs.rglob("metrics.json")}


def test_runs_that_were_trained_on_different_data_are_refused_before_a_measurement(runs):
    with raises_code("unlike-data"):
        reports_to_compare(folders(runs, "a", "other"), never)


def test_a_stored_measurement_with_other_data_is_refused_and_kept(runs):
    store(runs / "a", "0" * 64)
    before = contents(runs)
    with raises_code("unlike-data"):
        reports_to_compare(folders(runs, "a", "b"), never)
    assert contents(runs) == before


def test_with_given_data_all_runs_are_measured_with_them(runs, sources):
    measured = []

    def measure(run):
        measured.append(run.folder.name)
        return report("1" * 64)

    store(runs / "a", "0" * 64)
    reports = reports_to_compare(
        folders(runs, "a", "other"), measure, data=str(sources[0]), reuse=False
    )
    assert measured == ["a", "other"]
    assert list(reports) == ["a", "other"]


def test_only_missing_measurements_are_made_and_the_order_is_kept(runs):
    fingerprint = la.Run(runs / "a").data.fingerprint
    store(runs / "b", fingerprint)
    measured = []

    def measure(run):
        measured.append(run.folder.name)
        return report(fingerprint)

    assert list(reports_to_compare(folders(runs, "a", "b"), measure)) == ["a", "b"]
    assert measured == ["a"]


def test_measurements_of_other_weights_are_made_again(runs):
    fingerprint = la.Run(runs / "a").data.fingerprint
    for name in ("a", "b"):
        store(runs / name, fingerprint, weights="0" * 64)
    measured = []
    reports_to_compare(
        folders(runs, "a", "b"),
        lambda run: measured.append(run.folder.name) or report(fingerprint),
    )
    assert measured == ["a", "b"]


@pytest.mark.parametrize("source", ["moved.npz", "tiles"])
def test_data_that_have_moved_are_reported_before_any_measurement(runs, source):
    path = runs / "b" / "config.json"
    content = json.loads(path.read_text())
    content["config"]["train"]["data"] = source
    path.write_text(json.dumps(content))
    with raises_code("data-missing") as caught:
        reports_to_compare(folders(runs, "a", "b"), never)
    for part in (str(runs / "b"), source, "--data"):
        assert part in str(caught.value)


def test_data_that_have_changed_are_reported_before_any_measurement(runs, tmp_path, sources):
    path = runs / "b" / "config.json"
    content = json.loads(path.read_text())
    content["config"]["train"]["data"] = str(sources[1])
    path.write_text(json.dumps(content))
    with raises_code("other-data"):
        reports_to_compare(folders(runs, "a", "b"), never)


def test_one_run_is_refused_before_it_is_measured(runs):
    with raises_code("too-few-runs"):
        reports_to_compare(folders(runs, "a"), never)


def test_a_run_without_weights_is_refused_before_others_are_measured(runs):
    (runs / "b" / "weights.safetensors").unlink()
    with raises_code("no-weights"):
        reports_to_compare(folders(runs, "a", "b"), never)
