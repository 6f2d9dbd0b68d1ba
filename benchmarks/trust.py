"""Measure the rule of trust: how often bad images are flagged, and how often real ones.

    python benchmarks/trust.py                                   # MNIST, Fashion-MNIST
    python benchmarks/trust.py --data emoji64.zip --data FOLDER  # and other sets
    python benchmarks/trust.py --data mnist --pictures FOLDER    # and pictures of one's own

The rule is calibrated on validation images and measured on test images. There are 40 kinds of bad
images, 20 of which the rule was developed with; see `trust_images.py`. Six kinds are samples of a
GAN and of a VAE stopped after 20, 100 and 400 steps, if an independent classifier (a forest on
pixels) gives no class half of the probability. An image is flagged if its level is below 0.01;
"unknown" images count as not flagged. Results in benchmarks/results/trust.json, and the table in
docs/measuring.md.
"""

import argparse
import json
import re
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.ensemble import ExtraTreesClassifier
from trust_images import DEVELOPMENT, DEVELOPMENT_STEPS, UNSEEN, UNSEEN_STEPS

import latentarium as la
from latentarium import presets
from latentarium.classifier.classifier import Classifier
from latentarium.classifier.lookup import classifier_for
from latentarium.data.dataset import Data, Split, to_uint8
from latentarium.latent.calibration import OFF_LEVEL
from latentarium.latent.realism import RealismScorer
from latentarium.machine import describe_machine, versions
from latentarium.progress import reported_parts
from latentarium.stats.intervals import wilson

ROOT = Path(__file__).parent.parent
OUT = ROOT / "benchmarks" / "results" / "trust.json"
PAGE = ROOT / "docs" / "measuring.md"
BLOCK = re.compile(r"(<!-- trust:begin -->\n).*?(<!-- trust:end -->)", re.DOTALL)
N_REAL, N_BAD, N_FOREST = 2000, 100, 10_000
SEED = 0


def main() -> None:
    """Measure, and store the results and the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", action="append", help="a source that load_data accepts")
    parser.add_argument("--pictures", help="pictures to score with the rule of the first set")
    parser.add_argument("--development", action="store_true", help="leave the unseen kinds out")
    parser.add_argument("--without-classifier", action="store_true", help="as if without labels")
    parser.add_argument("--classifier-steps", type=int, help="fewer steps for a quick check")
    parser.add_argument("--out", type=Path, default=OUT, help="file of the results")
    parser.add_argument("--table", action="store_true", help="only write the table into the docs")
    options = parser.parse_args()
    if options.table:
        write_table(json.loads(options.out.read_text()))
        return
    torch.set_num_threads(1)
    results: dict[str, Any] = (
        json.loads(options.out.read_text()) if options.out.is_file() else {"sets": {}}
    )
    results |= {"machine": describe_machine(), "versions": versions()}
    for number, source in enumerate(options.data or ["mnist", "fashion-mnist"]):
        data = la.load_data(source)
        scorer, seconds = make_scorer(
            data, None if options.without_classifier else options.classifier_steps or 0
        )
        if options.pictures and number == 0:
            show_pictures(scorer, options.pictures, data)
            continue
        name = Path(data.card.source).stem + (", no labels" * options.without_classifier)
        results["sets"][name] = measure(data, scorer, unseen=not options.development) | {
            "seconds_to_calibrate": round(seconds, 1)
        }
        options.out.write_text(json.dumps(results, indent=2) + "\n")
        show(name, results["sets"][name])


def make_scorer(data: Data, steps: int | None) -> tuple[RealismScorer, float]:
    """Return the scorer, and the seconds that it took apart from training its classifier.

    Arguments:
        data: The images.
        steps: Training steps of the classifier; 0 for those of `classifier_for`, None for no
            classifier.
    """
    classifier = None
    if steps is not None and data.card.classes:
        classifier = classifier_for(data, steps=steps or None, progress=print)
    start = time.perf_counter()
    with reported_parts("train the network") as report:
        scorer = RealismScorer(data, classifier, progress=report)
    _ = scorer.calibration
    return scorer, time.perf_counter() - start


def measure(data: Data, scorer: RealismScorer, *, unseen: bool) -> dict[str, Any]:
    """Return the shares of flagged and unknown images for real images and each kind."""
    order = np.random.default_rng(SEED).permutation(len(data.test))
    real = data.test.images[torch.from_numpy(order)]
    sharp = sorted_by_class(data.test, order[:N_BAD]).numpy() / 255
    groups = {"development": DEVELOPMENT} | ({"unseen": UNSEEN} if unseen else {})
    kinds: dict[str, Any] = {}
    for group, makers in groups.items():
        for number, (name, make) in enumerate(makers.items()):
            rng = np.random.default_rng([SEED, number, len(group)])
            bad = (np.clip(make(sharp, rng), 0, 1) * 255).round().astype(np.uint8)
            kinds[name] = {"group": group, **score(scorer, torch.from_numpy(np.array(bad)))}
    for name, images in stopped_models(data, UNSEEN_STEPS if unseen else ()).items():
        group = "development" if f" {DEVELOPMENT_STEPS[0]} " in name else "unseen"
        kinds[name] = {"group": group, **score(scorer, images)}
    start = time.perf_counter()
    for image in real[:50]:
        scorer.score(image[None])
    milliseconds = 20 * (time.perf_counter() - start)
    known = scorer.classifier
    return {
        "classifier": known.metadata if isinstance(known, Classifier) else None,
        "n_validation": len(scorer.held_out),
        "can_tell": scorer.can_tell,
        "controls_flagged": scorer.controls_flagged,
        "milliseconds_per_image": round(milliseconds, 1),
        "real": score(scorer, real[:N_REAL]),
        "pooled": {
            group: pooled([kind for kind in kinds.values() if group in ("all", kind["group"])])
            for group in ("all", *groups)
        },
        "kinds": kinds,
    }


def sorted_by_class(split: Split, numbers: np.ndarray) -> torch.Tensor:
    """Return images in the order of their classes, so that half of them away is another class."""
    chosen = torch.from_numpy(numbers)
    if split.labels is not None:
        chosen = chosen[split.labels[chosen].argsort(stable=True)]
    return split.images[chosen]


def score(scorer: RealismScorer, images: torch.Tensor) -> dict[str, Any]:
    """Return how many images are flagged and how many are unknown."""
    levels = scorer.calibration.judge(scorer.score(images))
    flagged = int((levels < OFF_LEVEL).sum())
    low, high = wilson(flagged, len(images))
    return {
        "n": len(images),
        "flagged": flagged / len(images),
        "interval": [round(low, 4), round(high, 4)],
        "unknown": int(levels.isnan().sum()) / len(images),
    }


def pooled(kinds: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the means over kinds, which have equal weights."""
    shares = {key: float(np.mean([kind[key] for kind in kinds])) for key in ("flagged", "unknown")}
    return {"kinds": len(kinds), **{key: round(share, 4) for key, share in shares.items()}}


