"""ELBO, rate, distortion, importance-weighted NLL and active units of a VAE."""

import math
from typing import ClassVar

from latentarium.classifier.classifier import Classifier
from latentarium.data.dataset import Data
from latentarium.data.subsets import first
from latentarium.evaluation.active_units import active_units
from latentarium.evaluation.context import EvaluationContext
from latentarium.evaluation.likelihood import elbo, importance_nll
from latentarium.evaluation.likelihood_protocols import describe_protocol, likelihood_protocol
from latentarium.evaluation.plan import Plan
from latentarium.evaluation.reasons import Reason, reason
from latentarium.evaluation.section import Section
from latentarium.models.base import LatentModel
from latentarium.registry import register
from latentarium.stats.measurement import Measurement

TITLE = "Likelihood bounds"
MAX_NLL_IMAGES = 500
"""Largest number of test images for the importance-weighted NLL."""
NO_REFERENCE = (
    "No reference is known for likelihoods, their parts and active units, because it would "
    "require the entropy of real images."
)


@register("section", "likelihood")
class LikelihoodBounds(Section):
    """Bounds of the likelihood of real test images, in nats."""

    order: ClassVar[float] = 50

    def applies(self, model: LatentModel, data: Data, classifier: Classifier | None) -> bool:
        return super().applies(model, data, classifier) and model.has_likelihood

    def unmeasurable(self, plan: Plan) -> dict[str, Reason]:
        applies = self.applies(plan.model, plan.data, None)
        return {TITLE: reason("no-labels")} if applies and plan.lacks_labels else {}

    def measure(self, context: EvaluationContext) -> dict[str, Measurement]:
        if TITLE in context.left_out:
            return {}
        model, test, seed = context.model, context.test, context.seed
        protocol = likelihood_protocol(model, test.images, context.data)
        labels = test.labels if model.takes_label else None
        bound = elbo(model, test.images, labels, seed=seed)
        few = first(test, MAX_NLL_IMAGES)
        nll = importance_nll(
            model, few.images, None if labels is None else few.labels,
            samples=context.nll_samples, seed=seed,
        )  # fmt: skip
        active = active_units(model, test.images, labels, seed=seed)
        context.tables["nll_by_samples"] = {str(k): value for k, value in nll.bounds.items()}
        if active.rates is not None:
            context.tables["rate_by_unit"] = active.rates.tolist()
        nll_protocol = f"nll-k{nll.samples}"
        nll_note = (
            f"NLL is an upper bound: {_by_samples(nll.bounds)}; the effective sample size is "
            f"{nll.effective_share:.1%} of {nll.samples} samples."
        )
        rows = {
            "elbo": (
                "ELBO", bound.elbo, bound.elbo_interval, bound.n, "elbo",
                describe_protocol(protocol),
            ),
            "rate": (
                "Rate, KL(q(z|x) || p(z))", bound.rate, bound.rate_interval, bound.n, "rate",
                NO_REFERENCE,
            ),
            "distortion": (
                "Distortion, -log p(x|z)", bound.distortion, bound.distortion_interval, bound.n,
                "distortion", NO_REFERENCE,
            ),
            "nll": (
                f"NLL, {nll.samples} importance samples", nll.nll, nll.interval, nll.n,
                nll_protocol, nll_note,
            ),
        }  # fmt: skip
        measurements = {
            key: Measurement(
                name=name, value=value, unit="nats", interval=interval, n=n, seed=seed,
                extractor="pixels", split="test", protocol=f"{quantity} {protocol}", note=note,
            )
            for key, (name, value, interval, n, quantity, note) in rows.items()
        }  # fmt: skip
        nats_per_bit = math.prod(model.image_shape) * math.log(2)
        low, high = (end / nats_per_bit for end in nll.interval)
        measurements["bits"] = Measurement(
            name="NLL in bits per dimension", value=nll.bits_per_dimension, unit="bits", n=nll.n,
            interval=(low, high), seed=seed, extractor="pixels", split="test",
            protocol=f"{nll_protocol} {protocol}", note=NO_REFERENCE,
        )  # fmt: skip
        measurements["active_units"] = Measurement(
            name=f"Active units of {model.latent_dim}", value=active.count,
            interval=active.interval, n=active.n, seed=seed, extractor="own-latent",
            split="test", protocol=f"variance-above-{active.threshold:g}", note=NO_REFERENCE,
        )  # fmt: skip
        return measurements


def _by_samples(bounds: dict[int, float]) -> str:
    return ", ".join(f"{value:.2f} at k = {k:,}" for k, value in bounds.items())
