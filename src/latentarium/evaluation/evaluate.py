"""The metric suite: one call that measures all that fits a model, whatever its family.

    samples        Fréchet and kernel distance, precision, recall, density, coverage
    labels         what appears; what was asked for and made; whether classes are whole
    reconstruction squared error, PSNR, SSIM, distance in features        needs an encoder
    likelihood     ELBO, rate, distortion, importance-weighted NLL        needs a VAE
    latent         gaps, neighbours, round trip, aggregate posterior      needs an encoder
    game           what each player could still gain by moving alone
    memorization   copies of training images
    plane          modes and high-quality samples                         2-D mixtures only

Samples are measured beside the test split, never beside what was trained on. Each number carries
its protocol (see `measurement`), and what one section needs of another is computed once.
"""

import time
from collections.abc import Callable
from typing import Any, Literal

from latentarium.classifier.classifier import Judge
from latentarium.config import require_seed
from latentarium.data.dataset import Data
from latentarium.errors import UserError
from latentarium.evaluation import sections, sections_labels, sections_latent
from latentarium.evaluation.report import Report
from latentarium.evaluation.subject import Subject, shuffle_test
from latentarium.metrics.extractors import Extractor, RandomConvolutions, judge_for
from latentarium.models.base import LatentModel
from latentarium.stats.measurement import Measurement

Section = Callable[[Subject, dict[str, Any]], dict[str, Measurement]]
"""From what is measured to measurements by key; what is more than a number goes into the dict."""
FEWEST = 100
"""Real test images or samples below which no section says anything."""


def can_be_judged(data: Data) -> bool:
    """Whether a judge can be trained: there are classes, and images that show them."""
    return len(data.card.classes) > 1 and data.card.source not in sections.MIXTURES


def sections_of(model: LatentModel, data: Data, judged: bool) -> dict[str, Section]:
    """The sections that fit a model, by name, in the order of the report; some need a judge."""
    if data.card.source in sections.MIXTURES:
        return {"plane": sections.plane, "game": sections.game}
    encodes, gaussian = model.has_encoder, model.has_likelihood
    fits: dict[str, tuple[bool, Section]] = {
        "samples": (True, sections.samples),
        "labels": (judged, sections_labels.labels),
        "reconstruction": (encodes, sections_latent.reconstruction_errors),
        "likelihood": (gaussian, sections_latent.likelihood),
        "latent": (encodes, sections_latent.latent),
        "game": (True, sections.game),
        "memorization": (True, sections.copies),
    }
    return {name: section for name, (fit, section) in fits.items() if fit}


def evaluate(
    model: LatentModel,
    data: Data,
    *,
    judge: Judge | Literal["auto"] | None = "auto",
    extractor: Extractor | None = None,
    n: int = 10_000,
    seed: int = 0,
    nll_samples: int = 500,
    progress: Callable[[int, str], object] | None = None,
) -> Report:
    """Measures all that fits the model.

    Arguments:
        model: A trained model, as `load` gives it.
        data: Real images of the kind that it was trained on; scores are beside the test split.
        judge: A classifier of such images; auto: `judge_for(data)` where there are labels; None
            leaves out what needs one.
        extractor: Turns images into features; None: the judge, or else random convolutions.
        n: Samples; with fewer real test images, as many as there are.
        seed: Of every draw.
        nll_samples: Importance samples for each image, for a model with a likelihood.
        progress: Told how many sections are done, and which is next.

    Raises:
        UserError: Images of another shape than the model's, or too few of them to say anything.
            What can't be said alone, as a distance of fewer images than features, is in the
            report's `left_out`.
    """
    require_seed(seed)
    if data.card.image_shape != model.image_shape:
        raise UserError(
            f"The model makes images of {model.image_shape} and the data are of "
            f"{data.card.image_shape}: give data of the kind that it was trained on."
        )
    n = min(n, len(data.test))
    if n < FEWEST:
        raise UserError(
            f"{n} images are too few to measure anything: give at least {FEWEST} test images, and "
            f"n of {FEWEST} or more."
        )
    if judge == "auto":
        judge = judge_for(data) if can_be_judged(data) else None
    chosen = extractor or judge or RandomConvolutions(model.image_shape)
    subject = Subject(model, shuffle_test(data), chosen, judge, n, seed, nll_samples)
    measurements: dict[str, Measurement] = {}
    tables: dict[str, Any] = {}
    seconds: dict[str, float] = {}
    for done, (name, section) in enumerate(sections_of(model, data, judge is not None).items()):
        if progress:
            progress(done, name)
        clock = time.perf_counter()
        try:
            measurements |= section(subject, tables)
        except UserError as error:  # the other sections may still say something
            subject.left_out[name] = str(error)
        seconds[name] = time.perf_counter() - clock
    if not measurements:
        raise UserError(next(iter(subject.left_out.values())))
    return Report(
        model=subject.kind,
        data=data.card.source,
        fingerprint=data.card.fingerprint,
        seed=seed,
        measurements=measurements,
        tables=tables,
        left_out=subject.left_out,
        seconds=seconds,
    )
