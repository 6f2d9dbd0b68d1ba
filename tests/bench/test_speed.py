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


@pytest.fixture
def benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))


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
    lines = speed_page.speed_tables.equal_quality({"A, 2 threads": results})
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


def test_training_steps_are_those_of_training(benchmarks, tmp_path):
    """The steps that are timed must be the steps of `train`."""
    import torch
    from speed_parts import common, steps  # pyright: ignore[reportMissingImports]

    from latentarium import presets
    from latentarium.training import train
    from support.tiny import tiny_data

    config = common.with_settings(presets.gan_debug(), steps=3, snapshots=0)
    data = tiny_data()
    training = steps.TrainingSteps(config, data)
    for _ in range(3):
        training.step()
    trained = train(config, tmp_path / "run", data).load().state_dict()
    for name, value in training.state.ema_model().state_dict().items():
        assert torch.equal(value, trained[name]), name


def test_quick_run_does_not_overwrite_committed_results(benchmarks, monkeypatch, capsys):
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


def test_sides_run_by_turns(benchmarks):
    from speed_parts import common  # pyright: ignore[reportMissingImports]

    calls = []
    sides = {name: lambda n, name=name: calls.append((name, n)) for name in ("a", "b")}
    assert common.by_turns(sides, 2) == {"a": [None, None], "b": [None, None]}
    assert calls == [("a", 0), ("b", 0), ("a", 1), ("b", 1)]


def test_a_goal_is_the_best_quality_of_the_example_and_reached_by_all_seeds(benchmarks):
    """The example's best value within half of its 400 steps is -8, within all of them -6."""
    from speed_parts import examples  # pyright: ignore[reportMissingImports]

    example = [(1.0, 100, -9.0), (2.0, 200, -8.0), (3.0, 300, -6.0), (4.0, 400, -7.0)]
    fast = [(0.5, 100, -8.0), (1.5, 200, -6.5), (2.5, 300, -5.0)]
    slow = [(0.5, 100, -20.0), (9.0, 200, -7.9)]
    runs = [{"dcgan": example, "gan_mnist": preset} for preset in (fast, slow)]
    results = examples._compare(runs, "dcgan", ("dcgan", "gan_mnist"), (0.5, 1.0), sign=-1)
    half, whole = results.values()
    assert half["goal"]["all"] == [8.0, 8.0]
    assert half["sides"]["dcgan"]["seconds"]["all"] == [2.0, 2.0]
    assert half["sides"]["gan_mnist"]["steps"]["all"] == [100, 200]
    assert whole["sides"]["dcgan"]["steps"]["all"] == [300, 300]
    assert "gan_mnist" not in whole["sides"]


@pytest.mark.parametrize(
    "side", ["vae", "vae-in-memory", pytest.param("dcgan", marks=pytest.mark.slow)]
)
def test_an_example_learns_and_stops_at_its_goal(benchmarks, side):
    import example_run  # pyright: ignore[reportMissingImports]
    import numpy as np

    from latentarium.data.sources import load_data

    images = load_data("mnist").train.images[:768, 0].numpy()
    sizes = {"passes": 1, "interval": 2, "seed": 0}
    task = example_run.Task(np.tile(images[:256], (2, 1, 1)), images[256:], goal=None, **sizes)
    rows = example_run.SIDES[side](task).rows
    assert rows[-1][2] > rows[0][2]
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    goal = rows[1][2]
    task = example_run.Task(task.train, task.held_out, goal=goal, **sizes)
    again = example_run.SIDES[side](task).rows
    # measuring leaves the random numbers of the training as they are
    assert [row[1:] for row in again] == [row[1:] for row in rows[: len(again)]]
    assert again[-1][2] >= goal


def test_all_libraries_agree_on_metrics(benchmarks, monkeypatch):
    import metrics_run  # pyright: ignore[reportMissingImports]
    import numpy as np

    monkeypatch.setattr(metrics_run, "NUM_SUBSETS", 20)
    monkeypatch.setattr(metrics_run, "SUBSET_SIZE", 300)
    rng = np.random.default_rng(0)
    real = rng.normal(size=(900, 6)).astype(np.float32)
    fake = rng.normal(0.2, 0.9, size=(800, 6)).astype(np.float32)
    values = {}
    for side, metrics in metrics_run.SIDES.items():
        computed = [compute(real, fake) for compute in metrics().values()]
        values[side] = {key: value for part in computed for key, value in part.items()}
    ours = values.pop("latentarium")
    assert set(ours) == {"frechet", "kernel", "precision", "recall", "density", "coverage"}
    for side, others in values.items():
        for key, value in others.items():
            # each library draws its own subsets for the kernel distance
            tolerance = 0.3 if key == "kernel" else 1e-4
            assert value == pytest.approx(ours[key], rel=tolerance), (side, key)


def test_the_mnist_of_a_dcgan_has_28_pixels(benchmarks):
    import example_run  # pyright: ignore[reportMissingImports]
    import torch

    generator, discriminator = example_run.dcgan_networks()
    images = generator(torch.randn(2, 100, 1, 1))
    assert images.shape == (2, 1, 28, 28)
    assert discriminator(images).shape == (2, 1, 1, 1)
