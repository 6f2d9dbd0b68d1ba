"""Measure the speed of training and use: `make speed`.

The results go to benchmarks/results/speed.MACHINE.json, from which `make figures` writes
docs/benchmarks.md. Sides that are compared run alternately, each in a separate process, so that
changes of the machine's speed affect both. The numbers are medians with the smallest and the
largest value.
"""

import argparse
import dataclasses
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from latentarium import presets
from latentarium.classifier.classifier import load_classifier
from latentarium.config import Config
from latentarium.data.dataset import Data
from latentarium.data.sources import load_data
from latentarium.evaluation.likelihood import elbo
from latentarium.machine import cpu_name, describe_machine, versions
from latentarium.models.base import LatentModel
from latentarium.training.distributed import Distributed
from latentarium.training.game import play_round
from latentarium.training.loop import prepare
from latentarium.training.schedule import learning_rate

HERE = Path(__file__).parent
ROOT = HERE.parent
PEERS = ROOT / ".venv-peers" / "bin" / "python"
MAX_LOAD = 0.1
"""Share of the processors used by other processes above which times are unreliable."""
CURVE_PASSES = 14
"""Epochs of a learning curve; a timed training has five."""
ADHERENCE_GOALS = (0.95, 0.98, 0.99)
ELBO_GOALS = (-110.0, -100.0, -96.0)

Results = dict[str, Any]


