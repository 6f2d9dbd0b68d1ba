"""Samples of models of 2-D mixtures: modes, mode masses, quality, distance from the density.

VEEGAN's count finds a mode with a single sample, so a model can find all modes although nearly all
samples are invalid or in one mode. The total variation of the mode masses measures both, and the
distance from the density also measures how samples are distributed within the modes.

References:
    VEEGAN: reducing mode collapse in GANs using implicit variational learning (Srivastava et al.,
    2017), https://arxiv.org/abs/1705.07761
    PacGAN: the power of two samples in generative adversarial networks (Lin et al., 2018),
    https://arxiv.org/abs/1712.04086
    A kernel two-sample test (Gretton et al., 2012), https://jmlr.org/papers/v13/gretton12a.html
"""

import math
from typing import ClassVar

from latentarium.classifier.classifier import Classifier
from latentarium.data.dataset import Data
from latentarium.data.toy import PERFECT_SHARE, Mixture2D, to_points
from latentarium.evaluation.context import EvaluationContext
from latentarium.evaluation.reasons import REASONS, reason
from latentarium.evaluation.section import Section, known_mixture
from latentarium.metrics.coverage import mixture_quality
from latentarium.metrics.density_distance import density_distance
from latentarium.models.base import LatentModel
from latentarium.registry import register
from latentarium.shapes import Images, Points
from latentarium.stats.measurement import Measurement

MIXTURE_SAMPLES = 2500
"""Samples compared with the mixture, as in VEEGAN's protocol."""
NOT_FINITE = {"density_distance": "points-not-finite", "reverse_kl": "no-sample-near-mode"}
"""Codes of the reasons for values that are not finite, by the key of the measurement."""


@register("section", "plane")
class Plane(Section):
    """Modes, mode masses, high-quality samples and distance from the density."""

    order: ClassVar[float] = 10

    def applies(self, model: LatentModel, data: Data, classifier: Classifier | None) -> bool:
        return known_mixture(data) is not None

    def measure(self, context: EvaluationContext) -> dict[str, Measurement]:
        mixture = known_mixture(context.data)
        assert mixture is not None  # else the section doesn't apply
        measurements = mixture_measurements(
            context.samples[:MIXTURE_SAMPLES], mixture, context.seed
        )
        for key, code in NOT_FINITE.items():
            if not math.isfinite(measurements[key].value):
                context.left_out[measurements[key].name] = reason(code)
        return measurements


def mixture_measurements(images: Images, mixture: Mixture2D, seed: int) -> dict[str, Measurement]:
    """Measure 2-D points, given as images, by the protocols of VEEGAN and PacGAN, and compare them
    with the known density.

    The reverse KL is not finite if no point is near a mode, and the distance from the density if
    a point is not finite; their notes then give the reason.
    """
    points = to_points(images, mixture)
    quality = mixture_quality(points, mixture, seed=seed)
    coverage, masses = quality.coverage, quality.masses
    shared = {"seed": seed, "extractor": "points", "split": "known density", "n": quality.n}
    return {
        "modes": Measurement(
            name=f"Modes found of {coverage.num_modes}", value=coverage.modes,
            interval=coverage.modes_interval, reference=round(coverage.expected_modes, 3),
            protocol="modes-3sigma", **shared,
            note="A mode counts as found if one sample is within 3 standard deviations of it.",
        ),
        "high_quality": Measurement(
            name="Samples within 3 standard deviations of a mode", value=quality.high_quality,
            unit="share", interval=quality.high_quality_interval, reference=PERFECT_SHARE,
            protocol="high-quality-3sigma", **shared,
            note="A share of samples near a mode above the reference means that samples are too "
            "concentrated.",
        ),
        "mode_masses": Measurement(
            name="Total variation of mode masses, with a bin for invalid samples",
            value=masses.value, interval=masses.interval, reference=masses.reference,
            protocol="mode-masses-3sigma", **shared,
            note="The total variation of mode masses is the share of samples that would have to "
            "move to another mode, or to become valid.",
        ),
        "density_distance": _density_measurement(points, mixture, seed),
        "reverse_kl": Measurement(
            name="Reverse KL over modes", value=coverage.reverse_kl, unit="nats",
            interval=coverage.interval, reference=coverage.reference,
            protocol="reverse-kl-uniform",
            **{**shared, "n": coverage.n},
            note="" if coverage.n else REASONS["no-sample-near-mode"],
        ),
    }  # fmt: skip


def _density_measurement(points: Points, mixture: Mixture2D, seed: int) -> Measurement:
    shared = {
        "name": "Squared kernel distance from the true density", "protocol": "mmd-exact",
        "seed": seed, "extractor": "points", "split": "known density", "n": len(points),
    }  # fmt: skip
    if not bool(points.isfinite().all()):
        return Measurement(value=math.nan, note=REASONS["points-not-finite"], **shared)
    distance = density_distance(points, mixture)
    return Measurement(
        value=distance.value, interval=distance.interval, reference=distance.reference, **shared,
        note="The references of the mode masses and of the kernel distance from the true density "
        "are the means for samples of that density.",
    )  # fmt: skip
