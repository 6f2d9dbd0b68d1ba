"""What the presets do on a GPU: `python benchmarks/gpu.py`. Results in results/gpu.json.

steps        milliseconds of a step (medians), on the GPU and on this machine's CPU, in float32
             and in bfloat16, at the preset's batch and at eight times that
trained      the four systems of the tour trained whole on the GPU: seconds, and how good they
             are; their weights are loaded on the CPU, as anybody would
resumed      a run that SIGTERM stopped on the GPU, gone on with there
evaluated    the metric suite on the GPU and on the CPU, of the same model
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


def main() -> None:
    """Measures all, prints it, and writes it down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda", help="cpu: to see that the script works")
    parser.add_argument("--quick", action="store_true", help="debug presets, a hundredth of n")
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    names = [name.replace("mnist", "debug") for name in SYSTEMS] if given.quick else SYSTEMS
    card = torch.cuda.get_device_name() if given.device == "cuda" else "none"
    found: dict[str, Any] = {"card": card, "machine": describe_machine(), "versions": versions()}
    data = la.load_data("mnist")
    found["steps"] = {name: steps(name, data, given.device) for name in names}
    write(found, given.out)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        found["trained"] = {name: trained(name, data, given.device, place) for name in names}
        write(found, given.out)
        found["resumed"] = resumed(names[-1], given.device, place)
        write(found, given.out)
        n = 200 if given.quick else 5000
        found["evaluated"] = {
            name: evaluated(la.load(place / name), data, given.device, n) for name in names
        }
    write(found, given.out)


def write(found: dict[str, Any], out: Path) -> None:
    """What is known so far: a later part may fail."""
    out.write_text(json.dumps(found, indent=2) + "\n")
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()


def on(config: Config, **settings: object) -> Config:
    """The configuration with other settings of its training."""
    return dataclasses.replace(config, train=dataclasses.replace(config.train, **settings))


def steps(name: str, data: Data, device: str) -> dict[str, float]:
    """Milliseconds of a step."""
    config = presets.get(name)
    size = config.train.batch_size
    found: dict[str, float] = {}
    for batch in (size, 8 * size):
        for where, precision in ((device, "float32"), (device, "bfloat16"), ("cpu", "float32")):
            there = on(config, device=where, precision=precision, batch_size=batch)
            seconds = estimate(there, data).step_seconds
            found[f"{where} {precision} {batch}"] = round(1000 * seconds, 3)
    return found


def trained(name: str, data: Data, device: str, place: Path) -> dict[str, float]:
    """A whole training, and how good it is."""
    config = on(presets.get(name), device=device)
    began = time.perf_counter()
    run = la.train(config, place / name, data)
    return {"seconds": round(time.perf_counter() - began, 1), **quality(run.load(), data)}


def quality(model: LatentModel, data: Data) -> dict[str, float]:
    """Of an autoencoder: its test error; of a GAN: the rarest digit; of a CGAN: as asked."""
    if model.config.family == "autoencoder":
        error = to_float(data.test.images) - reconstruct(model, data.test)
        return {"test_error_per_pixel": round(float(error.square().mean()) / 4, 5)}
    asked = torch.arange(2000) % 10
    judged = load_classifier().predict(model.sample(2000, asked if model.takes_label else None))
    if model.takes_label:
        return {"as_asked": round(float((judged == asked).float().mean()), 4)}
    counts = judged.bincount(minlength=10)
    return {"rarest_digit": round(int(counts.min()) / 2000, 4)}


def resumed(name: str, device: str, place: Path) -> dict[str, object]:
    """Stops a training of the command line in its middle, and goes on with it."""
    folder = place / "stopped"
    command = [
        sys.executable, "-m", "latentarium", "train", name, "--run", str(folder),
        "--train.device", device, "--train.steps", "400", "--train.log-every", "10",
    ]  # fmt: skip
    first = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    end = time.monotonic() + 120
    while time.monotonic() < end and first.poll() is None:
        if (folder / "log.jsonl").exists() and Run(folder).log():
            break
        time.sleep(0.02)
    first.send_signal(signal.SIGTERM)
    said, _ = first.communicate(timeout=60)
    checkpoint = Run(folder).latest_checkpoint()
    again = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    return {
        "stopped_with": first.returncode,
        "stopped_at_step": checkpoint.step if checkpoint else None,
        "resumed_with": again.returncode,
        "last_step": Run(folder).log()[-1]["step"],
        "said": (said + again.stderr)[-300:] if again.returncode else "",
    }


def evaluated(model: LatentModel, data: Data, device: str, n: int) -> dict[str, object]:
    """The suite on both, and the largest difference of a number, relative to the CPU's."""
    found = {}
    for where in (device, "cpu"):
        began = time.perf_counter()
        report = la.evaluate(model.to(where), data, n=n)
        found[where] = report, round(time.perf_counter() - began, 1)
    (here, fast), (there, slow) = found[device], found["cpu"]
    differences = {
        key: abs(here[key].value - value.value) / max(abs(value.value), 1e-6)
        for key, value in there.measurements.items()
    }
    worst = max(differences, key=lambda key: differences[key])
    return {
        "n": n, f"{device}_seconds": fast, "cpu_seconds": slow, "numbers": len(differences),
        "largest_relative_difference": round(differences[worst], 5), "of": worst,
    }  # fmt: skip


if __name__ == "__main__":
    main()
