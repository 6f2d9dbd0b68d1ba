"""Evaluates a run: finds its data and its extractor, measures, and keeps the report beside it."""

import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal

from latentarium.classifier.classifier import Judge
from latentarium.data.dataset import Data
from latentarium.data.sources import load_data
from latentarium.errors import UserError
from latentarium.evaluation.duality_gap import exploitability
from latentarium.evaluation.evaluate import can_be_judged, evaluate, sections_of
from latentarium.evaluation.report import Report
from latentarium.machine import describe_machine, versions
from latentarium.metrics.extractors import Extractor, PixelPCA, RandomConvolutions, judge_for
from latentarium.metrics.inception import Inception
from latentarium.progress import ConsoleProgress
from latentarium.run import Run

MOMENTS = 12
"""At which a game is measured, at most: they lie evenly in log(step)."""
RESPONSE_STEPS, RESPONSE_RATE, BATCHES = 50, 1e-3, 10
"""Of the best responses: their moves, the largest of their learning rates, and the held-out
batches that they are measured on. Half a tour's, so that a moment takes seconds."""


def evaluate_run(
    folder: str | Path,
    *,
    data: str | None = None,
    n: int = 10_000,
    seed: int = 0,
    extractor: Literal["auto", "judge", "random", "pca"] = "auto",
    inception_weights: Path | None = None,
    nll_samples: int = 500,
    shown: ConsoleProgress,
) -> Report:
    """Measures all that fits the run's model, and writes metrics.json into the folder.

    Arguments:
        folder: A run whose training has ended.
        data: Real images; None: those that it was trained on.
        n, seed, nll_samples: As for `metrics.evaluate.evaluate`.
        extractor: auto: the judge where there are labels, else random convolutions.
        inception_weights: Weights of Inception, which then is the extractor.
        shown: Where progress goes.

    Raises:
        UserError: The run has no weights yet, or the data are not of its kind.
    """
    run = Run(folder)
    model = run.load()
    real = data_of(run, data)
    judge = judge_for(real, progress=shown.print) if can_be_judged(real) else None
    chosen = _extractor(extractor, inception_weights, real, judge)
    bar = shown.task(str(folder), len(sections_of(model, real, judge is not None)))
    report = evaluate(
        model,
        real,
        judge=judge,
        extractor=chosen,
        n=n,
        seed=seed,
        nll_samples=nll_samples,
        progress=bar.update,
    )
    bar.end()
    run.save_metrics(
        {
            "run": run.config.name,
            "weights": run.weights_hash(),
            **report.to_dict(),
            "machine": describe_machine(),
            "versions": versions(),
        }
    )
    return report


def measure_gap(
    folder: str | Path, *, data: str | None = None, shown: ConsoleProgress
) -> dict[str, Any]:
    """Measures how much each player could have gained by moving alone, at the moments of the
    training whose weights were kept, and writes it into gap.json after each. What is there
    already is kept.

    Arguments:
        folder: A run with snapshots; it may still be training.
        data: Real images; None: those that it was trained on.
        shown: Where progress goes.

    Returns:
        protocol; wanted: all steps; moments: by step as text, `Exploitability` and `seconds`.

    Raises:
        UserError: No weights were kept, or the data are not of its kind.
    """
    run = Run(folder)
    kept = run.snapshots()
    if not kept:
        raise UserError(
            f"{folder} kept no weights on its way: train again with --train.snapshots 24."
        )
    real, seed = data_of(run, data), run.config.train.seed
    optimizer = replace(run.config.optimizer, learning_rate=RESPONSE_RATE)
    batch_size = min(64, len(real.validation))
    protocol = {
        "response_steps": RESPONSE_STEPS, "learning_rate": RESPONSE_RATE, "num_batches": BATCHES,
        "batch_size": batch_size, "split": "validation", "seed": seed,
    }  # fmt: skip
    wanted = [kept[round(i * (len(kept) - 1) / (MOMENTS - 1))] for i in range(MOMENTS)]
    wanted = wanted if len(kept) > MOMENTS else kept
    before = run.gap() or {}
    known = before.get("moments", {}) if before.get("protocol") == protocol else {}
    found = {str(step): known[str(step)] for step in wanted if str(step) in known}

    def kept_so_far() -> dict[str, Any]:
        ordered = {str(step): found[str(step)] for step in wanted if str(step) in found}
        return {"protocol": protocol, "wanted": wanted, "moments": ordered}

    run.save_gap(kept_so_far())  # who waits sees how much there is to do
    bar = shown.task(str(folder), len(wanted), len(found))
    for step in wanted:
        if str(step) in found:
            continue
        began = time.monotonic()
        at = exploitability(
            run.load(step), real.train, real.validation, optimizer=optimizer, seed=seed,
            response_steps=RESPONSE_STEPS, num_batches=BATCHES, batch_size=batch_size,
        )  # fmt: skip
        found[str(step)] = {**asdict(at), "seconds": time.monotonic() - began}
        run.save_gap(kept_so_far())
        bar.update(len(found))
    bar.end()
    return kept_so_far()


def data_of(run: Run, source: str | None = None) -> Data:
    """The real images beside which a run is looked at: those it was trained on, or others of the
    same kind.

    Raises:
        UserError: The source no longer holds what the run was trained on, or images of another
            shape or other classes are given.
    """
    data = load_data(source or run.config.train.data, size=run.config.train.image_size)
    card = data.card
    if source is None and card.fingerprint != run.data.fingerprint:
        raise UserError(
            f"{run.config.train.data} no longer holds the images that {run.folder} was trained on "
            f"(fingerprint {card.fingerprint[:12]}, not {run.data.fingerprint[:12]}): give them "
            "with --data."
        )
    if card.image_shape != run.data.image_shape or card.classes != run.data.classes:
        raise UserError(
            f"{run.folder} was trained on images of {run.data.image_shape} with "
            f"{len(run.data.classes)} classes; {card.source} has {card.image_shape} and "
            f"{len(card.classes)}: give data of the same kind."
        )
    return data


def _extractor(
    name: str, inception_weights: Path | None, data: Data, judge: Judge | None
) -> Extractor:
    if inception_weights is not None:
        return Inception(inception_weights)
    if name == "pca":
        return PixelPCA.fit(data.train.images)
    if name == "random" or (name == "auto" and judge is None):
        return RandomConvolutions(data.card.image_shape)
    if judge is None:
        raise UserError(
            f"{data.card.source} has no labels, so no judge can be trained on it: give "
            "--extractor random or pca."
        )
    return judge
