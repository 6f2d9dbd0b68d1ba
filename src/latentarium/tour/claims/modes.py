"""The claim about data with several modes."""

import torch

from latentarium import charts
from latentarium.data.toy import PERFECT_SHARE, Mixture2D, grid, ring, to_points
from latentarium.latent.gaussians import single_gaussian
from latentarium.metrics.coverage import MixtureQuality, mixture_quality
from latentarium.rng import Noise
from latentarium.shapes import Points
from latentarium.stats.measurement import Measurement
from latentarium.tour.claim import Claim, Condition, Figure
from latentarium.tour.evidence import Evidence

POINTS = 2500
"""Samples judged, as in VEEGAN's protocol (Srivastava et al., 2017)."""


def one_gaussian_fails(e: Evidence) -> Claim:
    """A single Gaussian, a VAE and a GAN on the ring and the grid."""
    found: dict[str, dict[str, MixtureQuality]] = {}
    figures = []
    for name, mixture in (("ring", ring()), ("grid", grid())):
        points = _points(e, name, mixture)
        found[name] = {way: mixture_quality(p, mixture) for way, p in points.items()}
        figures.append(_planes(name, mixture, points, found[name]))
    gan, one = found["grid"]["GAN"], found["grid"]["one Gaussian"]
    return Claim(
        id="one-gaussian-fails",
        title="One Gaussian fails where data has several modes",
        statement=(
            "The single Gaussian most likely to have made the data puts most of its mass where no "
            "data are. A GAN assumes no density at all and finds every mode."
        ),
        conditions=(
            Condition(
                number=_quality_number("Samples of one Gaussian near a mode, grid", one),
                relation="<=",
                bar=0.10,
            ),
            Condition(
                number=Measurement(
                    name="Modes the GAN finds, grid of 25", value=gan.modes, n=gan.n,
                ),
                relation="==",
                bar=25,
            ),
            Condition(
                number=Measurement(
                    name="Modes the GAN finds, ring of 8", value=found["ring"]["GAN"].modes,
                    n=gan.n,
                ),
                relation="==", bar=8,
            ),
            Condition(
                number=Measurement(
                    name="Samples near a mode, grid: the GAN's share over one Gaussian's",
                    value=gan.high_quality / one.high_quality, unit="times", n=gan.n,
                ),
                relation=">=", bar=10,
            ),
            Condition(
                number=_quality_number("Samples of the GAN near a mode, grid", gan),
                relation=">=",
                bar=0.80,
            ),
        ),
        evidence=tuple(
            _quality_number(f"Near a mode: {way}, {name}", quality)
            for name, ways in found.items()
            for way, quality in ways.items()
        ),
        protocol=(
            "2,500 samples; one is of high quality within 3 standard deviations of its nearest "
            "mode; a mode is found with at least one such sample nearest to it (VEEGAN, 2017). "
            "Perfect samples reach 98.9 %. Ring: radius 1, deviation 0.01; grid: spacing 2, "
            "deviation 0.05."
        ),
        seed=e.seed,
        explanation=(
            "Maximum likelihood does its best with the family it was given. With one Gaussian the "
            "best is to cover everything, and so mostly the empty space between the modes."
        ),
        figures=tuple(figures),
    )  # fmt: skip


def _points(e: Evidence, name: str, mixture: Mixture2D) -> dict[str, Points]:
    """Samples of the data and of each way to make some."""
    real = mixture.sample(20_000, seed=e.seed)
    one = single_gaussian(real).sample(POINTS, Noise("one", e.seed).generator)
    return {
        "data": mixture.sample(POINTS, seed=e.seed + 1),
        "one Gaussian": one.float(),
        "VAE": _drawn(e, f"vae_{name}", mixture),
        "GAN": _drawn(e, f"gan_{name}", mixture),
    }


def _drawn(e: Evidence, run: str, mixture: Mixture2D) -> Points:
    images = e.toys[run].load().sample(POINTS, seed=e.seed)
    return to_points(images, mixture)


def _planes(
    name: str, mixture: Mixture2D, points: dict[str, Points], found: dict[str, MixtureQuality]
) -> Figure:
    modes = len(mixture.means)
    colours = (
        charts.ROLE_COLOURS["real"], charts.ROLE_COLOURS["generated"], charts.SYSTEM_COLOURS["vae"], charts.SYSTEM_COLOURS["gan"]
    )  # fmt: skip
    panels = [
        (_panel_title(way, found[way], modes), drawn.numpy(), colour)
        for (way, drawn), colour in zip(points.items(), colours, strict=True)
    ]
    limit = 1.35 * float(mixture.means.abs().max())
    radius = max(3 * mixture.std, 0.03 * limit)
    return Figure(
        caption=f"{name.capitalize()} of {modes} Gaussians. Circles mark the true modes; under "
        "each name: samples within 3 standard deviations of a mode.",
        alt=f"Four scatter plots on the {name}: data, one Gaussian, VAE, GAN.",
        content=charts.scatter_panels(panels, mixture.means.numpy(), limit, radius),
        wide=True,
    )


def _panel_title(way: str, quality: MixtureQuality, modes: int) -> str:
    return f"{way}\n{100 * quality.high_quality:.1f} %, {quality.modes} of {modes} modes"


def _quality_number(name: str, quality: MixtureQuality) -> Measurement:
    return Measurement(
        name=name,
        value=quality.high_quality,
        unit="share",
        interval=quality.high_quality_interval,
        reference=PERFECT_SHARE,
        n=quality.n,
        note=f"{quality.modes} modes, reverse KL {quality.reverse_kl:.3f} nats"
        if torch.isfinite(torch.tensor(quality.reverse_kl))
        else f"{quality.modes} modes",
    )
