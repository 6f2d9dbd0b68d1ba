"""Conditional GANs on MNIST: adherence to the label, coverage and realism."""

from typing import ClassVar

from latentarium.bench.bench import Bench, Column, MeasuringProgress
from latentarium.classifier.classifier import load_classifier
from latentarium.data.dataset import Data
from latentarium.evaluation.context import EvaluationContext, shuffle_test_split
from latentarium.evaluation.sections.labels import LabelAdherence
from latentarium.evaluation.sections.samples import Samples
from latentarium.models.base import LatentModel
from latentarium.registry import register
from latentarium.stats.measurement import Measurement

MAX_SAMPLES = 10_000


@register("bench", "cgan-mnist")
class ConditionalMNIST(Bench):
    """GAN-test, GAN-train, coverage, rejection of wrong labels, and the Fréchet distance."""

    title = "Conditional GAN on MNIST"
    protocol = (
        "10,000 samples, every digit equally often. GAN-test: share classified as the requested "
        "digit. GAN-train: accuracy on real test images of a classifier trained on the samples. "
        "Wrong label: AUC of the discriminator over all pairs of classes."
    )
    presets: ClassVar[tuple[str, ...]] = ("cgan_mnist",)
    columns: ClassVar[tuple[Column, ...]] = (
        Column(key="gan_test", title="GAN-test", unit="share"),
        Column(key="gan_test.worst", title="GAN-test, worst digit", unit="share"),
        Column(key="gan_train", title="GAN-train", unit="share"),
        Column(key="coverage.worst", title="coverage, worst digit", unit="share"),
        Column(key="wrong_label", title="wrong-label AUC", ideal=1.0, maximum=1.0),
        Column(key="frechet", title="Fréchet, classifier", unit="FD"),
    )
    caveat = "There is no standard published table for conditional GANs on MNIST."

    def measure(
        self, model: LatentModel, data: Data, seed: int, progress: MeasuringProgress
    ) -> dict[str, Measurement]:
        classifier = load_classifier()
        n = min(MAX_SAMPLES, len(data.test))
        data = shuffle_test_split(data)
        context = EvaluationContext(model, data, classifier, classifier, n, seed)
        measurements = Samples().measure(context)
        progress(1, 3)
        measurements |= LabelAdherence().measure(context)
        return {column.key: measurements[column.key] for column in self.columns}
