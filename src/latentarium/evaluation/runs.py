"""Evaluate runs: load their data, measure, and save the results in the run folder."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from latentarium.classifier.lookup import classifier_for
from latentarium.data.dataset import Data
from latentarium.errors import UserError
from latentarium.evaluation.evaluate import (
    can_train_classifier,
    evaluate,
    plan_evaluation,
    sections_for,
)
from latentarium.evaluation.game_protocol import (
    RESPONSE_STEPS,
    GameProtocol,
    comparable_snapshots,
    spread_evenly,
)
from latentarium.evaluation.report import Report
from latentarium.machine import describe_machine, versions
from latentarium.metrics.extractors import Extractor, PixelPCA, RandomConvolutions
from latentarium.metrics.inception import Inception
from latentarium.progress import ConsoleProgress
from latentarium.run import Run
from latentarium.run.priors import TRAINED

MAX_SNAPSHOTS = 12
"""Snapshots at which the duality gap is measured, evenly spaced in log(step)."""


def evaluate_run(
    folder: str | Path,
    *,
    data: str | None = None,
    prior: str | None = None,
    n: int = 10_000,
    seed: int = 0,
    extractor: Literal["auto", "classifier", "random", "pca"] = "auto",
    inception_weights: Path | None = None,
    nll_samples: int = 500,
    save: bool = True,
    display: ConsoleProgress,
) -> Report:
    """Measure every quantity that applies to the run's model, and write metrics.json into the run
    folder.

    Quantities that can't be measured are printed with the reasons, before anything is computed.

    Arguments:
        folder: A run whose training has ended.
        data: The source of real images; None: the images that the run was trained on.
        prior: As for `Run.load`. With a fitted prior, the file is metrics-KIND.json.
        n, seed, nll_samples: As for `evaluate`.
        extractor: "auto": the classifier if there are labels, else random convolutions.
        inception_weights: The file of Inception's weights; if it is given, Inception is the
            extractor.
        save: Whether to write metrics.json.
        display: The console display of progress.

    Raises:
        UserError: The run has no weights yet, or the data don't fit it.
    """
    run = Run(folder)
    prior = run.resolve_prior(prior)
    model = run.load(prior=prior or TRAINED)
    images = run.load_data(data)
    has_classifier = can_train_classifier(images)
    chosen = _extractor(extractor, inception_weights, images, has_classifier=has_classifier)
    _, reasons = plan_evaluation(model, images, n, has_classifier=has_classifier, extractor=chosen)
    if reasons:
        lines = [f"  {name}: {why}" for name, why in reasons.items()]
        display.print("\n".join([f"{folder}: not measured:", *lines]))
    classifier = classifier_for(images, progress=display.print) if has_classifier else None
    bar = display.task(str(folder), len(sections_for(model, images, classifier)))
    report = evaluate(
        model,
        images,
        classifier=classifier,
        extractor=chosen,
        n=n,
        seed=seed,
        nll_samples=nll_samples,
        progress=bar.update,
    )
    bar.end()
    if save:
        run.save_metrics(
            {
                "run": run.config.name,
                "weights": run.weights_hash(prior),
                **report.to_dict(),
                "machine": describe_machine(),
                "versions": versions(),
            },
            prior,
        )
    return report


def measure_duality_gap(
    folder: str | Path, *, data: str | None = None, display: ConsoleProgress
) -> dict[str, Any]:
    """Measure the duality gap at snapshots of a training.

    duality_gap.json is written after each snapshot, so the measurement can be followed and, if
    interrupted, resumed. Results of another protocol in this file are replaced.

    Arguments:
        folder: A run with snapshots; it may still be training.
        data: The source of real images; None: the images that the run was trained on.
        display: The console display of progress.

    Returns:
        A dictionary of `protocol`, the settings; `wanted`, the steps of all snapshots to measure;
        and `snapshots`, which maps the step of each measured snapshot (as a string) to the fields
        of `DualityGap` and to `seconds`.

    Raises:
        UserError: The run has no snapshots (code "no-snapshots"), or the data don't fit it.
    """
    run = Run(folder)
    snapshots = comparable_snapshots(run)
    if not snapshots:
        raise UserError(
            f"{folder} has no snapshots: train again with --train.snapshots 24.",
            code="no-snapshots",
        )
    left_out = len(run.snapshots()) - len(snapshots)
    if left_out:
        display.print(
            f"{left_out} snapshots are left out, because an earlier version saved their weights "
            "without averaging them."
        )
    wanted = spread_evenly(snapshots, MAX_SNAPSHOTS)
    images = run.load_data(data)
    protocol = GameProtocol.of(
        run.load(wanted[-1]), images, seed=run.config.train.seed, response_steps=RESPONSE_STEPS
    )
    described = protocol.to_dict()
    previous = run.duality_gap() or {}
    known = previous.get("snapshots", {}) if previous.get("protocol") == described else {}
    gaps = {str(step): known[str(step)] for step in wanted if str(step) in known}

    def content() -> dict[str, Any]:
        ordered = {str(step): gaps[str(step)] for step in wanted if str(step) in gaps}
        return {"protocol": described, "wanted": wanted, "snapshots": ordered}

    run.save_duality_gap(content())  # announces the snapshots that will be measured
    bar = display.task(str(folder), len(wanted), len(gaps))
    for step in wanted:
        if str(step) in gaps:
            continue
        bar.update(len(gaps), f"step {step:,}")
        start = time.monotonic()
        gap = protocol.measure(run.load(step), images)
        gaps[str(step)] = {**asdict(gap), "seconds": time.monotonic() - start}
        run.save_duality_gap(content())
    bar.end()
    return content()


def _extractor(
    name: str, inception_weights: Path | None, data: Data, *, has_classifier: bool
) -> Extractor | None:
    """Return the chosen extractor; None for the classifier."""
    if inception_weights is not None:
        return Inception(inception_weights)
    if name == "pca":
        return PixelPCA.fit(data.train.images)
    if name == "random" or (name == "auto" and not has_classifier):
        return RandomConvolutions(data.card.image_shape)
    if not has_classifier:
        raise UserError(
            f"{data.card.source} has no training images of at least 2 classes to train a "
            "classifier on: use --extractor random or pca.",
            code="no-labels",
        )
    return None
