"""One Gaussian fails where the data have several modes; a GAN finds all of them."""

import math
from typing import ClassVar

from latentarium import charts
from latentarium.data.toy import PERFECT_SHARE, Mixture2D, grid, ring, to_points
from latentarium.latent.gaussians import single_gaussian
from latentarium.metrics.coverage import MixtureQuality, mixture_quality
from latentarium.registry import register
from latentarium.rng import Noise
from latentarium.shapes import Points
from latentarium.stats.measurement import Measurement
from latentarium.tour.claim import Claim
from latentarium.tour.context import TourContext
from latentarium.tour.results import ClaimResult, Condition, Figure

POINTS = 2500
"""Samples measured, as in VEEGAN's protocol (Srivastava et al., 2017)."""
FITTED_POINTS = 20_000
"""Points of the data that the single Gaussian is fitted to."""


@register("claim", "one-gaussian-fails")
class OneGaussianFails(Claim):
    """A single Gaussian, a VAE and a GAN on a ring and a grid of Gaussians."""

    systems: ClassVar[tuple[str, ...]] = ("gan_ring", "vae_ring", "gan_grid", "vae_grid")
    order: ClassVar[float] = 60
    seconds: ClassVar[float] = 1

    def measure(self, tour: TourContext) -> ClaimResult:
        qualities: dict[str, dict[str, MixtureQuality]] = {}
        figures = []
        for name, mixture in (("ring", ring()), ("grid", grid())):
            points = _sample_points(tour, name, mixture)
            qualities[name] = {
                sampler: mixture_quality(p, mixture) for sampler, p in points.items()
            }
            figures.append(_scatter_plots(name, mixture, points, qualities[name]))
        gan, gaussian = qualities["grid"]["GAN"], qualities["grid"]["one Gaussian"]
        gan_ring = qualities["ring"]["GAN"]
        return ClaimResult(
            title="One Gaussian fails if the data have several modes",
            statement=(
                "The single Gaussian with the highest likelihood puts most of its mass where "
                "there is no data. A GAN assumes no density and finds every mode."
            ),
            conditions=(
                Condition(
                    number=_high_quality("Samples of one Gaussian near a mode, grid", gaussian),
                    relation="<=", threshold=0.10,
                ),
                Condition(
                    number=Measurement(
                        name="Modes found by the GAN, grid of 25", value=gan.modes, n=gan.n,
                        better="higher",
                    ),
                    relation="==", threshold=25,
                ),
                Condition(
                    number=Measurement(
                        name="Modes found by the GAN, ring of 8", value=gan_ring.modes, n=gan.n,
                        better="higher",
                    ),
                    relation="==", threshold=8,
                ),
                Condition(
                    number=Measurement(
                        name="Share of samples near a mode, grid: GAN divided by one Gaussian",
                        value=gan.high_quality / gaussian.high_quality, unit="times", n=gan.n,
                    ),
                    relation=">=", threshold=10,
                ),
                Condition(
                    number=_high_quality("Samples of the GAN near a mode, grid", gan),
                    relation=">=", threshold=0.80,
                ),
            ),
            evidence=tuple(
                _high_quality(f"Near a mode: {sampler}, {name}", quality)
                for name, by_sampler in qualities.items()
                for sampler, quality in by_sampler.items()
            ),
            protocol=(
                "2,500 samples. A sample is of high quality if it is within 3 standard deviations "
                "of its nearest mode; a mode is found if it is the nearest mode of at least one "
                "such sample (VEEGAN, 2017). Perfect samples reach 98.9 %. Ring: radius 1, "
                "standard deviation 0.01; grid: spacing 2, standard deviation 0.05."
            ),
            explanation=(
                "Maximum likelihood finds the best density in a given family. The best single "
                "Gaussian covers all modes, but also the empty space between them, where most of "
                "its samples are."
            ),
            figures=tuple(figures),
        )  # fmt: skip


def _sample_points(tour: TourContext, name: str, mixture: Mixture2D) -> dict[str, Points]:
    """Return points of the data and of each sampler."""
    real = mixture.sample(FITTED_POINTS, seed=tour.seed)
    gaussian = single_gaussian(real).sample(POINTS, Noise("one", tour.seed).generator)
    return {
        "data": mixture.sample(POINTS, seed=tour.seed + 1),
        "one Gaussian": gaussian.float(),
        "VAE": _model_points(tour, f"vae_{name}", mixture),
        "GAN": _model_points(tour, f"gan_{name}", mixture),
    }


def _model_points(tour: TourContext, run: str, mixture: Mixture2D) -> Points:
    images = tour.runs[run].load().sample(POINTS, seed=tour.seed)
    return to_points(images, mixture)


def _scatter_plots(
    name: str,
    mixture: Mixture2D,
    points: dict[str, Points],
    qualities: dict[str, MixtureQuality],
) -> Figure:
    modes = len(mixture.means)
    colours = (
        charts.ROLE_COLOURS["real"],
        charts.ROLE_COLOURS["generated"],
        charts.SYSTEM_COLOURS["vae"],
        charts.SYSTEM_COLOURS["gan"],
    )
    panels = [
        (_panel_title(sampler, qualities[sampler], modes), xy.numpy(), colour)
        for (sampler, xy), colour in zip(points.items(), colours, strict=True)
    ]
    limit = 1.35 * float(mixture.means.abs().max())
    radius = max(3 * mixture.std, 0.03 * limit)
    return Figure(
        caption=f"{name.capitalize()} of {modes} Gaussians. Circles mark the true modes. Under "
        "each name: the share of samples within 3 standard deviations of a mode, and the modes "
        "found.",
        alt=f"Four scatter plots of the {name}: data, one Gaussian, VAE, GAN.",
        content=charts.scatter_panels(panels, mixture.means.numpy(), limit, radius),
        wide=True,
    )


def _panel_title(sampler: str, quality: MixtureQuality, modes: int) -> str:
    return f"{sampler}\n{100 * quality.high_quality:.1f} %, {quality.modes} of {modes} modes"


def _high_quality(name: str, quality: MixtureQuality) -> Measurement:
    note = f"{quality.modes} modes"
    if math.isfinite(quality.reverse_kl):
        note += f", reverse KL {quality.reverse_kl:.3f} nats"
    return Measurement(
        name=name,
        value=quality.high_quality,
        unit="share",
        interval=quality.high_quality_interval,
        reference=PERFECT_SHARE,
        better="reference",
        n=quality.n,
        note=note,
    )
