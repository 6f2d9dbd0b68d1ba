"""Trains a judge on real images: its own short loop, as a judge is no latent-variable model."""

import argparse
import copy
import math
import platform
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import latentarium
from latentarium.classifier.classifier import Judge, save_judge
from latentarium.data.batches import Batches
from latentarium.data.dataset import Data
from latentarium.data.sources import load_data
from latentarium.errors import UserError
from latentarium.memory import keep_freed_memory
from latentarium.rng import Noise, derive_seed
from latentarium.shapes import Images
from latentarium.stats.intervals import wilson

ROTATION = math.radians(12)
ZOOM = 0.12
SHIFT = 0.08


def train_judge(
    data: Data,
    *,
    seed: int = 0,
    steps: int = 8600,
    batch_size: int = 128,
    learning_rate: float = 3e-3,
    checks: int = 20,
    device: torch.device | str = "cpu",
    progress: Callable[[str], object] | None = None,
) -> Judge:
    """Trains on the train split, keeps the weights that are best on validation, and scores them
    once on test.

    Arguments:
        data: Labelled images of at least two classes.
        seed: Everything random is a function of it and of the step.
        steps: Batches seen; the default is 20 passes over MNIST.
        batch_size: Images in a batch, at most those that there are.
        learning_rate: The highest of a one-cycle schedule for Adam (Smith and Topin, 2018).
        checks: How many times the validation split is looked at, evenly spaced.
        device: Where to train; the judge returned is on the CPU.
        progress: Takes one line of text at each check.

    Raises:
        UserError: No labels, one class only, or the loss is no longer finite.
    """
    keep_freed_memory()
    card, start = data.card, time.perf_counter()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed("judge", seed))
        judge = Judge(card.image_shape, card.classes, source=card.source).to(device)
    batch_size = min(batch_size, len(data.train))
    losses = _losses(judge, data, seed, steps, batch_size, learning_rate)
    best, best_state = -1, judge.state_dict()
    marks = {steps * (i + 1) // checks for i in range(checks)}
    for step, loss in enumerate(losses, 1):
        if step not in marks:
            continue
        if not torch.isfinite(loss):
            raise UserError(
                f"The judge's loss is not finite at step {step}: give a smaller learning_rate."
            )
        right = judge.correct(data.validation)
        if right >= best:
            best, best_state = right, copy.deepcopy(judge.state_dict())
        if progress:
            spent = time.perf_counter() - start
            progress(
                f"step {step}/{steps}  loss {loss.item():.4f}  validation "
                f"{right / len(data.validation):.2%}  {spent:.0f} s, "
                f"{spent / step * (steps - step):.0f} s left"
            )
    judge.load_state_dict(best_state)
    judge = judge.cpu().eval().requires_grad_(False)
    right, n = judge.correct(data.test), len(data.test)
    judge.record = {
        "accuracy": right / n,
        "interval": list(wilson(right, n)),
        "protocol": "share of the test split judged rightly; 95 % Wilson interval; the weights "
        "were chosen on the validation split",
        "correct": right,
        "n": n,
        "split": "test",
        "validation_accuracy": best / len(data.validation),
        "data": {"source": card.source, "fingerprint": card.fingerprint},
        "seed": seed,
        "training": {
            "steps": steps,
            "batch_size": batch_size,
            "learning_rate": learning_rate,
            "rotation_degrees": round(math.degrees(ROTATION), 6),
            "zoom": ZOOM,
            "shift": SHIFT,
        },
        "seconds": round(time.perf_counter() - start, 1),
        **_machine(),
    }
    return judge


def _losses(
    judge: Judge, data: Data, seed: int, steps: int, batch_size: int, learning_rate: float
) -> Iterator[Tensor]:
    """Trains as it is asked for the loss of a step."""
    device = judge.head.weight.device
    batches = Batches(data.train, batch_size, derive_seed("judge", seed), device)
    optimizer = torch.optim.Adam(judge.parameters(), lr=learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, learning_rate, total_steps=steps, pct_start=0.15
    )
    judge.train()
    for step in range(1, steps + 1):
        batch = batches.draw(step - 1)
        x = augment(batch.x, Noise("judge", seed, step, device=device))
        assert batch.y is not None  # the judge found classes
        loss = nn.functional.cross_entropy(judge(x), batch.y)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        yield loss


def _machine() -> dict[str, Any]:
    """On and with what a judge was trained."""
    return {
        "threads": torch.get_num_threads(),
        "versions": {
            "python": platform.python_version(),
            "torch": str(torch.__version__),
            "latentarium": latentarium.__version__,
        },
    }


def augment(x: Images, noise: Noise) -> Images:
    """Turns, zooms and shifts each image a little, its border continued outwards.

    Nothing is mirrored: a mirrored 2 is no 2.
    """
    count, _, height, width = x.shape
    draw = noise.uniform(count, 4) * 2 - 1
    angle, zoom = draw[:, 0] * ROTATION, 1 + draw[:, 1] * ZOOM
    shift = draw[:, 2:] * 2 * SHIFT  # the axes run from -1 to 1
    cos, sin = zoom * angle.cos(), zoom * angle.sin()
    # in pixels it is a rotation; the axes are scaled to -1..1, so the aspect enters
    rows = [cos, -sin * height / width, shift[:, 0], sin * width / height, cos, shift[:, 1]]
    grid = nn.functional.affine_grid(
        torch.stack(rows, 1).view(count, 2, 3), list(x.shape), align_corners=False
    )
    return nn.functional.grid_sample(x, grid, padding_mode="border", align_corners=False)


def main(arguments: list[str] | None = None) -> None:
    """Trains and saves a judge from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m latentarium.classifier",
        description="Trains a judge on real images.",
    )
    parser.add_argument("--data", default="mnist", help="what load_data takes")
    parser.add_argument("--out", type=Path, required=True, help="folder for the judge")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=8600, help="batches of 128")
    parser.add_argument("--threads", type=int, default=0, help="0: as many as torch takes")
    options = parser.parse_args(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)

    def say(line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    try:
        data = load_data(options.data)
        judge = train_judge(data, seed=options.seed, steps=options.steps, progress=say)
        save_judge(judge, options.out)
    except UserError as error:
        parser.exit(2, f"{error}\n")
    low, high = judge.record["interval"]
    say(
        f"{judge.name} is right on {judge.accuracy:.2%} of {judge.record['n']:,} test images "
        f"(95 % interval {low:.2%} to {high:.2%}); saved in {options.out}."
    )
