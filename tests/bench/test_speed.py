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


def committed_results():
    import committed  # pyright: ignore[reportMissingImports]

    return committed.load_all("speed")


def test_page_shows_the_committed_results(speed_page):
    page = (ROOT / "docs" / "benchmarks.md").read_text()
    assert speed_page.render(committed_results()) == page


def test_page_has_only_the_measured_parts(speed_page):
    everywhere = committed_results()
    for results in everywhere.values():
        for name in (*speed_page.SECTIONS, "learning_curves"):
            results.pop(name, None)
    assert speed_page.render(everywhere).count("##") == 0


def test_time_to_equal_quality_is_passes_times_the_seconds_of_a_pass(speed_page):
    """Ours is as good after 10 passes as pythae after 5, and a pass takes half as long."""
    good = [-150.0, -130.0, -120.0, -115.0, -110.0, -108.0, -106.0, -104.0]
    slow = [-150.0, -140.0, -130.0, -125.0, -120.0, -117.0, -115.0, -114.0, -112.0, -110.0]
    speeds = {"ours": 20_000.0, "bare": 40_000.0, "pythae": 10_000.0}
    results = {
        "learning_curves": {"ours": [slow], "bare": [good], "pythae": [good]},
        "fits": {side: {"median": speed} for side, speed in speeds.items()},
    }
    lines = speed_page.equal_quality({"A, 2 threads": results})
    first = next(i for i, line in enumerate(lines) if "-110.0 nats" in line)
    assert lines[first].endswith("| passes | 10 | 5 | 5 |  |")
    assert lines[first + 1].endswith("| seconds, A, 2 threads | 25 | 6.25 | 25 | **1** |")
    assert "| not reached |" in lines[first + 2]
    assert lines[first + 3].endswith("| seconds, A, 2 threads |  | 10 | 40 |  |")


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


@pytest.mark.parametrize(
    "side", [pytest.param("train_latentarium", marks=pytest.mark.slow), "train_bare_loop"]
)
def test_a_learning_curve_ends_where_a_single_training_ends(monkeypatch, side):
    """Measuring after each pass changes neither weights nor random numbers."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import numpy as np
    import training_run  # pyright: ignore[reportMissingImports]

    pixels = np.random.default_rng(0).integers(0, 256, (384, 1, 28, 28), dtype=np.uint8)
    train = getattr(training_run, side)
    curve = train(training_run.Task(pixels, images=256, epochs=2, seed=3, curve=True))
    single = train(training_run.Task(pixels, images=256, epochs=2, seed=3))
    assert len(curve["elbos"]) == 2
    assert len(single["elbos"]) == 1
    assert curve["elbo"] == single["elbo"]
    other = train(training_run.Task(pixels, images=256, epochs=2, seed=4))
    assert other["elbo"] != single["elbo"]
