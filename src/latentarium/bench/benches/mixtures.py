"""Mixtures of 2-D Gaussians: how many modes a model finds, how many samples are near a mode."""

from typing import ClassVar

from latentarium.bench import published
from latentarium.bench.bench import Bench, Column, MeasuringProgress
from latentarium.bench.published import Published
from latentarium.data.dataset import Data
from latentarium.data.toy import PERFECT_SHARE, Mixture2D, grid, ring, to_points, wide_grid
from latentarium.evaluation.sections.plane import MIXTURE_SAMPLES, mixture_measurements
from latentarium.metrics.coverage import mixture_quality
from latentarium.models.base import LatentModel
from latentarium.registry import register
from latentarium.stats.measurement import Measurement

_PROTOCOL = (
    "2,500 samples. A sample is of high quality if it is within 3 standard deviations of its "
    "nearest mode; a mode is found if it is the nearest one of at least one such sample. Reverse "
    "KL of the high-quality samples over the modes against equal shares, in nats. Mode masses: "
    "total variation between the shares of samples in each mode, with a bin for samples that are "
    "not of high quality, and the true shares. Kernel distance: squared MMD from the true "
    "density, with Gaussian kernels. For both, lower is better. "
)


WIDE_SAMPLES = 10_000


class MixtureBench(Bench):
    """A bench that compares samples with the mixture that the training points were drawn from."""

    mixture: ClassVar[Mixture2D]
    caveat = (
        "PacGAN's published generator has 4 layers of 400 units with batch normalization, its "
        "discriminator has 3 maxout layers of 200 units, and both were trained for 400,000 steps "
        "with batches of 100; our networks are smaller and see fewer points. A high-quality share "
        "above 98.89 % means that the samples are too concentrated, not that they are better."
    )

    def measure(
        self, model: LatentModel, data: Data, seed: int, progress: MeasuringProgress
    ) -> dict[str, Measurement]:
        images = model.sample(MIXTURE_SAMPLES, seed=seed)
        return mixture_measurements(images, self.mixture, seed)


def _columns(
    modes: int, ideal_reverse_kl: float, ideal_masses: float, ideal_distance: float
) -> tuple[Column, ...]:
    return (
        Column(key="modes", title=f"modes of {modes}", ideal=float(modes), maximum=float(modes)),
        Column(key="high_quality", title="high quality", unit="share", ideal=PERFECT_SHARE),
        Column(key="reverse_kl", title="reverse KL", unit="nats", ideal=ideal_reverse_kl),
        Column(key="mode_masses", title="mode masses, TV", ideal=ideal_masses, maximum=1.0),
        Column(key="density_distance", title="kernel distance", ideal=ideal_distance, maximum=2.0),
    )


@register("bench", "ring")
class Ring(MixtureBench):
    """Eight Gaussians on a circle."""

    title = "Ring of 8 Gaussians"
    protocol = _PROTOCOL + "Ring of radius 1, standard deviation 0.01."
    presets: ClassVar[tuple[str, ...]] = ("gan_ring", "vae_ring")
    columns: ClassVar[tuple[Column, ...]] = _columns(8, 0.0014, 0.0218, 0.000319)
    published: ClassVar[tuple[Published, ...]] = published.RING
    mixture: ClassVar[Mixture2D] = ring()


@register("bench", "grid")
class Grid(MixtureBench):
    """Twenty-five Gaussians on a square grid."""

    title = "Grid of 25 Gaussians"
    protocol = _PROTOCOL + "Grid {-4, -2, 0, 2, 4} squared, standard deviation 0.05."
    presets: ClassVar[tuple[str, ...]] = ("gan_grid", "vae_grid")
    columns: ClassVar[tuple[Column, ...]] = _columns(25, 0.0048, 0.0397, 0.000330)
    published: ClassVar[tuple[Published, ...]] = published.GRID
    mixture: ClassVar[Mixture2D] = grid()


@register("bench", "grid-wide")
class WideGrid(Bench):
    """Twenty-five Gaussians on a square grid, with the measures of the paired discriminator."""

    title = "Wide grid of 25 Gaussians"
    protocol = (
        "10,000 samples. A sample is valid if it is within 3 standard deviations of its nearest "
        "mode; a mode is covered if at least 1 % of all samples are valid and nearest to it. Mode "
        "masses: total variation between the shares of valid samples in each mode, with a bin for "
        "invalid samples, and the true shares; lower is better. Grid {-3, -1.5, 0, 1.5, 3} "
        "squared, standard deviation 0.1."
    )
    presets: ClassVar[tuple[str, ...]] = ("gan_grid_wide",)
    columns: ClassVar[tuple[Column, ...]] = (
        Column(key="covered", title="modes of 25", ideal=25.0, maximum=25.0),
        Column(key="high_quality", title="valid", unit="share", ideal=PERFECT_SHARE),
        Column(key="mode_masses", title="mode masses, TV", ideal=0.0198, maximum=1.0),
    )
    published: ClassVar[tuple[Published, ...]] = published.WIDE_GRID
    caveat = (
        "The published models have 16 latent dimensions and two hidden layers of 128 units, and "
        "were trained for 50,000 steps with batches of 256. Their total variation counts all "
        "invalid samples as wrong; ours allows for the 1.1 % of a perfect model's samples that "
        "are invalid, which lowers it by at most 0.011."
    )

    def measure(
        self, model: LatentModel, data: Data, seed: int, progress: MeasuringProgress
    ) -> dict[str, Measurement]:
        mixture, images = wide_grid(), model.sample(WIDE_SAMPLES, seed=seed)
        measured = mixture_measurements(images, mixture, seed)
        quality = mixture_quality(to_points(images, mixture), mixture, seed=seed)
        covered = Measurement(
            name="Modes with at least 1 % of the samples", value=quality.covered, seed=seed,
            extractor="points", split="known density", n=quality.n, protocol="modes-1-percent",
            reference=len(mixture.means),
        )  # fmt: skip
        return {"covered": covered, **{k: measured[k] for k in ("high_quality", "mode_masses")}}
