"""Components of the user's own: --import, and trunks, priors and losses by name or as JSON."""

import json

import numpy as np
import pytest

from latentarium import registry
from latentarium.run import Run
from support.command_line import error_and_code, error_code, output_of, run_command
from support.own_components import SOURCES, component_file, unregister
from support.short_evaluation import shorten_evaluation
from support.tiny import tiny_arrays


@pytest.fixture
def own_prior(tmp_path):
    with component_file("prior", tmp_path, "own_prior_cli") as path:
        yield path


@pytest.fixture
def own_trunk(tmp_path):
    with component_file("trunk", tmp_path, "own_trunk_cli") as path:
        yield path


@pytest.fixture
def own_loss(tmp_path):
    with component_file("adversarial_loss", tmp_path, "own_loss_cli") as path:
        yield path


def start_new_process(path):
    """Forget an imported file and its component."""
    registry._imported.pop(str(path.resolve()), None)
    for kind in SOURCES:
        unregister(kind, path.stem)


def train(preset, npz, folder, *arguments):
    """Train a preset for two steps, and return the settings of its model."""
    run_command(
        "train", preset, "--data", npz, "--run", folder, "--train.steps", "2", *arguments
    )  # fmt: skip
    return json.loads((folder / "config.json").read_text())["config"]["model"]


def test_import_works_before_and_after_the_command(own_prior, npz, tmp_path):
    for number, option in enumerate((["--import", own_prior], [f"--import={own_prior}"])):
        arguments = ["train", "vae_debug", "--data", npz, "--train.steps", "2"]
        arguments += ["--model.prior", "own_prior_cli"]
        for place, command in (
            ("before", [*option, *arguments]),
            ("after", [*arguments, *option]),
            ("between", [arguments[0], *option, *arguments[1:]]),
        ):
            start_new_process(own_prior)
            folder = tmp_path / f"{number}_{place}"
            run_command(*command, "--run", folder)
            assert Run(folder).imports == (own_prior.name,)


