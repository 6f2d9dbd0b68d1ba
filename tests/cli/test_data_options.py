"""The options that say how a data source is read, in `data check` and in `train`."""

import json

import numpy as np
import pytest

import latentarium as la
from latentarium.data.sources import load_training_data, loading_code
from support.command_line import error_code, output_of, run_command
from support.tiny import tiny_arrays


@pytest.fixture
def files(tmp_path):
    """Return a .npz file whose keys are not known, and a table of its labels."""
    images, labels = tiny_arrays(60)
    np.savez(tmp_path / "a.npz", a=images, b=labels)
    table = "\n".join(["animal,n", *(f"{'cat' if y else 'dog'},{y}" for y in labels)])
    (tmp_path / "y.csv").write_text(table)
    return tmp_path / "a.npz", tmp_path / "y.csv"


def checked(capsys, *arguments):
    return json.loads(output_of(capsys, "data", "check", *arguments, "--json"))


def test_data_check_takes_keys_labels_and_a_size(capsys, files):
    source, table = files
    assert error_code(capsys, "data", "check", source) == "unknown-keys"
    report = checked(capsys, source, "--keys", "images=a,labels=b")
    assert set(report["class_counts"]["train"]) == {"0", "1", "2"}
    report = checked(capsys, source, "--keys", "images=a", "--image-size", "16")
    assert report["image_shape"] == [1, 16, 16]
    labels = ["--labels", table, "--label-column", "animal"]
    report = checked(capsys, source, "--keys", "images=a", *labels)
    assert set(report["class_counts"]["train"]) == {"cat", "dog"}
    lines = output_of(capsys, "data", "check", source, "--keys", "images=a")
    assert "not used: b (60)" in lines


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--image-size", "5"], "invalid-size"),
        (["--image-size", "-8"], "invalid-size"),
        (["--keys", "a"], "invalid-keys"),
        (["--labels", ""], "empty-labels"),
        (["--keys", "images=a", "--labels", "none.csv"], "file-not-found"),
    ],
)
def test_options_out_of_range_are_refused(capsys, files, arguments, code):
    assert error_code(capsys, "data", "check", files[0], *arguments) == code


def test_an_empty_source_is_refused(capsys, tmp_path):
    assert error_code(capsys, "data", "check", "") == "empty-source"
    command = ["train", "cgan_debug", "--run", tmp_path / "run"]
    assert error_code(capsys, *command, "--data", "") == "empty-source"
    assert error_code(capsys, *command, "--labels", "") == "empty-labels"
    assert not (tmp_path / "run").exists()


def test_a_run_reads_its_data_as_its_training_did(capsys, files, tmp_path, monkeypatch):
    source, table = files
    options = ["--keys", "images=a", "--labels", table, "--label-column", "animal"]
    command = ["train", "cgan_debug", "--data", source, *options, "--image-size", "16"]
    run_command(*command, "--run", tmp_path / "run", "--train.steps", "2")
    run = la.Run(tmp_path / "run")
    settings = run.config.train
    assert (settings.keys, settings.label_column, settings.image_size) == (
        "images=a", "animal", 16,
    )  # fmt: skip
    data = run.load_data()
    assert data.card == run.data
    assert data.card.classes == ("cat", "dog")
    assert load_training_data(settings).card == run.data
    code = loading_code(settings)
    assert eval(code, {"la": la}).card == run.data
    assert error_code(capsys, "evaluate", run.folder, "--data", "") == "empty-source"
    moved = source.rename(tmp_path / "moved.npz")
    assert run.load_data(str(moved)).card.fingerprint == run.data.fingerprint
