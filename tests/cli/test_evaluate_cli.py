"""The commands evaluate, compare and bench."""

import json

import numpy as np
import pytest

from latentarium.evaluation.report import COLUMNS, EMPTY
from latentarium.registry import registered
from support.command_line import error_and_code, error_code, output_of, run_command
from support.short_evaluation import shorten_evaluation
from support.tiny import tiny_arrays

pytestmark = pytest.mark.usefixtures("short_training")
CLASSIFIER = "classifier-tiny.npz"
"""The beginning of the name of the classifier that is trained on the tiny images."""


@pytest.fixture(scope="module")
def short_training():
    """Shorten the trainings that are part of measurements: worse numbers, but as many."""
    with pytest.MonkeyPatch.context() as patch:
        shorten_evaluation(patch)
        yield


@pytest.fixture(scope="module")
def npz(tmp_path_factory):
    images, labels = tiny_arrays(1600)
    path = tmp_path_factory.mktemp("data") / "tiny.npz"
    np.savez(path, images=images[:, 0], labels=labels)
    return path


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATENTARIUM_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def runs(tmp_path_factory, npz):
    folder = tmp_path_factory.mktemp("runs")
    for name in ("ae", "gan", "cgan"):
        run_command("train", f"{name}_debug", "--data", npz, "--run", folder / name)
    return folder


def line_of(output, name, number=0):
    """Return a line that begins with the name of a measurement."""
    return [line for line in output.splitlines() if line.startswith(f"{name} ")][number]


def test_evaluate_prints_a_table_and_stores_it_in_the_run(runs, capsys, tmp_path):
    output = output_of(capsys, "evaluate", runs / "cgan", "--json", tmp_path / "m.json")
    stored = json.loads((runs / "cgan" / "metrics.json").read_text())
    assert stored == json.loads((tmp_path / "m.json").read_text())
    assert all(column in output for column in COLUMNS)
    assert {"gan_test", "gan_train", "frechet"} <= stored["measurements"].keys()
    words = {word for m in stored["measurements"].values() for word in m["name"].split()}
    assert all(word in output for word in words)  # long names are wrapped
    assert CLASSIFIER in output
    assert stored["measurements"]["gan_test"]["n"] == 160
    assert stored["versions"]["torch"]


def test_compare_evaluates_missing_runs_and_shows_them_side_by_side(runs, capsys):
    (runs / "ae" / "metrics.json").unlink(missing_ok=True)
    output = output_of(capsys, "compare", runs / "ae", runs / "cgan")
    assert (runs / "ae" / "metrics.json").exists()
    values, protocol = (line_of(output, "Coverage", number) for number in (0, 1))
    assert values.count("%") == 2 + 1  # two values and the reference
    assert values.count("[") == 2
    assert CLASSIFIER in protocol


def test_compare_refuses_different_protocols_and_names_the_difference(runs, capsys):
    run_command("evaluate", runs / "ae")
    run_command("evaluate", runs / "gan", "--n", 150)
    message, code = error_and_code(capsys, "compare", runs / "ae", runs / "gan")
    assert code == "unlike-protocols"
    assert "160" in message
    assert "150" in message
    assert "Fréchet distance" in message


def test_a_run_whose_weights_changed_is_evaluated_again(runs, capsys):
    run_command("evaluate", runs / "ae")
    path = runs / "ae" / "metrics.json"
    stored = json.loads(path.read_text())
    path.write_text(json.dumps({**stored, "weights": "0" * 64, "measurements": {}}))
    run_command("evaluate", runs / "gan")
    assert line_of(output_of(capsys, "compare", runs / "ae", runs / "gan"), "Coverage")
    assert json.loads(path.read_text())["measurements"]


def test_compare_with_options_measures_again_and_stores_nothing(runs, capsys):
    for name in ("ae", "gan"):
        run_command("evaluate", runs / name)
    (runs / "cgan" / "metrics.json").unlink(missing_ok=True)
    before = {path: path.read_bytes() for path in runs.glob("*/metrics.json")}
    output = output_of(capsys, "compare", runs / "ae", runs / "gan", runs / "cgan", "--n", 120)
    assert "120" in line_of(output, "Kernel distance", 1)
    assert {path: path.read_bytes() for path in runs.glob("*/metrics.json")} == before


def test_compare_refuses_different_data_before_it_evaluates(runs, capsys, tmp_path, monkeypatch):
    images, labels = tiny_arrays(1600, seed=1)
    np.savez(tmp_path / "other.npz", images=images[:, 0], labels=labels)
    run_command(
        "train", "gan_debug", "--data", tmp_path / "other.npz", "--run", tmp_path / "other"
    )
    (runs / "ae" / "metrics.json").unlink(missing_ok=True)

    def fail(*_, **__):
        raise AssertionError("a run is evaluated")

    monkeypatch.setattr("latentarium.evaluation.runs.evaluate", fail)
    assert error_code(capsys, "compare", runs / "ae", tmp_path / "other") == "unlike-data"
    assert not list(tmp_path.rglob("metrics.json"))
    assert not (runs / "ae" / "metrics.json").exists()


