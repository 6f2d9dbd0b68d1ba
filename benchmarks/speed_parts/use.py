"""Measure sampling, start-up, and the growth of time and memory with the data."""

import json
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


def measure_growth(rounds: int, quick: bool) -> Results:
    """Measure step time and memory for larger batches, larger images and more images."""
    results: Results = {}
    for preset, n, side, channels, batch_size in (
        ("vae_mnist", 2000, 28, 1, 64), ("vae_mnist", 2000, 28, 1, 256),
        ("vae_mnist", 2000, 28, 1, 1024), ("gan_mnist", 2000, 28, 1, 64),
        ("gan_mnist", 2000, 32, 3, 64), ("gan_mnist", 2000, 64, 3, 64),
        ("gan_mnist", 2000, 28, 1, 256), ("gan_mnist", 50_000, 28, 1, 64),
    )[: 2 if quick else None]:  # fmt: skip
        code = (
            "import json, numpy as np, dataclasses as d, latentarium as la\n"
            "from latentarium.training import estimate\n"
            f"x = np.random.default_rng(0).integers(0, 256, ({n}, {channels}, {side}, {side}))\n"
            f"c = la.presets.get('{preset}')\n"
            f"c = d.replace(c, train=d.replace(c.train, batch_size={batch_size}))\n"
            "cost = estimate(c, la.load_data(x.astype('uint8')))\n"
            "print(json.dumps([1000 * cost.step_seconds, cost.peak_bytes / 2**20]))"
        )
        step_ms, peak = json.loads(call([sys.executable, "-c", code]).splitlines()[-1])
        name = f"{preset}, {n:,} images of {channels} x {side} x {side}, batch {batch_size}"
        results[name] = {"step_ms": round(step_ms, 2), "peak_mib": round(peak)}
    return results
