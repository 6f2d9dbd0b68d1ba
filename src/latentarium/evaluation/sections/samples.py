"""Distances between samples and real images, for each distribution of latents."""

from collections.abc import Callable, Iterator
from typing import ClassVar

from latentarium.errors import UserError
from latentarium.evaluation.context import EvaluationContext
from latentarium.evaluation.plan import Plan
from latentarium.evaluation.reasons import Reason, as_reason, reason
from latentarium.evaluation.section import Section
from latentarium.latent.gaussians import (
    FittedGaussian,
    FittedMixture,
    mixture,
    single_gaussian,
)
from latentarium.metrics.distances import (
    frechet,
    frechet_interval,
    frechet_reference,
    kernel_distance,
)
from latentarium.metrics.extractors import Extractor, RandomConvolutions, describe
from latentarium.metrics.fidelity import density_coverage, precision_recall
from latentarium.models.inference import decode
from latentarium.registry import register
from latentarium.rng import Noise
from latentarium.shapes import FeatureSet, Images
from latentarium.stats.measurement import Measurement

MAX_NEIGHBOUR_IMAGES = 5000
"""Largest number of images for precision, recall, density and coverage: half of MNIST's test
images, so that the other half gives the reference at the same n."""
FRECHET_RESAMPLES = 20
NUM_COMPONENTS = 10
"""Gaussians in the mixture fitted to latents."""
MAX_FITTED_LATENTS = 15_000
"""Latents that the mixture is fitted to."""
GAUSSIAN_SUFFIX = ", one Gaussian fitted to latents"
MIXTURE_SUFFIX = f", {NUM_COMPONENTS} Gaussians fitted to latents"


@register("section", "samples")
class Samples(Section):
    """Fréchet and kernel distance, precision, recall, density and coverage."""

    order: ClassVar[float] = 20

    def unmeasurable(self, plan: Plan) -> dict[str, Reason]:
        if not self.applies(plan.model, plan.data, None):
            return {}
        model, reasons = plan.model, {}
        random = RandomConvolutions(model.image_shape)
        titles = {"Fréchet distance": plan.num_features}
        if model.has_encoder and not model.decodes_label:
            for title, needed in _fitted_titles(model.latent_dim).items():
                titles[title] = plan.num_features
                latents = len(plan.usable.train)
                if latents < needed:
                    reasons[title] = reason("few-latents-for-fit", needed=needed, count=latents)
        if plan.extractor is None or plan.extractor.hash != random.hash:
            titles["Fréchet distance, random convolutions"] = random.num_features
        for title, features in titles.items():
            if plan.n <= features:
                reasons[title] = reason(
                    "few-images-for-covariance", features=features, count=plan.n
                )
        return reasons

    def measure(self, context: EvaluationContext) -> dict[str, Measurement]:
        model, extractor, real = context.model, context.extractor, context.real_features
        measurements: dict[str, Measurement] = {}

        def add_frechet(
            key: str, source: str, suffix: str, images: Images, by: Extractor, real: FeatureSet
        ) -> None:
            title = f"Fréchet distance{suffix}"
            if title in context.left_out:
                return
            try:
                measurements[key] = _frechet(context, source, title, images, by, real)
            except UserError as error:  # too few images for the number of features
                context.left_out[title] = as_reason(error)

        add_frechet("frechet", "prior", "", context.samples, extractor, real)
        if model.has_encoder and not model.decodes_label:
            for source, suffix, images in _from_fitted_densities(context):
                add_frechet(f"frechet.{source}", source, suffix, images, extractor, real)
        random = RandomConvolutions(model.image_shape)
        if random.hash != extractor.hash:
            real = random.features(context.test.images)
            suffix = ", random convolutions"
            add_frechet("frechet.random", "prior", suffix, context.samples, random, real)
        return measurements | _neighbour_measurements(context)


def _fitted_titles(latent_dim: int) -> dict[str, int]:
    """Return the titles of the distances for fitted densities, and the number of latents that
    each fit needs."""
    return {
        f"Fréchet distance{GAUSSIAN_SUFFIX}": latent_dim + 1,
        f"Fréchet distance{MIXTURE_SUFFIX}": NUM_COMPONENTS,
    }