def test_sample_and_evaluate_accept_the_import(own_prior, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("LATENTARIUM_CACHE", str(tmp_path / "cache"))
    shorten_evaluation(monkeypatch)
    images, labels = tiny_arrays(1000)
    npz = tmp_path / "thousand.npz"
    np.savez(npz, images=images[:, 0], labels=labels)
    folder, out = tmp_path / "r", tmp_path / "grid.png"
    train("vae_debug", npz, folder, "--import", own_prior, "--model.prior", "own_prior_cli")
    option = ["--import", own_prior]
    for command in (
        ["sample", folder, "--out", out],
        ["evaluate", folder, "--n", "100", "--extractor", "random", "--nll-samples", "2"],
    ):
        start_new_process(own_prior)
        message, code = error_and_code(capsys, *command)
        assert code == "unknown-component"
        assert f"--import {own_prior.name}" in message
        run_command(*option, *command)
        start_new_process(own_prior)
        run_command(*command, *option)
    assert out.exists()
    assert (folder / "metrics.json").exists()


def test_a_missing_import_is_an_error(tmp_path, capsys):
    missing = tmp_path / "missing.py"
    for command in (["train", "vae_debug"], ["sample", tmp_path], ["evaluate", tmp_path]):
        assert error_code(capsys, "--import", missing, *command) == "no-such-file"
        assert error_code(capsys, *command, "--import", missing) == "no-such-file"
        assert error_code(capsys, *command, "--import") == "missing-value"
        assert error_code(capsys, *command, "--import=") == "missing-value"


def test_an_import_that_fails_is_an_error(tmp_path, capsys):
    broken = tmp_path / "broken_cli.py"
    broken.write_text("import no_such_module_anywhere")
    assert error_code(capsys, "train", "vae_debug", "--import", broken) == "import-failed"


def test_a_prior_is_chosen_by_name_or_json(own_prior, npz, tmp_path):
    option = ["--import", own_prior, "--model.prior"]
    assert train("vae_debug", npz, tmp_path / "a", *option, "own_prior_cli")["prior"] == (
        "own_prior_cli"
    )
    settings = {"kind": "own_prior_cli", "shift": 2.0}
    model = train("vae_debug", npz, tmp_path / "b", *option, json.dumps(settings))
    assert model["prior"] == settings
    assert Run(tmp_path / "b").load().prior.shift == 2.0  # type: ignore[attr-defined]


def test_a_loss_is_chosen_by_name(own_loss, npz, tmp_path):
    assert train("gan_debug", npz, tmp_path / "a", "--model.loss", "hinge")["loss"] == "hinge"
    option = ["--import", own_loss, "--model.loss"]
    folder = tmp_path / "b"
    assert train("gan_debug", npz, folder, *option, "own_loss_cli")["loss"] == "own_loss_cli"
    assert Run(folder).imports == (own_loss.name,)


@pytest.mark.parametrize("kind", ["likelihood", "objective"])
def test_a_likelihood_and_an_objective_of_ones_own_are_measured(kind, tmp_path, monkeypatch):
    """A whole run uses the component, and no other file names it."""
    monkeypatch.setenv("LATENTARIUM_CACHE", str(tmp_path / "cache"))
    shorten_evaluation(monkeypatch)
    images, labels = tiny_arrays(1000)
    npz, folder = tmp_path / "thousand.npz", tmp_path / "r"
    np.savez(npz, images=images[:, 0], labels=labels)
    with component_file(kind, tmp_path, f"own_{kind}_cli") as path:
        option = ["--import", path, f"--model.{kind}"]
        assert train("vae_debug", npz, folder, *option, path.stem)[kind] == path.stem
        assert Run(folder).imports == (path.name,)
        measure = ["--n", "100", "--extractor", "random", "--nll-samples", "2"]
        run_command("evaluate", folder, *option[:2], *measure)
        measurements = json.loads((folder / "metrics.json").read_text())["measurements"]
        protocol = measurements["nll"]["protocol"]
        assert protocol.split()[1] == {
            "likelihood": f"other-{path.stem}", "objective": "grey-bce"
        }[kind]  # fmt: skip
        assert measurements["elbo"]["note"]
        run_command("doctor", folder, *option[:2])


def test_a_trunk_is_chosen_by_name_with_its_own_settings(own_trunk, npz, tmp_path):
    option = ["--import", own_trunk, "--model.encoder.kind", "own_trunk_cli"]
    model = train("vae_debug", npz, tmp_path / "r", *option, "--model.encoder.units", "5")
    assert model["encoder"] == {"kind": "own_trunk_cli", "units": 5}
    assert model["decoder"]["kind"] in ("mlp", "conv")


@pytest.mark.parametrize(
    ("preset", "option"),
    [
        ("vae_debug", "--model.prior"),
        ("gan_debug", "--model.loss"),
        ("vae_debug", "--model.likelihood"),
        ("vae_debug", "--model.objective"),
        ("vae_debug", "--model.encoder.kind"),
    ],
)
def test_an_unknown_component_is_an_error(preset, option, npz, tmp_path, capsys):
    command = ["train", preset, "--data", npz, "--run", tmp_path / "r", option, "not_there"]
    assert error_code(capsys, *command) == "unknown-component"
    assert not (tmp_path / "r").exists()


def test_invalid_json_is_an_error(npz, tmp_path, capsys):
    command = ["train", "vae_debug", "--data", npz, "--run", tmp_path / "r", "--model.prior"]
    assert error_code(capsys, *command, "{kind: mixture}") == "invalid-setting"
    assert error_code(capsys, *command, "{}") == "invalid-setting"
    assert error_code(capsys, *command, '{"kind": "not_there"}') == "unknown-component"


def test_help_lists_the_settings_of_the_chosen_trunk(own_trunk, capsys):
    command = ["train", "vae_debug", "--import", own_trunk, "--model.encoder.kind"]
    with pytest.raises(SystemExit) as stop:
        output_of(capsys, *command, "own_trunk_cli", "--help")
    assert stop.value.code == 0
    assert "--model.encoder.units" in capsys.readouterr().out
