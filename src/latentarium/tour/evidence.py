"""What several claims look at, computed once: models, encodings, samples, the judge's features."""

from dataclasses import dataclass, field
from functools import cached_property

from torch import Tensor

from latentarium.classifier.classifier import Classifier
from latentarium.data.dataset import Data
from latentarium.evaluation.context import EvaluationContext
from latentarium.latent.gaussians import FittedMixture, mixture, single_gaussian
from latentarium.metrics.distances import frechet, frechet_interval, frechet_reference
from latentarium.metrics.extractors import describe
from latentarium.models.base import LatentModel
from latentarium.models.inference import decode
from latentarium.rng import Noise
from latentarium.run import Run
from latentarium.shapes import Images, LatentSet
from latentarium.stats.measurement import Measurement
from latentarium.tour.ladder import Ladder, ladder


@dataclass
class Evidence:
    """All that the claims are measured on.

    Arguments:
        data: Real images, after `shuffle_test_split`.
        judge: The classifier of real images.
        runs: Trained runs by name.
        toys: 2-D runs by name.
        seed: Of every draw.
        n: Samples for distances and counts.
    """

    data: Data
    judge: Classifier
    runs: dict[str, Run]
    toys: dict[str, Run]
    seed: int
    n: int
    subjects: dict[str, EvaluationContext] = field(init=False)

    def __post_init__(self) -> None:
        self.subjects = {
            name: EvaluationContext(
                run.load(), self.data, self.judge, self.judge, self.n, self.seed
            )
            for name, run in self.runs.items()
        }

    @cached_property
    def models(self) -> dict[str, LatentModel]:
        """The trained models."""
        return {name: subject.model for name, subject in self.subjects.items()}

    @cached_property
    def test_features(self) -> Tensor:
        """The judge's features of the real test images."""
        return self.judge.features(self.data.test.images)

    @cached_property
    def codes(self) -> dict[str, dict[str, LatentSet]]:
        """Latents of train and test images by model: the mean for a point, one draw for a
        Gaussian, so that they follow the aggregate posterior."""
        return {
            name: {"train": subject.train_latents, "test": subject.test_latents}
            for name, subject in self.subjects.items()
            if subject.model.has_encoder
        }

    @cached_property
    def ladders(self) -> dict[str, Ladder]:
        """Latents from data into the gaps, and how real their decodes are."""
        return {
            name: ladder(self.subjects[name], self.judge, self.test_features)
            for name in ("ae", "vae")
        }

    @cached_property
    def ae_mixture(self) -> FittedMixture:
        """A mixture of Gaussians fitted to the autoencoder's latents."""
        return mixture(self.codes["ae"]["train"], 50, self.seed, max_points=15_000)

    def decode(self, name: str, z: Tensor) -> Images:
        """Decodes latents in batches, in [-1, 1]."""
        return decode(self.models[name], z)

    @cached_property
    def samples(self) -> dict[str, Images]:
        """n images of each system; "ae" draws from one Gaussian fitted to its latents, for it has
        no prior of its own."""
        noise = Noise("tour", self.seed)
        codes = self.codes["ae"]["train"]
        bounding = single_gaussian(codes).sample(self.n, noise.generator)
        mixed = self.ae_mixture.sample(self.n, noise.generator)
        fitted = {"ae": self.decode("ae", bounding), "ae_mixture": self.decode("ae", mixed)}
        return fitted | {name: self.subjects[name].samples for name in ("vae", "gan", "cgan")}

    @property
    def asked(self) -> Tensor:
        """The labels asked for: every class equally often."""
        return self.subjects["cgan"].requested_labels

    @cached_property
    def features(self) -> dict[str, Tensor]:
        """The judge's features of the samples."""
        return {name: self.judge.features(images) for name, images in self.samples.items()}

    @cached_property
    def judged(self) -> dict[str, Tensor]:
        """The judge's label of each sample."""
        return {name: self.judge.predict(images) for name, images in self.samples.items()}

    @cached_property
    def distance(self) -> dict[str, Measurement]:
        """Fréchet distance of each system's samples to the test images, by the judge."""
        floor = frechet_reference(self.test_features, self.n, self.seed)
        found = {}
        for name, features in self.features.items():
            found[name] = Measurement(
                name=f"Fréchet distance, {TITLES[name]}",
                value=frechet(self.test_features, features),
                interval=frechet_interval(
                    self.test_features, features, resamples=20, seed=self.seed
                ),
                unit="FD",
                n=self.n,
                extractor=describe(self.judge),
                reference=floor.value,
                note=f"floor: real against real at n = {floor.n:,}",
            )
        return found


TITLES = {
    "ae": "AE, one Gaussian",
    "ae_mixture": "AE, fitted mixture",
    "vae": "VAE, its prior",
    "gan": "GAN",
    "cgan": "CGAN",
}
