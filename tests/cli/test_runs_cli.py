"""The commands duality-gap, resume and finish."""

import json
from functools import partial

import pytest

from latentarium.run import Run
from latentarium.training import estimate
from support.command_line import output_of, resumed_step, run_command
from support.short_evaluation import shorten_evaluation


def test_the_duality_gap_is_measured_once_per_snapshot_and_protocol(
    npz, tmp_path, capsys, monkeypatch
):
    shorten_evaluation(monkeypatch)
    folder = tmp_path / "r"
    run_command("train", "gan_debug", "--data", npz, "--run", folder)
    output = output_of(capsys, "duality-gap", folder)
    content = Run(folder).duality_gap()
    assert content is not None
    assert content["wanted"] == [0, 1, 40]
    assert list(content["snapshots"]) == ["0", "1", "40"]
    for gap in content["snapshots"].values():
        assert gap["total"] == pytest.approx(sum(gain["gain"] for gain in gap["gains"]))
        assert 0 <= gap["at_least"] <= gap["total"]
    protocol = content["protocol"]
    assert (protocol["split"], protocol["weights"]) == ("validation", "ema")
    assert "ema-weights" in protocol["name"]
    assert [line.split()[1] for line in output.splitlines()[:3]] == ["0", "1", "40"]
    run_command("duality-gap", folder)
    assert Run(folder).duality_gap() == content  # includes the seconds, so it wasn't repeated
    content["protocol"]["seed"] = 7  # gaps of another protocol don't count
    Run(folder).save_duality_gap(content)
    (folder / "snapshots" / "000000040.safetensors").unlink()
    run_command("duality-gap", folder)
    assert list((Run(folder).duality_gap() or {})["snapshots"]) == ["0", "1"]


def test_finish_and_resume_need_only_the_folder(npz, tmp_path, capsys):
    folder = tmp_path / "r"
    run_command("train", "vae_debug", "--data", npz, "--run", folder)
    (folder / "weights.safetensors").unlink()
    run_command("finish", folder)
    assert Run(folder).weights_step() == 40
    weights = (folder / "weights.safetensors").read_bytes()
    capsys.readouterr()
    run_command("resume", folder)
    assert resumed_step(capsys.readouterr().err) == 40
    assert (folder / "weights.safetensors").read_bytes() == weights


def test_a_dry_run_prints_the_cost_as_json(npz, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("latentarium.training.estimate", partial(estimate, min_seconds=0.1))
    folder = tmp_path / "r"
    command = ["train", "vae_debug", "--data", npz, "--run", folder, "--dry-run", "--json"]
    assert json.loads(output_of(capsys, *command))["steps"] == 40
    assert not folder.exists()
