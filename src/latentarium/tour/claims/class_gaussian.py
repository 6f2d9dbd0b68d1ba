"""Each digit has its own Gaussian in the latent space: samples from it show that digit."""

from typing import ClassVar

import torch

from latentarium import charts
from latentarium.config import setting
from latentarium.latent.gaussians import ClassGaussians
from latentarium.latent.planes import linear_discriminant_plane
from latentarium.metrics.conditional import Confusion, confusion
from latentarium.models.inference import encode
from latentarium.registry import register
from latentarium.rng import Noise
from latentarium.shapes import Images
from latentarium.stats.measurement import Measurement
from latentarium.tour.claim import Claim
from latentarium.tour.context import TourContext
from latentarium.tour.figures import COLUMNS
from latentarium.tour.results import ClaimResult, Condition, Figure

FITTED = {"AE, fitted": "ae", "VAE, fitted": "vae", "class VAE, fitted": "vae_class"}
"""The systems whose class Gaussians are fitted to latents, by title."""
LEARNED = "class VAE, learned"
SHOWN_LATENTS = 6000
MAX_CHOICE_SAMPLES = 4000
"""Number of samples of each method from which the best one is chosen."""


@register("claim", "class-gaussian")
class ClassGaussian(Claim):
    """Samples from the Gaussian of a digit are classified as that digit."""

    systems: ClassVar[tuple[str, ...]] = ("ae", "vae", "vae_class", "cgan")
    order: ClassVar[float] = 50
    seconds: ClassVar[float] = 10

    def measure(self, tour: TourContext) -> ClaimResult:
        classes, labels = tour.data.card.classes, tour.data.train.labels
        assert labels is not None
        requested = tour.requested_labels
        images = {}
        for title, name in FITTED.items():
            gaussians = ClassGaussians.fit(tour.train_latents(name), labels, len(classes))
            z = gaussians.sample(requested, Noise("class", tour.seed).generator)
            images[title] = tour.decode(name, z)
        images[LEARNED] = tour.model("vae_class").sample(tour.n, requested, seed=tour.seed)
        confusions = {
            title: confusion(requested, tour.classifier.predict(x), len(classes))
            for title, x in images.items()
        }
        best = best_on_validation(tour)
        beta = setting(tour.runs["vae_class"].config, "model.beta", 1.0)
        return ClaimResult(
            title="Each digit has its own Gaussian",
            statement=(
                "In the latent space each digit forms its own cluster. Draw a latent from the "
                "Gaussian of the 7s, decode it, and the image shows a good 7."
            ),
            conditions=(
                Condition(
                    number=Measurement(
                        name=f"Samples classified as the intended digit, {best}",
                        unit="share", value=confusions[best].adherence,
                        interval=confusions[best].adherence_interval, n=tour.n,
                        extractor=tour.classifier.name,
                    ),
                    relation=">=", threshold=0.95,
                ),
            ),
            evidence=tuple(
                Measurement(name=f"Classified as the intended digit: {title}", value=c.adherence,
                            interval=c.adherence_interval, unit="share", n=c.n,
                            extractor=tour.classifier.name, better="higher")
                for title, c in confusions.items()
            ),
            protocol=(
                f"{tour.n:,} samples, every digit equally often, classified by the shipped "
                "classifier. Fitted: mean and full covariance by maximum likelihood on the "
                "training latents of a digit. Learned: the VAE's prior is N(mean, variance) per "
                f"digit, trained with beta = {beta:g}. The decoder never sees a label. The method "
                "was chosen with Gaussians fitted to the validation images and with other random "
                "numbers, not with the samples that are scored."
            ),
            explanation=(
                "Labels are used only to group the latents. That is enough to choose the digit "
                "that is generated, without a conditional network."
            ),
            figures=_clusters_and_samples(tour, best, images[best], confusions),
        )  # fmt: skip


def best_on_validation(tour: TourContext) -> str:
    """Return the title of the method whose samples are classified best, with Gaussians fitted to
    the latents of validation images."""
    classes, validation = tour.data.card.classes, tour.data.validation
    assert validation.labels is not None
    requested = tour.requested_labels[:MAX_CHOICE_SAMPLES]
    images = {}
    for title, name in FITTED.items():
        latents = encode(tour.model(name), validation, tour.seed)
        gaussians = ClassGaussians.fit(latents, validation.labels, len(classes))
        z = gaussians.sample(requested, Noise("class-choice", tour.seed).generator)
        images[title] = tour.decode(name, z)
    seed = tour.seed + 1
    images[LEARNED] = tour.model("vae_class").sample(len(requested), requested, seed=seed)
    hits = {
        title: int((tour.classifier.predict(x) == requested).sum()) for title, x in images.items()
    }
    return max(hits, key=hits.__getitem__)


def _clusters_and_samples(
    tour: TourContext, best: str, images: Images, confusions: dict[str, Confusion]
) -> tuple[Figure, ...]:
    classes, labels = tour.data.card.classes, tour.data.train.labels
    assert labels is not None
    latents = tour.train_latents("vae_class")
    gaussians = ClassGaussians.fit(latents, labels, len(classes))
    shown, shown_labels = latents[:SHOWN_LATENTS], labels[:SHOWN_LATENTS]
    plane = linear_discriminant_plane(shown, shown_labels)
    ellipses = [gaussians.ellipses(plane, sigmas) for sigmas in (1.0, 2.0)]
    colours = [charts.SYSTEM_COLOURS["ae"]] + [charts.SYSTEM_COLOURS["vae"]] * 3
    requested = tour.requested_labels
    rows = torch.cat([images[requested == c][:COLUMNS] for c in range(len(classes))])
    return (
        Figure(
            caption="The class VAE's latents in the plane that separates the digits best, with "
            "the Gaussian of each digit at 1 and 2 standard deviations.",
            alt="Ten coloured clusters with their ellipses.",
            content=charts.latent_map(
                plane.project(shown).numpy(), shown_labels.numpy(), classes, ellipses,
                "first discriminant direction", "second discriminant direction",
            ),
        ),
        Figure(
            caption=f"Samples from the Gaussian of each digit, one row per digit ({best}).",
            alt="Ten rows of ten samples, one digit per row.",
            content=charts.image_grid(rows, COLUMNS),
        ),
        Figure(
            caption="Samples classified as the intended digit, by how the Gaussians were obtained "
            "(vertical lines: 95 % intervals).",
            alt="Four bars.",
            content=charts.bar_chart(
                [title.replace(", ", ",\n") for title in confusions],
                [100 * c.adherence for c in confusions.values()],
                colours, "% classified as requested",
                intervals=[(100 * c.adherence_interval[0], 100 * c.adherence_interval[1])
                           for c in confusions.values()],
                show="{:.1f}",
            ),
        ),
    )  # fmt: skip
