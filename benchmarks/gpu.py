"""Measure the presets on a GPU: `python benchmarks/gpu.py`. Results in results/gpu.json.

steps        milliseconds of a step (median) on the GPU and on the CPU, in float32 and bfloat16, at
             the preset's batch size and at eight times that
trained      the four systems of the tour, trained completely on the GPU: seconds and quality; the
             quality is measured on the CPU
resumed      a run that was stopped by SIGTERM on the GPU and resumed there
evaluated    the evaluation of the same model on the GPU and on the CPU
"""

import argparse
import dataclasses
import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

import latentarium as la
from latentarium import presets
from latentarium.classifier.classifier import load_classifier
from latentarium.config import Config
from latentarium.data.dataset import Data, to_float
from latentarium.machine import describe_machine, versions
from latentarium.models.base import LatentModel
from latentarium.models.inference import reconstruct
from latentarium.run import Run
from latentarium.training import estimate

OUT = Path(__file__).parent / "results" / "gpu.json"
SYSTEMS = ("ae_mnist", "vae_mnist", "gan_mnist", "cgan_mnist")

Results = dict[str, Any]


def main() -> None:
    """Run all measurements; print and store the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda", help="cpu checks that the script works")
    parser.add_argument("--quick", action="store_true", help="debug presets and fewer samples")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    device = options.device
    names = [name.replace("mnist", "debug") for name in SYSTEMS] if options.quick else SYSTEMS
    card = torch.cuda.get_device_name() if device == "cuda" else "none"
    results: Results = {"card": card, "machine": describe_machine(), "versions": versions()}
    data = la.load_data("mnist")
    results["steps"] = {name: measure_steps(name, data, device) for name in names}
    store(results, options.out)
    with tempfile.TemporaryDirectory() as folder:
        runs = Path(folder)
        results["trained"] = {
            name: train_completely(name, data, device, runs / name) for name in names
        }
        store(results, options.out)
        results["resumed"] = stop_and_resume(names[-1], device, runs / "stopped")
        store(results, options.out)
        n = 200 if options.quick else 5000
        results["evaluated"] = {
            name: compare_evaluations(la.load(runs / name), data, device, n) for name in names
        }
    store(results, options.out)


def store(results: Results, out: Path) -> None:
    """Print and write the results so far, since a later part may fail."""
    out.write_text(json.dumps(results, indent=2) + "\n")
    sys.stdout.write(json.dumps(results) + "\n")
    sys.stdout.flush()


def with_settings(config: Config, **settings: object) -> Config:
    """Return a configuration with other training settings."""
    return dataclasses.replace(config, train=dataclasses.replace(config.train, **settings))


def measure_steps(name: str, data: Data, device: str) -> dict[str, float]:
    """Return the milliseconds of a step by device, precision and batch size."""
    config = presets.get(name)
    size = config.train.batch_size
    milliseconds: dict[str, float] = {}
    for batch_size in (size, 8 * size):
        for place, precision in ((device, "float32"), (device, "bfloat16"), ("cpu", "float32")):
            changed = with_settings(
                config, device=place, precision=precision, batch_size=batch_size
            )
            seconds = estimate(changed, data).step_seconds
            milliseconds[f"{place} {precision} {batch_size}"] = round(1000 * seconds, 3)
    return milliseconds


def train_completely(name: str, data: Data, device: str, folder: Path) -> dict[str, float]:
    """Train a preset, and return the seconds and the quality."""
    started = time.perf_counter()
    run = la.train(with_settings(presets.get(name), device=device), folder, data)
    return {"seconds": round(time.perf_counter() - started, 1), **quality(run.load(), data)}


def quality(model: LatentModel, data: Data) -> dict[str, float]:
    """Return the test error of a model with an encoder, the adherence to labels of one that takes
    labels, and the share of the rarest digit of any other."""
    if model.has_encoder:
        error = to_float(data.test.images) - reconstruct(model, data.test)
        return {"test_error_per_pixel": round(float(error.square().mean()) / 4, 5)}
    requested = torch.arange(2000) % 10
    images = model.sample(2000, requested if model.takes_label else None)
    predicted = load_classifier().predict(images)
    if model.takes_label:
        return {"adherence": round(float((predicted == requested).float().mean()), 4)}
    counts = predicted.bincount(minlength=10)
    return {"rarest_digit": round(int(counts.min()) / 2000, 4)}


def stop_and_resume(name: str, device: str, folder: Path) -> dict[str, object]:
    """Stop a training of the command line after its first log row, and resume it."""
    command = [
        sys.executable, "-m", "latentarium", "train", name, "--run", str(folder),
        "--train.device", device, "--train.steps", "400", "--train.log-every", "10",
    ]  # fmt: skip
    first = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and first.poll() is None:
        if (folder / "log.jsonl").exists() and Run(folder).log():
            break
        time.sleep(0.02)
    first.send_signal(signal.SIGTERM)
    output, _ = first.communicate(timeout=60)
    checkpoint = Run(folder).latest_checkpoint()
    second = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    return {
        "stopped_with": first.returncode,
        "stopped_at_step": checkpoint.step if checkpoint else None,
        "resumed_with": second.returncode,
        "last_step": Run(folder).log()[-1]["step"],
        "output": (output + second.stderr)[-300:] if second.returncode else "",
    }


def compare_evaluations(model: LatentModel, data: Data, device: str, n: int) -> dict[str, object]:
    """Evaluate on both devices, and return the largest difference relative to the CPU's value."""
    reports, seconds = {}, {}
    for place in (device, "cpu"):
        started = time.perf_counter()
        reports[place] = la.evaluate(model.to(place), data, n=n)
        seconds[place] = round(time.perf_counter() - started, 1)
    differences = {
        key: abs(reports[device][key].value - m.value) / max(abs(m.value), 1e-6)
        for key, m in reports["cpu"].measurements.items()
    }
    worst = max(differences, key=lambda key: differences[key])
    return {
        "n": n,
        f"{device}_seconds": seconds[device],
        "cpu_seconds": seconds["cpu"],
        "numbers": len(differences),
        "largest_relative_difference": round(differences[worst], 5),
        "of": worst,
    }


if __name__ == "__main__":
    main()