def test_a_small_set_is_measured_after_the_gaps_are_named(capsys, tmp_path):
    images, labels = tiny_arrays(200, seed=2)
    np.savez(tmp_path / "small.npz", images=images[:, 0], labels=labels)
    run_command("train", "cgan_debug", "--data", tmp_path / "small.npz", "--run", tmp_path / "r")
    capsys.readouterr()
    run_command("evaluate", tmp_path / "r")
    printed = capsys.readouterr()
    announced = printed.err.index("Near-copies of training images: ")
    assert announced < printed.err.index("Training a classifier")
    cells = line_of(printed.out, "Near-copies of training images").split()
    assert cells[-1] == EMPTY
    stored = json.loads((tmp_path / "r" / "metrics.json").read_text())
    assert stored["measurements"]["gan_test"]["n"] == 20
    assert stored["left_out"]["Near-copies of training images"]


def test_too_few_test_images_are_refused_before_a_classifier_is_trained(
    capsys, tmp_path, monkeypatch
):
    def fail(*_, **__):
        raise AssertionError("a classifier is trained")

    monkeypatch.setattr("latentarium.evaluation.runs.classifier_for", fail)
    images, labels = tiny_arrays(190, seed=3)
    np.savez(tmp_path / "tiny.npz", images=images[:, 0], labels=labels)
    run_command("train", "ae_debug", "--data", tmp_path / "tiny.npz", "--run", tmp_path / "r")
    message, code = error_and_code(capsys, "evaluate", tmp_path / "r")
    assert code == "too-few-images"
    assert "19 test images" in message


@pytest.mark.parametrize(("option", "name"), [("random", "random-convolutions"), ("pca", "pca")])
def test_the_extractor_can_be_chosen(runs, capsys, option, name):
    output = output_of(capsys, "evaluate", runs / "ae", "--extractor", option)
    assert name in line_of(output, "Coverage")


def test_mistakes_are_refused(runs, capsys, tmp_path):
    weights = tmp_path / "w.pth"
    weights.write_bytes(b"no weights")
    for code, command in (
        ("not-a-run", ["evaluate", tmp_path]),
        ("not-a-run", ["evaluate", tmp_path / "missing"]),
        ("data-mismatch", ["evaluate", runs / "ae", "--data", "mnist"]),
        ("too-few-runs", ["compare", runs / "ae"]),
        ("too-few-images", ["evaluate", runs / "ae", "--n", "3"]),
        ("wrong-weights", ["evaluate", runs / "ae", "--inception-weights", weights]),
    ):
        assert error_code(capsys, *command) == code, command


def test_mistakes_in_the_options_of_a_bench_are_refused(capsys, tmp_path):
    out = tmp_path / "b"
    for code, command in (
        ("unknown-component", ["bench", "gird"]),
        ("unknown-budget", ["bench", "ring", "--budget", "huge", "--out", out]),
        ("invalid-count", ["bench", "ring", "--seeds", "0", "--out", out]),
    ):
        assert error_code(capsys, *command) == code, command


def test_changed_data_is_noticed(runs, capsys, npz, tmp_path):
    content = dict(np.load(npz))
    changed = tmp_path / "tiny.npz"
    np.savez(changed, images=255 - content["images"], labels=content["labels"])
    assert line_of(output_of(capsys, "evaluate", runs / "ae", "--data", changed), "Coverage")
    before = npz.read_bytes()
    npz.write_bytes(changed.read_bytes())
    try:
        assert error_code(capsys, "evaluate", runs / "ae") == "other-data"
    finally:
        npz.write_bytes(before)


def test_a_bench_prints_its_rows_next_to_the_published_ones_and_resumes(capsys, tmp_path):
    command = ("bench", "ring", "--seeds", 2, "--budget", 30, "--out", tmp_path / "b")
    output = output_of(capsys, *command)
    for name in ("gan_ring", "vae_ring", "PacGAN4", "VEEGAN", "98.89 %", "Student's t"):
        assert name in output
    stored = json.loads((tmp_path / "b" / "bench.json").read_text())
    assert [row["name"] for row in stored["rows"]] == ["gan_ring", "vae_ring"]
    assert set(stored["rows"][0]["seeds"]) == {"0", "1"}
    assert stored["published"]
    assert (tmp_path / "b" / "bench.svg").read_text().startswith("<svg")
    again = output_of(capsys, *command)
    assert again.splitlines()[:12] == output.splitlines()[:12]


def test_bench_without_a_name_lists_all_benches(capsys):
    output = output_of(capsys, "bench")
    names = {"ring", "grid", "grid-wide", "stacked-mnist", "stacked-mnist-small-discriminator",
             "nll-dynamic", "parzen-legacy", "cgan-mnist"}  # fmt: skip
    assert names <= set(registered("bench"))
    assert names <= {line.split()[0] for line in output.splitlines() if line.strip()}
