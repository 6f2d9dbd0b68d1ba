"""Measures what the README says of speed: `make bench`. Results in benchmarks/results/speed.json,
and a page in docs/benchmarks.md.

Sides that are compared run in processes of their own, by turns, so that a machine's moods meet
them alike; the numbers are medians, with the smallest and the largest.
"""

import argparse
import dataclasses
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from page import page
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from latentarium import presets
from latentarium.classifier.classifier import load_classifier
from latentarium.config import Config
from latentarium.data.dataset import Data
from latentarium.data.sources import load_data
from latentarium.evaluation.likelihood import elbo
from latentarium.machine import describe_machine, versions
from latentarium.training.distributed import World
from latentarium.training.loop import Trainer

HERE = Path(__file__).parent
ROOT = HERE.parent
PEERS = ROOT / ".venv-peers" / "bin" / "python"
CPU = torch.device("cpu")
BUSY = 0.1
"""Share of the processors that others use, above which a time says little."""
LABELS_RIGHT = (0.95, 0.98, 0.99)
ELBOS = (-110.0, -100.0, -96.0)


def main() -> None:
    """Runs all parts, or the ones named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=[])
    parser.add_argument("--rounds", type=int, default=3, help="how often each side runs")
    parser.add_argument("--quick", action="store_true", help="a smoke test: no number counts")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "speed.json")
    options = parser.parse_args()
    if options.quick and options.out == parser.get_default("out"):
        parser.error("--quick measures nothing worth keeping: give another --out")
    found = json.loads(options.out.read_text()) if options.out.exists() else {}
    for name in options.parts or PARTS:
        print(f"{name} ...", flush=True)
        others = _used_by_others()
        if others > BUSY:
            print(f"Others use {others:.0%} of the processors: the numbers will be too low.")
        found[name] = PARTS[name](1 if options.quick else options.rounds, options.quick)
        print(json.dumps(found[name], indent=2), flush=True)
        found |= {"machine": describe_machine(), "versions": versions(), "cpu": _cpu()}
        found.setdefault("used_by_others", {})[name] = round(others, 3)
        options.out.write_text(json.dumps(found, indent=2) + "\n")
    if not options.quick:
        (ROOT / "docs" / "benchmarks.md").write_text(page(found))


def fits(rounds: int, quick: bool) -> dict[str, Any]:
    """A whole fit: latentarium, a bare loop, and pythae where `make bench` has installed it."""
    sides = {"ours": sys.executable, "bare": sys.executable}
    if PEERS.exists():
        sides["pythae"] = str(PEERS)
    data = load_data("mnist")
    pixels = torch.cat([data.train.images, data.validation.images]).numpy()
    said: dict[str, list[dict[str, float]]] = {side: [] for side in sides}
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/pixels.npy", pixels)
        smoke = [str(torch.get_num_threads()), "2560"] if quick else []
        for _ in range(rounds):
            for side, python in sides.items():
                command = [python, str(HERE / "fits.py"), side, f"{folder}/pixels.npy", *smoke]
                said[side].append(json.loads(_call(command).splitlines()[-1]))
    speeds = {side: [run["images_per_second"] for run in runs] for side, runs in said.items()}
    found: dict[str, Any] = {side: _spread(values) for side, values in speeds.items()}
    for other in ("bare", "pythae"):
        if other in speeds:
            pairs = zip(speeds["ours"], speeds[other], strict=True)
            found[f"ours over {other}"] = _spread([a / b for a, b in pairs])
    if "pythae" in speeds:
        slower = [r["seconds"] / (r["seconds"] + r["evaluation"]) for r in said["ours"]]
        ratios = zip(speeds["ours"], slower, speeds["pythae"], strict=True)
        found["ours over pythae, all held-out images evaluated"] = _spread(
            [a * part / b for a, part, b in ratios]
        )
    found["elbo"] = {side: _spread([run["elbo"] for run in runs]) for side, runs in said.items()}
    return found


def share_of_matmul(rounds: int, quick: bool) -> dict[str, Any]:
    """Which part of the machine's matrix-multiply rate a training step reaches."""
    data = load_data("mnist")
    cases = {
        "MLP VAE, batch 128": (presets.vae_mnist(), 128),
        "MLP VAE, batch 512": (presets.vae_mnist(), 512),
        "conv GAN, batch 64": (presets.gan_mnist(), 64),
    }
    found: dict[str, Any] = {}
    for name, (config, batch_size) in cases.items():
        trainer = _trainer(_with(config, batch_size=batch_size), data)
        with Flops() as counter:
            trainer.step()
        flops = counter.total
        shares, rate, seconds = [], 0.0, 0.0
        for _ in range(rounds):  # the rate is measured beside each, since clocks change
            rate = max(_matmul_rate(n) for n in (512, 1024, 2048))
            seconds = _step_seconds(trainer)
            shares.append(flops / seconds / rate)
        found[name] = {
            "share": _spread(shares), "flops": flops, "matmul_gflops": round(rate / 1e9, 1),
            "step_ms": round(1000 * seconds, 2),
        }  # fmt: skip
    return found