def main() -> None:
    """Run all parts, or the ones named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=[])
    parser.add_argument("--rounds", type=int, default=3, help="runs of each side")
    parser.add_argument("--quick", action="store_true", help="a smoke test without usable numbers")
    processor = (cpu_name() or "unnamed").split()[0].lower()
    out = HERE / "results" / f"speed.{processor}.json"
    parser.add_argument("--out", type=Path, default=out)
    options = parser.parse_args()
    if options.quick and options.out == parser.get_default("out"):
        parser.error("--quick gives no usable numbers; give another --out")
    results = json.loads(options.out.read_text()) if options.out.exists() else {}
    for name in options.parts or PARTS:
        print(f"{name} ...", flush=True)
        load = _load_of_others()
        if load > MAX_LOAD:
            print(f"Other processes use {load:.0%} of the processors; the speeds will be too low.")
        results[name] = PARTS[name](1 if options.quick else options.rounds, options.quick)
        print(json.dumps(results[name], indent=2), flush=True)
        results |= {"machine": describe_machine(), "versions": versions()}
        results.setdefault("used_by_others", {})[name] = round(load, 3)
        options.out.write_text(json.dumps(results, indent=2) + "\n")
    print("Run make figures to update docs/benchmarks.md.")


def measure_training_runs(rounds: int, quick: bool) -> Results:
    """Time a whole training by latentarium, a bare loop, and pythae if it is installed."""
    size = ["--images", "2560", "--held-out", "1000", "--epochs", "1"] if quick else []
    runs = _training_runs(rounds, lambda _: size)
    speeds = {side: [run["images_per_second"] for run in runs[side]] for side in runs}
    results: Results = {side: _spread(values) for side, values in speeds.items()}
    for other in ("bare", "pythae"):
        if other in speeds:
            pairs = zip(speeds["ours"], speeds[other], strict=True)
            results[f"ours over {other}"] = _spread([a / b for a, b in pairs])
    if "pythae" in speeds:
        factors = [r["seconds"] / (r["seconds"] + r["evaluation"]) for r in runs["ours"]]
        ratios = zip(speeds["ours"], factors, speeds["pythae"], strict=True)
        results["ours over pythae, all held-out images evaluated"] = _spread(
            [ours * factor / pythae for ours, factor, pythae in ratios]
        )
    if "pythae" in speeds:
        results["time to pythae's ELBO"] = _time_to_elbo(runs["tuned"], runs["pythae"])
    results["elbo"] = {side: _spread([run["elbo"] for run in runs[side]]) for side in runs}
    results["clock"] = runs["ours"][0]["clock"]
    return results


def _time_to_elbo(tuned: list[Results], pythae: list[Results]) -> Results:
    """Compare the seconds of a tuned training with those of pythae, and say whether its ELBO is at
    least as high, in each round."""
    return {
        "seconds": {"tuned": _spread([r["seconds"] for r in tuned]),
                    "pythae": _spread([r["seconds"] for r in pythae])},
        "elbo": {"tuned": _spread([r["elbo"] for r in tuned]),
                 "pythae": _spread([r["elbo"] for r in pythae])},
        "reached": all(a["elbo"] >= b["elbo"] for a, b in zip(tuned, pythae, strict=True)),
        "pythae's time over tuned": _spread(
            [b["seconds"] / a["seconds"] for a, b in zip(tuned, pythae, strict=True)]
        ),
    }  # fmt: skip


def measure_learning_curves(rounds: int, quick: bool) -> Results:
    """Measure the ELBO of the same trainings after each pass, with another seed in each round.

    With the seconds that a pass takes, this gives the time until a quality is reached.
    """
    size = ["--images", "2560", "--held-out", "1000"] if quick else []
    epochs = "2" if quick else str(CURVE_PASSES)
    runs = _training_runs(
        rounds,
        lambda seed: [*size, "--epochs", epochs, "--seed", str(seed), "--curve"],
        tuned=False,
    )
    return {
        side: [[round(elbo, 2) for elbo in run["elbos"]] for run in runs[side]] for side in runs
    }


def _training_runs(
    rounds: int, options: Callable[[int], list[str]], *, tuned: bool = True
) -> dict[str, list[dict[str, Any]]]:
    """Run training_run.py for all sides by turns; pythae's only if it is installed.

    Arguments:
        rounds: The number of trainings of each side.
        options: Returns the options of the script, given the number of the round.
        tuned: Whether the side "tuned" is included.

    Returns:
        The results of each side, by round.
    """
    sides = {"ours": sys.executable, "bare": sys.executable}
    if tuned:
        sides["tuned"] = sys.executable
    if PEERS.exists():
        sides["pythae"] = str(PEERS)
    data = load_data("mnist")
    pixels = torch.cat([data.train.images, data.validation.images]).numpy()
    runs: dict[str, list[dict[str, Any]]] = {side: [] for side in sides}
    script = str(HERE / "training_run.py")
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/pixels.npy"
        np.save(path, pixels)
        for number in range(rounds):
            for side, python in sides.items():
                output = _call([python, script, side, path, *options(number)])
                runs[side].append(json.loads(output.splitlines()[-1]))
    return runs


class TrainingSteps:
    """A training that is advanced step by step, without log and files.

    Arguments:
        config: The configuration of the training.
        data: The training data.
    """

    def __init__(self, config: Config, data: Data) -> None:
        self.config = config
        self.distributed = Distributed(torch.device("cpu"))
        self.state, self.players, self.batches = prepare(config, data, self.distributed)

    def step(self) -> None:
        """Let each player move once."""
        play_round(
            self.state.model,
            self.players,
            self.state.optimizers,
            self.batches,
            step=self.state.step,
            seed=self.config.train.seed,
            learning_rate=learning_rate(
                self.config.optimizer, self.state.step, self.config.train.steps
            ),
            distributed=self.distributed,
        )
        self.state.update_ema()
        self.state.step += 1

    def median_seconds(self, steps: int = 60, warmup_steps: int = 5) -> float:
        """Return the median duration of a step."""
        for _ in range(warmup_steps):
            self.step()
        return statistics.median(_seconds(self.step) for _ in range(steps))


def measure_matmul_share(rounds: int, quick: bool) -> Results:
    """Compare the FLOP rate of a training step with that of a matrix product."""
    data = load_data("mnist")
    cases = {
        "MLP VAE, batch 128": (presets.vae_mnist(), 128),
        "MLP VAE, batch 512": (presets.vae_mnist(), 512),
        "conv GAN, batch 64": (presets.gan_mnist(), 64),
    }
    results: Results = {}
    for name, (config, batch_size) in cases.items():
        training = TrainingSteps(_with(config, batch_size=batch_size), data)
        with FlopCounter() as counter:
            training.step()
        shares, rate, seconds = [], 0.0, 0.0
        for _ in range(rounds):  # both in each round, since clock rates change
            rate = max(_matmul_rate(n) for n in (512, 1024, 2048))
            seconds = training.median_seconds()
            shares.append(counter.total / seconds / rate)
        results[name] = {
            "share": _spread(shares),
            "flops": counter.total,
            "matmul_gflops": round(rate / 1e9, 1),
            "step_ms": round(1000 * seconds, 2),
        }
    return results


class FlopCounter(TorchDispatchMode):
    """Counts FLOPs with torch's formulas.

    torch's own FlopCounterMode also tracks modules, which fails in the double backward of a
    gradient penalty.
    """

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        formula = flop_registry.get(func._overloadpacket)
        if formula is not None:
            self.total += formula(*args, **(kwargs or {}), out_val=output)
        return output


def measure_time_to_quality(rounds: int, quick: bool) -> Results:
    """Measure the seconds of training until a quality is reached; its measuring isn't counted."""
    classifier = load_classifier()
    requested = torch.arange(1000) % 10

    def adherence(model: LatentModel, data: Data) -> float:
        images = model.sample(len(requested), requested, seed=0)
        return float((classifier.predict(images) == requested).float().mean())

    def bound(model: LatentModel, data: Data) -> float:
        return elbo(model, data.validation.images[:1000], samples=1).elbo

    count = 1 if quick else 3
    return {
        "CGAN, share of 1,000 samples classified as the requested digit": _seconds_to_goals(
            presets.cgan_mnist(), adherence, ADHERENCE_GOALS[:count], 25, rounds
        ),
        "VAE, ELBO of 1,000 validation images of mnist-dynamic, nats": _seconds_to_goals(
            presets.vae_dynamic_mnist(), bound, ELBO_GOALS[:count], 100, rounds
        ),
    }


