"""Samples of models of 2-D mixtures: modes, mode masses, high-quality samples, energy distance.

VEEGAN's count finds a mode with a single sample, so a model can find all modes although nearly all
samples are invalid or in one mode. The total variation of the mode masses measures both, and the
energy distance also measures how samples are distributed within and between the modes.

References:
    VEEGAN: reducing mode collapse in GANs using implicit variational learning (Srivastava et al.,
    2017), https://arxiv.org/abs/1705.07761
    PacGAN: the power of two samples in generative adversarial networks (Lin et al., 2018),
    https://arxiv.org/abs/1712.04086
    Energy statistics (Székely and Rizzo, 2013), https://doi.org/10.1016/j.jspi.2013.03.018
"""

import math
from typing import ClassVar

from latentarium.classifier.classifier import Classifier
from latentarium.data.dataset import Data
from latentarium.data.toy import PERFECT_SHARE, Mixture2D, to_points
from latentarium.evaluation.context import EvaluationContext
from latentarium.evaluation.section import Section, known_mixture
from latentarium.metrics.coverage import mixture_quality
from latentarium.metrics.energy import energy_distance
from latentarium.models.base import LatentModel
from latentarium.registry import register
from latentarium.shapes import Images, Points
from latentarium.stats.measurement import Measurement

MIXTURE_SAMPLES = 2500
"""Samples compared with the mixture, as in VEEGAN's protocol."""


@register("section", "plane")
class Plane(Section):
    """Modes, mode masses, high-quality samples and energy distance, for a known 2-D mixture."""

    order: ClassVar[float] = 10

    def applies(self, model: LatentModel, data: Data, classifier: Classifier | None) -> bool:
        return known_mixture(data) is not None

    def measure(self, context: EvaluationContext) -> dict[str, Measurement]:
        mixture = known_mixture(context.data)
        assert mixture is not None  # else the section doesn't apply
        return mixture_measurements(context.samples[:MIXTURE_SAMPLES], mixture, context.seed)


def mixture_measurements(images: Images, mixture: Mixture2D, seed: int) -> dict[str, Measurement]:
    """Measure 2-D points, given as images, by the protocols of VEEGAN and PacGAN, and compare them
    with the known density.

    The reverse KL is not finite if no point is near a mode, and the energy distance if a point is
    not finite; their notes then give the reason.
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
            note="A mode counts as found if one sample is within 3 standard deviations of it. "
            "Higher is better.",
        ),
        "high_quality": Measurement(
            name="Samples within 3 standard deviations of a mode", value=quality.high_quality,
            unit="share", interval=quality.high_quality_interval, reference=PERFECT_SHARE,
            protocol="high-quality-3sigma", **shared,
            note="The share of samples near a mode is best at its reference: above it, samples are "
            "too concentrated.",
        ),
        "mode_masses": Measurement(
            name="Total variation of mode masses, with a bin for invalid samples",
            value=masses.value, interval=masses.interval, reference=masses.reference,
            protocol="mode-masses-3sigma", **shared,
            note="The total variation of mode masses is the share of samples that would have to "
            "move to another mode, or to become valid. Lower is better; the reference is the mean "
            "for samples of the true density.",
        ),
        "energy_distance": _energy_measurement(points, mixture, seed),
        "reverse_kl": Measurement(
            name="Reverse KL over modes", value=coverage.reverse_kl, unit="nats",
            interval=coverage.interval, reference=coverage.reference,
            protocol="reverse-kl-uniform",
            **{**shared, "n": coverage.n},
            note="Lower is better for the reverse KL, down to its reference."
            if coverage.n
            else "no sample is within 3 standard deviations of a mode",
        ),
    }  # fmt: skip


def _energy_measurement(points: Points, mixture: Mixture2D, seed: int) -> Measurement:
    shared = {
        "name": "Energy distance to the true density", "protocol": "energy-exact", "seed": seed,
        "extractor": "points", "split": "known density", "n": len(points),
    }  # fmt: skip
    if not bool(points.isfinite().all()):
        return Measurement(value=math.nan, note="some points are not finite", **shared)
    energy = energy_distance(points, mixture, seed=seed)
    return Measurement(
        value=energy.value, interval=energy.interval, reference=energy.reference, **shared,
        note="The energy distance is 0 only for equal distributions. Lower is better; the "
        "reference is the mean for samples of the true density.",
    )  # fmt: skip
