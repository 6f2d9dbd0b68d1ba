"""Reconstruction error of the test images."""

from typing import ClassVar

from latentarium.classifier.classifier import Classifier
from latentarium.data.dataset import Data
from latentarium.evaluation.context import EvaluationContext
from latentarium.evaluation.plan import Plan
from latentarium.evaluation.reasons import Reason, reason
from latentarium.evaluation.section import Section
from latentarium.metrics.extractors import describe
from latentarium.metrics.reconstruction import PSNR_CAP, measure_reconstruction
from latentarium.models.base import LatentModel
from latentarium.registry import register
from latentarium.stats.measurement import Measurement

TITLE = "Reconstruction errors"


@register("section", "reconstruction")
class ReconstructionErrors(Section):
    """Squared error, PSNR, SSIM and feature distance of reconstructed test images."""

    order: ClassVar[float] = 40

    def applies(self, model: LatentModel, data: Data, classifier: Classifier | None) -> bool:
        return super().applies(model, data, classifier) and model.has_encoder

    def unmeasurable(self, plan: Plan) -> dict[str, Reason]:
        applies = self.applies(plan.model, plan.data, None) and plan.model.decodes_label
        return {TITLE: reason("no-labels")} if applies and plan.lacks_labels else {}

    def measure(self, context: EvaluationContext) -> dict[str, Measurement]:
        if TITLE in context.left_out:
            return {}
        errors = measure_reconstruction(
            context.test.images, context.reconstructions, context.extractor, seed=context.seed
        )
        shared = {"n": context.n, "seed": context.seed, "split": "test"}
        rows = [
            (
                "mse",
                "Squared error per pixel, pixels from 0 to 1",
                "",
                errors.mse,
                0.0,
                "mse-unit",
            ),
            ("psnr", "PSNR, mean over images", "dB", errors.psnr, PSNR_CAP, "psnr-per-image"),
            ("ssim", "SSIM", "", errors.ssim, 1.0, "ssim-gauss1.5"),
        ]
        measurements = {
            key: Measurement(
                name=name, value=mean.value, unit=unit, interval=mean.interval,
                reference=reference, extractor="pixels", protocol=f"reconstruction-{protocol}",
                **shared,
            )
            for key, name, unit, mean, reference, protocol in rows
        }  # fmt: skip
        if errors.feature_distance is not None:
            measurements["reconstruction"] = Measurement(
                name="Reconstruction error in features", value=errors.feature_distance.value,
                interval=errors.feature_distance.interval, reference=0.0,
                extractor=describe(context.extractor), protocol="reconstruction-features",
                **shared,
                note="The mean feature distance between two different real images is "
                f"{errors.unrelated_feature_distance:.3g}.",
            )  # fmt: skip
        return measurements