def _seconds_to_goals(
    config: Config,
    measure: Callable[[LatentModel, Data], float],
    goals: tuple[float, ...],
    interval: int,
    seeds: int,
) -> Results:
    """Return seconds and steps until each goal that every seed reaches.

    Arguments:
        config: What to train.
        measure: The quality of a model.
        goals: Qualities, ascending.
        interval: Steps between two measurements of the quality.
        seeds: The number of trainings.
    """
    data = load_data(config.train.data)
    runs = [
        _train_to_goals(_with(config, seed=seed), data, measure, goals, interval)
        for seed in range(seeds)
    ]
    return {
        str(goal): {
            "seconds": _spread([run[goal][0] for run in runs]),
            "steps": _spread([run[goal][1] for run in runs]),
        }
        for goal in goals
        if all(goal in run for run in runs)
    }


def _train_to_goals(
    config: Config,
    data: Data,
    measure: Callable[[LatentModel, Data], float],
    goals: tuple[float, ...],
    interval: int,
) -> dict[float, tuple[float, int]]:
    """Return the seconds of training and the steps until each goal."""
    training = TrainingSteps(config, data)
    reached: dict[float, tuple[float, int]] = {}
    seconds = 0.0
    for step in range(1, config.train.steps + 1):
        seconds += _seconds(training.step)
        if step % interval == 0:
            value = measure(training.state.ema_model(), data)
            for goal in goals:
                if value >= goal and goal not in reached:
                    reached[goal] = (seconds, step)
        if len(reached) == len(goals):
            break
    return reached


def measure_use(rounds: int, quick: bool) -> Results:
    """Measure the speed of sampling, and how long the first answer takes."""
    results: Results = {}
    data = load_data("mnist")
    for name in ("vae_mnist", "cgan_mnist"):
        model = TrainingSteps(presets.get(name), data).state.ema_model()
        times = [_seconds(lambda model=model: model.sample(10_000, seed=0)) for _ in range(rounds)]
        results[f"{name}: samples per second"] = _spread([10_000 / t for t in times])
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        config = _with(presets.cgan_mnist(), steps=2, snapshots=0)
        import latentarium as la

        la.train(config, run, data)
        first_sample = f"import latentarium as la; la.load({str(run)!r}).sample(1)"
        for name, command in {
            "latentarium --help, s": [sys.executable, "-m", "latentarium", "--help"],
            "load(run).sample(1) in a new process, s": [sys.executable, "-c", first_sample],
        }.items():
            times = [_seconds(lambda command=command: _call(command)) for _ in range(rounds + 2)]
            results[name] = _spread(times)
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
        step_ms, peak = json.loads(_call([sys.executable, "-c", code]).splitlines()[-1])
        name = f"{preset}, {n:,} images of {channels} x {side} x {side}, batch {batch_size}"
        results[name] = {"step_ms": round(step_ms, 2), "peak_mib": round(peak)}
    return results


PARTS: dict[str, Callable[[int, bool], Results]] = {
    "fits": measure_training_runs,
    "learning_curves": measure_learning_curves,
    "share_of_matmul": measure_matmul_share,
    "time_to_quality": measure_time_to_quality,
    "speed_of_use": measure_use,
    "growth": measure_growth,
}


def _with(config: Config, **settings: Any) -> Config:
    """Return a configuration with other training settings."""
    return dataclasses.replace(config, train=dataclasses.replace(config.train, **settings))


def _matmul_rate(n: int) -> float:
    """Return the FLOPs per second of a product of n x n matrices."""
    a, b, out = torch.randn(n, n), torch.randn(n, n), torch.empty(n, n)
    times = [_seconds(lambda: torch.mm(a, b, out=out)) for _ in range(12)]
    return 2 * n**3 / statistics.median(times)


def _seconds(function: Callable[[], object]) -> float:
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def _call(command: list[str]) -> str:
    """Run a command and return its output; exit with its errors if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command[:3])} failed:\n{done.stderr}")
    return done.stdout


def _spread(values: list[float]) -> Results:
    rounded = sorted(float(f"{v:.4g}") for v in values)
    return {"median": float(f"{statistics.median(values):.4g}"), "all": rounded}


def _load_of_others(seconds: float = 2.0) -> float:
    """Return the share of the processors that is in use while this process sleeps."""
    path = Path("/proc/stat")
    if not path.exists():
        return 0.0

    def read() -> list[int]:
        return [int(word) for word in path.read_text().split("\n")[0].split()[1:]]

    before = read()
    time.sleep(seconds)
    spent = [b - a for a, b in zip(before, read(), strict=True)]
    idle = spent[3] + spent[4]  # idle, and waiting for a disk
    return 1 - idle / max(1, sum(spent))


if __name__ == "__main__":
    main()
