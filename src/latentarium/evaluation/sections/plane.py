"""Samples of models of 2-D mixtures: modes found, high-quality samples, distribution over modes.

References:
    VEEGAN: reducing mode collapse in GANs using implicit variational learning (Srivastava et al.,
    2017), https://arxiv.org/abs/1705.07761
    PacGAN: the power of two samples in generative adversarial networks (Lin et al., 2018),
    https://arxiv.org/abs/1712.04086
"""

from typing import ClassVar

from latentarium.classifier.classifier import Classifier
from latentarium.data.dataset import Data
from latentarium.data.toy import PERFECT_SHARE, Mixture2D, to_points
from latentarium.evaluation.context import EvaluationContext
from latentarium.evaluation.section import Section, known_mixture
from latentarium.metrics.coverage import mixture_quality
from latentarium.models.base import LatentModel
from latentarium.registry import register
from latentarium.shapes import Images
from latentarium.stats.measurement import Measurement

MIXTURE_SAMPLES = 2500
"""Samples compared with the mixture, as in VEEGAN's protocol."""


@register("section", "plane")
class Plane(Section):
    """Modes and high-quality samples of a model of a known 2-D mixture."""

    order: ClassVar[float] = 10

    def applies(self, model: LatentModel, data: Data, classifier: Classifier | None) -> bool:
        return known_mixture(data) is not None

    def measure(self, context: EvaluationContext) -> dict[str, Measurement]:
        mixture = known_mixture(context.data)
        assert mixture is not None  # else the section doesn't apply
        return mixture_measurements(context.samples[:MIXTURE_SAMPLES], mixture, context.seed)


def mixture_measurements(images: Images, mixture: Mixture2D, seed: int) -> dict[str, Measurement]:
    """Measure 2-D points, given as images, by the protocols of VEEGAN and PacGAN."""
    quality = mixture_quality(to_points(images, mixture), mixture, seed=seed)
    coverage = quality.coverage
    shared = {"seed": seed, "extractor": "points", "split": "known density", "n": quality.n}
    return {
        "modes": Measurement(
            name=f"Modes found of {coverage.num_modes}", value=coverage.modes,
            interval=coverage.modes_interval, reference=round(coverage.expected_modes, 3),
            protocol="modes-3sigma", **shared,
        ),
        "high_quality": Measurement(
            name="Samples within 3 standard deviations of a mode", value=quality.high_quality,
            unit="share", interval=quality.high_quality_interval, reference=PERFECT_SHARE,
            protocol="high-quality-3sigma", **shared,
        ),
        "reverse_kl": Measurement(
            name="Reverse KL over modes", value=coverage.reverse_kl, unit="nats",
            interval=coverage.interval, reference=coverage.reference,
            protocol="reverse-kl-uniform",
            **{**shared, "n": coverage.n},
        ),
    }  # fmt: skip