def _from_fitted_densities(context: EvaluationContext) -> Iterator[tuple[str, str, Images]]:
    """Fit densities to the latents of training images, decode latents that are drawn from them,
    and yield (source, suffix of the title, images). A density that can't be fitted is named in
    `left_out`."""
    noise = Noise("fitted", context.seed)
    latents = context.train_latents

    def fit_mixture() -> FittedMixture:
        return mixture(latents, NUM_COMPONENTS, context.seed, max_points=MAX_FITTED_LATENTS)

    fits: tuple[tuple[str, str, Callable[[], FittedGaussian | FittedMixture]], ...] = (
        ("gaussian", GAUSSIAN_SUFFIX, lambda: single_gaussian(latents)),
        (f"mixture{NUM_COMPONENTS}", MIXTURE_SUFFIX, fit_mixture),
    )
    for source, suffix, fit in fits:
        title = f"Fréchet distance{suffix}"
        if title in context.left_out:
            continue
        try:
            z = fit().sample(context.n, noise.generator)
        except UserError as error:  # such as latents that are all equal
            context.left_out[title] = as_reason(error)
            continue
        yield source, suffix, decode(context.model, z)


def _frechet(
    context: EvaluationContext,
    source: str,
    title: str,
    images: Images,
    extractor: Extractor,
    real: FeatureSet,
) -> Measurement:
    """Measure a Fréchet distance; `source` names the distribution that latents were drawn from.

    Raises:
        UserError: There are too few images for the number of features.
    """
    own = extractor is context.extractor
    generated = context.features if own and images is context.samples else None
    generated = extractor.features(images) if generated is None else generated
    training = context.training_features if own else extractor.features(context.training_images)
    reference = frechet_reference(real, context.n, context.seed, training=training)
    is_fid = extractor.name.startswith("inception")
    return Measurement(
        name=title.replace("Fréchet distance", "FID") if is_fid else title,
        value=frechet(real, generated),
        unit="FID" if is_fid else "FD",
        interval=frechet_interval(real, generated, resamples=FRECHET_RESAMPLES, seed=context.seed),
        reference=reference.value,
        n=context.n,
        seed=context.seed,
        extractor=describe(extractor),
        split="test",
        protocol=f"frechet-{source}",
        note=reference.note,
    )


def _neighbour_measurements(context: EvaluationContext) -> dict[str, Measurement]:
    """Measure the kernel distance, precision, recall, density and coverage."""
    half = min(MAX_NEIGHBOUR_IMAGES, context.n // 2)
    real, other_real = context.real_features[:half], context.real_features[half : 2 * half]
    generated = context.features[:half]
    kernel = kernel_distance(
        context.real_features,
        context.features,
        subset_size=min(1000, context.n // 2),
        seed=context.seed,
    )
    pr, dc = precision_recall(real, generated), density_coverage(real, generated)
    real_pr, real_dc = precision_recall(real, other_real), density_coverage(real, other_real)
    shared = {
        "n": half, "seed": context.seed, "extractor": describe(context.extractor), "split": "test",
    }  # fmt: skip
    return {
        "kernel": Measurement(
            name="Kernel distance", value=kernel.value, interval=kernel.interval, reference=0.0,
            protocol=f"kernel-{kernel.subsets}x{kernel.subset_size}",
            **{**shared, "n": context.n},
            note="The kernel distance is an unbiased estimate: for two sets from the same "
            "distribution it scatters around 0 and can be negative.",
        ),
        "precision": Measurement(
            name="Precision", value=pr.precision, unit="share", interval=pr.precision_interval,
            reference=real_pr.precision, protocol=f"precision-k{pr.k}<=", **shared,
        ),
        "recall": Measurement(
            name="Recall", value=pr.recall, unit="share", interval=pr.recall_interval,
            reference=real_pr.recall, protocol=f"recall-k{pr.k}<=", **shared,
        ),
        "density": Measurement(
            name="Density", value=dc.density, reference=real_dc.density,
            interval=dc.density_interval, protocol=f"density-k{dc.k}<", **shared,
        ),
        "coverage": Measurement(
            name="Coverage", value=dc.coverage, unit="share", interval=dc.coverage_interval,
            reference=real_dc.coverage, protocol=f"coverage-k{dc.k}<", **shared,
        ),
    }  # fmt: skip
