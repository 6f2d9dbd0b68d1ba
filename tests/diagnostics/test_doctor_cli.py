"""The doctor on the command line, and while training."""

import json

import pytest

from latentarium.cli import main


def sick(npz, folder) -> list[str]:
    return [
        "train", "vae_debug", "--data", str(npz), "--run", str(folder), "--model.beta", "50",
        "--train.steps", "120", "--train.log-every", "10", "--train.checkpoint-every", "120",
        "--optimizer.warmup-steps", "0",
    ]  # fmt: skip


def test_train_says_a_finding_once_and_doctor_says_it_again(npz, tmp_path, capsys):
    main(sick(npz, tmp_path / "r"))
    said = capsys.readouterr().err
    assert said.count("Posterior collapse: ") == 1
    assert "Cure: Train again into a new folder with" in said
    assert "--model.beta 1" in said

    main(["doctor", str(tmp_path / "r"), "--json", str(tmp_path / "d.json")])
    printed = capsys.readouterr().out
    assert printed.startswith("Posterior collapse: ")
    assert "Nothing else found; looked for overfit" in printed
    content = json.loads((tmp_path / "d.json").read_text())
    assert [finding["disease"] for finding in content["findings"]] == ["posterior collapse"]
    assert content["findings"][0]["evidence"]["units in use"] == 0


def test_training_that_is_well_says_nothing(npz, tmp_path, capsys):
    arguments = sick(npz, tmp_path / "r")
    main([*arguments[:6], *arguments[8:]])
    assert "Cure" not in capsys.readouterr().err


def test_other_data_are_refused_with_a_sentence(npz, tmp_path, capsys):
    main(["train", "ae_debug", "--data", str(npz), "--run", str(tmp_path / "r")])
    with pytest.raises(SystemExit) as stop:
        main(["doctor", str(tmp_path / "r"), "--data", "ring"])
    assert stop.value.code == 2
    assert "was trained on other images than ring holds" in capsys.readouterr().err
