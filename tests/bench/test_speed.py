"""`make speed` with tiny trainings, whose numbers mean nothing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BENCHMARKS = ROOT / "benchmarks"
SPEED = [sys.executable, str(BENCHMARKS / "speed.py")]


@pytest.fixture
def speed_page(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import speed_page  # pyright: ignore[reportMissingImports]  found on the patched path

    return speed_page


def test_page_shows_the_committed_results(speed_page):
    results = json.loads((BENCHMARKS / "results" / "speed.json").read_text())
    assert speed_page.render(results) == (ROOT / "docs" / "benchmarks.md").read_text()


def test_page_has_only_the_measured_parts(speed_page):
    results = json.loads((BENCHMARKS / "results" / "speed.json").read_text())
    for name in speed_page.SECTIONS:
        del results[name]
    assert speed_page.render(results).count("##") == 0


@pytest.mark.slow
def test_both_sides_train_equally_well(tmp_path):
    out = tmp_path / "speed.json"
    page = (ROOT / "docs" / "benchmarks.md").read_text()
    subprocess.run([*SPEED, "fits", "--quick", "--out", str(out)], check=True, capture_output=True)
    results = json.loads(out.read_text())
    fits = results["fits"]
    assert fits["ours over bare"]["median"] > 0.1
    # after 20 steps both are far from trained, and equally far
    elbos = [fits["elbo"][side]["median"] for side in ("ours", "bare")]
    assert all(-400 < value < -150 for value in elbos)
    assert abs(elbos[0] - elbos[1]) < 40
    assert 0 <= results["used_by_others"]["fits"] <= 1
    assert (ROOT / "docs" / "benchmarks.md").read_text() == page


def test_training_steps_are_those_of_training(monkeypatch, tmp_path):
    """The steps that `speed.py` times must be the steps of `train`."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import speed  # pyright: ignore[reportMissingImports]
    import torch

    from latentarium import presets
    from latentarium.training import train
    from support.tiny import tiny_data

    config = speed._with(presets.gan_debug(), steps=3, snapshots=0)
    data = tiny_data()
    training = speed.TrainingSteps(config, data)
    for _ in range(3):
        training.step()
    trained = train(config, tmp_path / "run", data).load().state_dict()
    for name, value in training.state.ema_model().state_dict().items():
        assert torch.equal(value, trained[name]), name


def test_quick_run_does_not_overwrite_committed_results(monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import speed  # pyright: ignore[reportMissingImports]

    monkeypatch.setattr(sys, "argv", ["speed.py", "fits", "--quick"])
    with pytest.raises(SystemExit) as stop:
        speed.main()
    assert stop.value.code == 2
    assert "--out" in capsys.readouterr().err
