"""Measure sampling and start-up."""

import sys
import tempfile
from pathlib import Path

import latentarium as la
from latentarium import presets
from latentarium.data.sources import load_data
from speed_parts.common import Results, call, seconds, spread, with_settings
from speed_parts.steps import TrainingSteps


def measure(rounds: int, quick: bool) -> Results:
    """Measure the speed of sampling, and how long the first answer takes."""
    results: Results = {}
    data = load_data("mnist")
    for name in ("vae_mnist", "cgan_mnist"):
        model = TrainingSteps(presets.get(name), data).state.ema_model()
        times = [seconds(lambda model=model: model.sample(10_000, seed=0)) for _ in range(rounds)]
        results[f"{name}: samples per second"] = spread([10_000 / t for t in times])
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        la.train(with_settings(presets.cgan_mnist(), steps=2, snapshots=0), run, data)
        first_sample = f"import latentarium as la; la.load({str(run)!r}).sample(1)"
        for name, command in {
            "latentarium --help, s": [sys.executable, "-m", "latentarium", "--help"],
            "load(run).sample(1) in a new process, s": [sys.executable, "-c", first_sample],
        }.items():
            times = [seconds(lambda command=command: call(command)) for _ in range(rounds + 2)]
            results[name] = spread(times)
    return results