def stopped_models(data: Data, later: tuple[int, ...]) -> dict[str, torch.Tensor]:
    """Return samples of stopped trainings that the forest can't classify.

    There are none without labels.
    """
    if not data.card.classes:
        return {}
    forest = train_forest(data)
    samples = {}
    preset = {"GAN": "gan", "VAE": "vae"}
    size = "mnist" if data.card.image_shape == (1, 28, 28) else "images"
    with tempfile.TemporaryDirectory() as folder:
        for title, family in preset.items():
            config = presets.get(f"{family}_{size}")
            for steps in (*DEVELOPMENT_STEPS, *later):
                train = replace(config.train, steps=steps, seed=SEED)
                run = la.train(replace(config, train=train), f"{folder}/{family}", data)
                drawn = to_uint8(run.load().sample(8 * N_BAD, seed=SEED))
                unsure = np.asarray(forest.predict_proba(shrunk(drawn))).max(1) < 0.5
                chosen = drawn[torch.from_numpy(unsure)][:N_BAD]
                if len(chosen):
                    samples[f"{title} stopped after {steps} steps"] = chosen
    return samples


def train_forest(data: Data) -> ExtraTreesClassifier:
    """Return a classifier that has nothing in common with the package's."""
    order = np.random.default_rng(SEED).permutation(len(data.train))[:N_FOREST]
    assert data.train.labels is not None
    forest = ExtraTreesClassifier(200, random_state=SEED)
    return forest.fit(shrunk(data.train.images[order]), data.train.labels[order].numpy())


def shrunk(images: torch.Tensor) -> np.ndarray:
    """Return the pixels of images at 16 x 16."""
    small = torch.nn.functional.adaptive_avg_pool2d(images.float(), 16)
    return small.flatten(1).numpy()


def show_pictures(scorer: RealismScorer, source: str, data: Data) -> None:
    """Print the level of each picture of a folder."""
    channels, height, _ = data.card.image_shape
    pictures = la.load_data(source, size=height)
    for name, split in pictures.splits().items():
        if split.images.shape[1] != channels:
            raise SystemExit(f"{source} has other channels than {data.card.source}.")
        for number, level in enumerate(scorer.calibration.judge(scorer.score(split.images))):
            verdict = "unknown" if level.isnan() else "flagged" if level < OFF_LEVEL else "real"
            sys.stdout.write(f"{name} {number}: {verdict} (level {float(level):.3f})\n")


def show(name: str, result: dict[str, Any]) -> None:
    """Print a result."""
    lines = [f"{name}: real {result['real']}, pooled {result['pooled']}"]
    lines += [f"  {kind:36s} {of['flagged']:.3f} {of['group']}" for kind, of in
              result["kinds"].items()]  # fmt: skip
    sys.stdout.write("\n".join(lines) + "\n")


def write_table(results: dict[str, Any]) -> None:
    """Write the table into the page."""
    sets = results["sets"]
    rows = ["| images | " + " | ".join(sets) + " |", "|---|" + "---|" * len(sets)]
    rows.append(row("real test images", [s["real"] for s in sets.values()]))
    for group, title in (
        ("all", "**bad, all kinds**"),
        ("development", "kinds used for development"),
        ("unseen", "unseen kinds"),
    ):
        rows.append(row(title, [s["pooled"].get(group) for s in sets.values()]))
    for kind in dict.fromkeys(kind for s in sets.values() for kind in s["kinds"]):
        groups = {s["kinds"][kind]["group"] for s in sets.values() if kind in s["kinds"]}
        mark = " (unseen)" if groups == {"unseen"} else ""
        rows.append(row(kind + mark, [s["kinds"].get(kind) for s in sets.values()]))
    text = BLOCK.sub(lambda m: m[1] + "\n".join(rows) + "\n" + m[2], PAGE.read_text())
    PAGE.write_text(text)


def row(title: str, cells: list[dict[str, Any] | None]) -> str:
    """Return a row: the share flagged in percent, and the share unknown if there is any."""

    def cell(of: dict[str, Any] | None) -> str:
        if of is None:
            return "–"
        unknown = f" ({100 * of['unknown']:.0f} unknown)" if of["unknown"] else ""
        return f"{100 * of['flagged']:.1f}{unknown}"

    return f"| {title} | " + " | ".join(map(cell, cells)) + " |"


if __name__ == "__main__":
    main()