class Flops(TorchDispatchMode):
    """Counts with torch's formulas. Its own FlopCounterMode also follows the modules, which a
    gradient penalty's double backward does not allow."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        formula = flop_registry.get(func._overloadpacket)
        if formula is not None:
            self.total += formula(*args, **(kwargs or {}), out_val=found)
        return found


def time_to_quality(rounds: int, quick: bool) -> dict[str, Any]:
    """Seconds of training until a quality is reached; looking is not counted."""
    judge = load_classifier()
    asked = torch.arange(1000) % 10

    def right(trainer: Trainer, data: Data) -> float:
        images = trainer.state.use().sample(len(asked), asked, seed=0)
        return float((judge.predict(images) == asked).float().mean())

    def bound(trainer: Trainer, data: Data) -> float:
        some = data.validation.images[:1000]
        model = trainer.state.use()
        found = elbo(model, some, samples=1).elbo
        model.train(False)
        return found

    count = 1 if quick else 3
    return {
        "CGAN, share of 1,000 samples judged to be the digit asked for": _until(
            presets.cgan_mnist(), right, LABELS_RIGHT[:count], 25, rounds
        ),
        "VAE, ELBO of 1,000 validation images of mnist-dynamic, nats": _until(
            presets.vae_dynamic_mnist(), bound, ELBOS[:count], 100, rounds
        ),
    }


def _until(
    config: Config, look: Any, goals: tuple[float, ...], every: int, seeds: int
) -> dict[str, Any]:
    data = load_data(config.train.data)
    runs = [_reached(_with(config, seed=seed), data, look, goals, every) for seed in range(seeds)]
    # a goal that one seed never reached has no time
    return {
        str(goal): {
            "seconds": _spread([run[goal][0] for run in runs]),
            "steps": _spread([run[goal][1] for run in runs]),
        }
        for goal in goals
        if all(goal in run for run in runs)
    }


def _reached(
    config: Config, data: Data, look: Any, goals: tuple[float, ...], every: int
) -> dict[float, tuple[float, int]]:
    """Seconds of training and steps until each goal."""
    trainer = _trainer(config, data)
    reached: dict[float, tuple[float, int]] = {}
    seconds = 0.0
    for step in range(1, config.train.steps + 1):
        began = time.perf_counter()
        trainer.step()
        seconds += time.perf_counter() - began
        if step % every == 0:
            value = look(trainer, data)
            for goal in goals:
                if value >= goal and goal not in reached:
                    reached[goal] = (seconds, step)
        if len(reached) == len(goals):
            break
    return reached


def speed_of_use(rounds: int, quick: bool) -> dict[str, Any]:
    """Sampling, and how long a person waits for the first answer."""
    found: dict[str, Any] = {}
    data = load_data("mnist")
    for name in ("vae_mnist", "cgan_mnist"):
        model = _trainer(presets.get(name), data).state.use()
        times = [_seconds(lambda model=model: model.sample(10_000, seed=0)) for _ in range(rounds)]
        found[f"{name}: samples per second"] = _spread([10_000 / t for t in times])
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        config = _with(presets.cgan_mnist(), steps=2, snapshots=0)
        import latentarium as la

        la.train(config, run, data)
        first = f"import latentarium as la; la.load({str(run)!r}).sample(1)"
        for name, command in {
            "latentarium --help, s": [sys.executable, "-m", "latentarium", "--help"],
            "load(run).sample(1) in a new process, s": [sys.executable, "-c", first],
        }.items():
            times = [_seconds(lambda command=command: _call(command)) for _ in range(rounds + 2)]
            found[name] = _spread(times)
    return found


def growth(rounds: int, quick: bool) -> dict[str, Any]:
    """How a step and the memory grow with the batch, the pixels and the number of images."""
    found = {}
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
            "r = estimate(c, la.load_data(x.astype('uint8')))\n"
            "print(json.dumps([1000 * r.step_seconds, r.peak_bytes / 2**20]))"
        )
        step_ms, peak = json.loads(_call([sys.executable, "-c", code]).splitlines()[-1])
        name = f"{preset}, {n:,} images of {channels} x {side} x {side}, batch {batch_size}"
        found[name] = {"step_ms": round(step_ms, 2), "peak_mib": round(peak)}
    return found


PARTS = {
    "fits": fits,
    "share_of_matmul": share_of_matmul,
    "time_to_quality": time_to_quality,
    "speed_of_use": speed_of_use,
    "growth": growth,
}


def _trainer(config: Config, data: Data) -> Trainer:
    return Trainer(_with(config, log_every=10**9), data, World(0, 1, CPU))


def _with(config: Config, **changes: Any) -> Config:
    return dataclasses.replace(config, train=dataclasses.replace(config.train, **changes))


def _step_seconds(trainer: Trainer, steps: int = 60) -> float:
    for _ in range(5):
        trainer.step()
    return statistics.median(_seconds(trainer.step) for _ in range(steps))


def _matmul_rate(n: int) -> float:
    a, b, out = torch.randn(n, n), torch.randn(n, n), torch.empty(n, n)
    times = [_seconds(lambda: torch.mm(a, b, out=out)) for _ in range(12)]
    return 2 * n**3 / statistics.median(times)


def _seconds(work: Any) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _call(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command[:3])} failed:\n{done.stderr}")
    return done.stdout


def _spread(values: list[float]) -> dict[str, Any]:
    rounded = sorted(float(f"{v:.4g}") for v in values)
    return {"median": float(f"{statistics.median(values):.4g}"), "all": rounded}


def _used_by_others(seconds: float = 2.0) -> float:
    """The share of the processors that is in use while this process sleeps."""
    path = Path("/proc/stat")
    if not path.exists():
        return 0.0
    before, after = [], []
    for found in (before, after):
        found += [int(word) for word in path.read_text().split("\n")[0].split()[1:]]
        time.sleep(seconds if found is before else 0)
    spent = [b - a for a, b in zip(before, after, strict=True)]
    idle = spent[3] + spent[4]  # waiting for a disk too
    return 1 - idle / max(1, sum(spent))


def _cpu() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "an unnamed CPU"


if __name__ == "__main__":
    main()
