"""Train the evaluation classifier.

It has its own training loop, since it is not a latent-variable model.
"""

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
from latentarium.classifier.classifier import Classifier, save_classifier
from latentarium.data.batches import Batches
from latentarium.data.class_counts import without_unseen_classes
from latentarium.data.dataset import Data
from latentarium.data.sources import load_data
from latentarium.errors import NonFiniteError, UserError
from latentarium.memory import keeping_freed_memory
from latentarium.optimizers import Adam
from latentarium.rng import Noise, derive_seed
from latentarium.shapes import Images
from latentarium.stats.intervals import wilson

MAX_ROTATION = math.radians(12)
MAX_ZOOM = 0.12
MAX_SHIFT = 0.08
"""Largest shift, as a share of the image's width or height."""
STREAM = "judge"
"""Name of the random streams. A different name would give different weights for a seed."""


@keeping_freed_memory()
def train_classifier(
    data: Data,
    *,
    seed: int = 0,
    steps: int = 8600,
    batch_size: int = 128,
    learning_rate: float = 3e-3,
    checks: int = 20,
    device: torch.device | str = "cpu",
    progress: Callable[[str], object] | None = None,
) -> Classifier:
    """Train a classifier on the training split, select the weights with the best accuracy on the
    validation split, and measure their accuracy once on the test split.

    Validation and test images of classes without training images are not used.

    Arguments:
        data: Labelled images of at least two classes.
        seed: The seed; all random numbers are functions of the seed and the step.
        steps: Number of batches; the default is 20 passes over MNIST.
        batch_size: Images per batch, at most the size of the training split.
        learning_rate: Peak of a one-cycle schedule for Adam (Smith and Topin, 2018).
        checks: Number of evaluations on the validation split, evenly spaced.
        device: Where to train; the classifier is returned on the CPU.
        progress: Called with one line of text at each check.

    Raises:
        UserError: Fewer than two classes ("too-few-classes"), or no validation or test images of
            classes with training images ("too-few-images").
        NonFiniteError: The loss is not finite.
    """
    card, start = data.card, time.perf_counter()
    data = without_unseen_classes(data)
    if not len(data.validation) or not len(data.test):
        raise UserError(
            f"{card.source} has no validation or test images of the classes that have training "
            "images: give images of the same classes in all splits.",
            code="too-few-images",
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(STREAM, seed))
        classifier = Classifier(card.image_shape, card.classes, source=card.source).to(device)
    batch_size = min(batch_size, len(data.train))
    losses = _losses(classifier, data, seed, steps, batch_size, learning_rate)
    best, best_state = -1, classifier.state_dict()
    check_steps = {steps * (i + 1) // checks for i in range(checks)}
    for step, loss in enumerate(losses, 1):
        if step not in check_steps:
            continue
        if not torch.isfinite(loss):
            raise NonFiniteError(
                f"The classifier's loss is not finite at step {step}", "lower learning_rate"
            )
        correct = classifier.count_correct(data.validation)
        if correct >= best:
            best, best_state = correct, copy.deepcopy(classifier.state_dict())
        if progress:
            elapsed = time.perf_counter() - start
            progress(
                f"step {step}/{steps}  loss {loss.item():.4f}  validation "
                f"{correct / len(data.validation):.2%}  {elapsed:.0f} s, "
                f"{elapsed / step * (steps - step):.0f} s left"
            )
    classifier.load_state_dict(best_state)
    classifier = classifier.cpu().eval().requires_grad_(False)
    correct, n = classifier.count_correct(data.test), len(data.test)
    classifier.metadata = {
        "accuracy": correct / n,
        "interval": list(wilson(correct, n)),
        "protocol": "accuracy on the test split; 95 % Wilson interval; weights chosen on the "
        "validation split",
        "correct": correct,
        "n": n,
        "split": "test",
        "validation_accuracy": best / len(data.validation),
        "data": {"source": card.source, "fingerprint": card.fingerprint},
        "seed": seed,
        "training": {
            "steps": steps,
            "batch_size": batch_size,
            "learning_rate": learning_rate,
            "rotation_degrees": round(math.degrees(MAX_ROTATION), 6),
            "zoom": MAX_ZOOM,
            "shift": MAX_SHIFT,
        },
        "seconds": round(time.perf_counter() - start, 1),
        **_environment(),
    }
    return classifier


def _losses(
    classifier: Classifier,
    data: Data,
    seed: int,
    steps: int,
    batch_size: int,
    learning_rate: float,
) -> Iterator[Tensor]:
    """Yield the loss of each step; a step is trained when its loss is requested."""
    device = classifier.head.weight.device
    batches = Batches(data.train, batch_size, derive_seed(STREAM, seed), device)
    optimizer = Adam(classifier.parameters(), lr=learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, learning_rate, total_steps=steps, pct_start=0.15
    )
    classifier.train()
    for step in range(1, steps + 1):
        batch = batches.draw(step - 1)
        x = augment(batch.x, Noise(STREAM, seed, step, device=device))
        assert batch.y is not None  # Classifier has checked that there are classes
        loss = nn.functional.cross_entropy(classifier(x), batch.y)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        yield loss


def _environment() -> dict[str, Any]:
    """Return the number of threads and the versions used for training."""
    return {
        "threads": torch.get_num_threads(),
        "versions": {
            "python": platform.python_version(),
            "torch": str(torch.__version__),
            "latentarium": latentarium.__version__,
        },
    }


def augment(x: Images, noise: Noise) -> Images:
    """Rotate, zoom and shift each image by a small random amount. Border pixels are repeated
    outside the image.

    Images are not mirrored, since a mirrored digit or letter may look like a different one, or
    like none.
    """
    count, _, height, width = x.shape
    draw = noise.uniform(count, 4) * 2 - 1
    angle, zoom = draw[:, 0] * MAX_ROTATION, 1 + draw[:, 1] * MAX_ZOOM
    shift = draw[:, 2:] * 2 * MAX_SHIFT  # the axes have length 2, from -1 to 1
    cos, sin = zoom * angle.cos(), zoom * angle.sin()
    # a rotation in pixels; in coordinates from -1 to 1 it depends on the aspect ratio
    rows = [cos, -sin * height / width, shift[:, 0], sin * width / height, cos, shift[:, 1]]
    grid = nn.functional.affine_grid(
        torch.stack(rows, 1).view(count, 2, 3), list(x.shape), align_corners=False
    )
    return nn.functional.grid_sample(x, grid, padding_mode="border", align_corners=False)


def main(arguments: list[str] | None = None) -> None:
    """Train and save a classifier from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m latentarium.classifier",
        description="Train an evaluation classifier on real images.",
    )
    parser.add_argument("--data", default="mnist", help="a source that load_data accepts")
    parser.add_argument("--out", type=Path, required=True, help="output folder")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=8600, help="number of batches of 128 images")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0: torch's default")
    options = parser.parse_args(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)

    def print_line(line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    try:
        data = load_data(options.data)
        classifier = train_classifier(
            data, seed=options.seed, steps=options.steps, progress=print_line
        )
        save_classifier(classifier, options.out)
    except UserError as error:
        parser.exit(2, f"{error}\n")
    low, high = classifier.metadata["interval"]
    print_line(
        f"{classifier.name}: accuracy {classifier.accuracy:.2%} on "
        f"{classifier.metadata['n']:,} test images (95 % interval {low:.2%} to {high:.2%}); "
        f"saved in {options.out}."
    )
