"""fit-prior, and --prior in sample, evaluate and compare."""

import json

import numpy as np
import PIL.Image
import pytest

from latentarium.run import Run
from support.command_line import output_of, run_command
from support.short_evaluation import shorten_evaluation
from support.tiny import tiny_arrays


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("runs")
    pixels, labels = tiny_arrays()
    np.savez(place / "tiny.npz", images=pixels[:, 0], labels=labels)
    run_command("train", "ae_debug", "--data", place / "tiny.npz", "--run", place / "ae")
    return place / "ae"


def images(path):
    with np.load(path) as content:
        return content["images"]


def test_a_fitted_prior_is_reported_and_sampled(folder, tmp_path, capsys):
    table = output_of(capsys, "fit-prior", folder, "--kind", "mixture")
    assert "components" in table
    content = json.loads(output_of(capsys, "fit-prior", folder, "--kind", "gaussian", "--json"))
    assert content["kind"] == "gaussian"
    assert content["trained_prior"] is None
    trained, mixture = ["--prior", "trained"], ["--prior", "mixture"]
    run_command("sample", folder, "-n", 5, *trained, "--out", tmp_path / "a.npz")
    run_command("sample", folder, "-n", 5, *mixture, "--out", tmp_path / "b.npz")
    run_command("sample", f"{folder}@mixture", "-n", 5, "--out", tmp_path / "c.npz")
    assert (images(tmp_path / "c.npz") == images(tmp_path / "b.npz")).all()
    expected = Run(folder).load(prior="mixture").sample(5, seed=0)
    shown = ((expected + 1) * 127.5).round().numpy().astype(np.uint8)
    assert np.abs(images(tmp_path / "b.npz").astype(int) - shown).max() <= 1
    assert (images(tmp_path / "a.npz") != images(tmp_path / "b.npz")).any()


def test_the_gaussian_of_a_class_is_that_of_the_fitted_prior(folder, tmp_path):
    first, second = tmp_path / "a.npz", tmp_path / "b.npz"
    run_command("sample", folder, "-n", 400, "--gaussian", "1", "--out", first)
    run_command("fit-prior", folder, "--kind", "class-gaussian")
    options = ["--prior", "class-gaussian", "--label", "1"]
    run_command("sample", folder, "-n", 400, *options, "--out", second)
    means = [images(path).astype(float).mean(0) for path in (first, second)]
    assert np.abs(means[0] - means[1]).max() < 12


def test_measurements_with_a_fitted_prior_have_a_file_of_their_own(folder, capsys, monkeypatch):
    shorten_evaluation(monkeypatch)
    run_command("fit-prior", folder, "--kind", "gaussian")
    run_command("evaluate", folder, "--n", 40, "--prior", "trained")
    trained = (folder / "metrics.json").read_bytes()
    run_command("evaluate", folder, "--n", 40, "--prior", "gaussian")
    assert (folder / "metrics.json").read_bytes() == trained
    fitted = json.loads((folder / "metrics-gaussian.json").read_bytes())
    assert fitted["model"] == "autoencoder, fitted prior: gaussian"
    assert fitted["weights"] == Run(folder).weights_hash("gaussian")
    capsys.readouterr()
    table = output_of(capsys, "compare", f"{folder}@trained", f"{folder}@gaussian")
    assert "ae@gaussian" in table


def test_a_run_without_the_prior_is_refused_with_the_command_that_fits_it(folder, capsys):
    with pytest.raises(SystemExit):
        run_command("sample", folder, "--prior", "flow")
    assert f"latentarium fit-prior {folder} --kind flow" in capsys.readouterr().err


def test_a_misspelt_kind_after_the_folder_is_corrected(folder, capsys):
    with pytest.raises(SystemExit):
        run_command("sample", f"{folder}@mixtur")
    assert "Did you mean 'mixture'?" in capsys.readouterr().err


def test_a_class_of_an_autoencoder_needs_a_prior_with_classes(folder, tmp_path, capsys):
    with pytest.raises(SystemExit):
        run_command("sample", folder, "--label", "1", "--prior", "trained")
    assert "--prior class-gaussian" in capsys.readouterr().err
    run_command("sample", folder, "--prior", "trained", "--out", tmp_path / "a.png")
    said = capsys.readouterr().err
    assert "N(0, I)" in said
    assert f"latentarium fit-prior {folder} --kind mixture" in said
    run_command("fit-prior", folder, "--kind", "gaussian")
    run_command("sample", folder, "--prior", "gaussian", "--out", tmp_path / "a.png")
    said = capsys.readouterr().err
    assert "prior gaussian, seed 0" in said
    assert "N(0, I)" not in said


def test_samples_of_points_are_plotted_and_stored_as_numbers(tmp_path, capsys):
    run_command("train", "gan_ring", "--run", tmp_path / "ring", "--train.steps", 3)
    run_command("sample", tmp_path / "ring", "-n", 50, "--out", tmp_path / "a.npz")
    run_command("sample", tmp_path / "ring", "-n", 50, "--out", tmp_path / "a.png")
    assert "a.png: 50 points" in capsys.readouterr().err
    points = images(tmp_path / "a.npz")
    assert points.dtype == np.float32
    np.testing.assert_array_equal(points, Run(tmp_path / "ring").load().sample(50).numpy())
    with PIL.Image.open(tmp_path / "a.png") as picture:
        pixels = np.asarray(picture.convert("RGB")).reshape(-1, 3).astype(int)
    assert picture.size == (600, 600)
    assert ((pixels[:, 2] - pixels[:, 0]) > 40).sum() > 200  # blue dots
