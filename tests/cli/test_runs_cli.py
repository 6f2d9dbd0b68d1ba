"""gap, resume, finish: what the studio asks of runs, as a person calls it."""

import json

import pytest

from latentarium import cli
from latentarium.run import Run


def test_the_gap_over_training_is_written_kept_and_drawn_in_lines(npz, tmp_path, capsys):
    folder = tmp_path / "r"
    cli.main(["train", "gan_debug", "--data", str(npz), "--run", str(folder)])
    cli.main(["duality-gap", str(folder)])
    printed = capsys.readouterr().out
    found = Run(folder).duality_gap()
    assert found is not None
    assert found["wanted"] == [0, 1, 40]
    assert list(found["snapshots"]) == ["0", "1", "40"]
    for at in found["snapshots"].values():
        assert at["total"] == pytest.approx(sum(gain["gain"] for gain in at["gains"]))
        assert at["interval"][0] <= at["total"] <= at["interval"][1]
    assert found["protocol"]["split"] == "validation"
    assert "step      40" in printed
    cli.main(["duality-gap", str(folder)])  # nothing is measured twice
    assert Run(folder).duality_gap() == found
    found["protocol"]["seed"] = 7  # that of another protocol doesn't count
    Run(folder).save_duality_gap(found)
    (folder / "snapshots" / "000000040.safetensors").unlink()
    cli.main(["duality-gap", str(folder)])
    assert list((Run(folder).duality_gap() or {})["snapshots"]) == ["0", "1"]


def test_resume_and_finish_need_the_folder_only(npz, tmp_path, capsys):
    folder = tmp_path / "r"
    arguments = ["train", "vae_debug", "--data", str(npz), "--run", str(folder)]
    cli.main(arguments)
    (folder / "weights.safetensors").unlink()
    cli.main(["finish", str(folder)])
    assert "step 40" in capsys.readouterr().out
    weights = (folder / "weights.safetensors").read_bytes()
    cli.main(["resume", str(folder)])
    assert "resumes at step 40 of 40" in capsys.readouterr().err
    assert (folder / "weights.safetensors").read_bytes() == weights
    cli.main([*arguments, "--dry-run", "--json"])
    assert json.loads(capsys.readouterr().out)["steps"] == 40
