"""The doctor on the command line, and issues reported during training."""

import json

import numpy as np

from latentarium.cli import main
from support.command_line import error_code


def train_arguments(npz, folder, beta: float) -> list[str]:
    return [
        "train", "vae_debug", "--data", str(npz), "--run", str(folder),
        "--model.beta", str(beta), "--train.steps", "120", "--train.log-every", "10",
        "--train.checkpoint-every", "120", "--optimizer.warmup-steps", "0",
    ]  # fmt: skip


def test_training_reports_an_issue_once_and_the_doctor_reports_it_again(npz, tmp_path, capsys):
    main(train_arguments(npz, tmp_path / "r", beta=50.0))
    printed = capsys.readouterr().err
    assert printed.count("Posterior collapse: ") == 1
    assert "--model.beta 1" in printed

    main(["doctor", str(tmp_path / "r"), "--json", str(tmp_path / "d.json")])
    printed = capsys.readouterr().out
    assert printed.startswith("Posterior collapse: ")
    assert "overfit" in printed
    content = json.loads((tmp_path / "d.json").read_text())
    assert [issue["issue"] for issue in content["issues"]] == ["posterior collapse"]
    assert content["issues"][0]["evidence"]["active units"] == 0
    assert content["issues"][0]["fix_code"]["code"] == "smaller beta"
    assert "overfit" in content["checked"]


def test_healthy_training_reports_nothing(npz, tmp_path, capsys):
    main(train_arguments(npz, tmp_path / "r", beta=1.0))
    assert "Evidence" not in capsys.readouterr().err


def test_other_images_than_those_of_the_training_are_refused(npz, tmp_path, capsys):
    main(["train", "ae_debug", "--data", str(npz), "--run", str(tmp_path / "r")])
    capsys.readouterr()
    content = dict(np.load(npz))
    np.savez(tmp_path / "other.npz", images=255 - content["images"], labels=content["labels"])
    for other in ("ring", str(tmp_path / "other.npz")):
        assert error_code(capsys, "doctor", tmp_path / "r", "--data", other) == "data-mismatch"
