"""The shared inputs of the claims: the trained systems, the data, and results computed once."""

from dataclasses import dataclass, field
from functools import cached_property

from torch import Tensor

from latentarium.classifier.classifier import Classifier
from latentarium.data.dataset import Data
from latentarium.data.subsets import scattered
from latentarium.evaluation.context import EvaluationContext
from latentarium.evaluation.game_protocol import RESPONSE_STEPS
from latentarium.latent.gaussians import FittedMixture, mixture, single_gaussian
from latentarium.metrics.distances import frechet, frechet_interval, frechet_reference
from latentarium.metrics.extractors import describe
from latentarium.models.base import LatentModel
from latentarium.models.inference import decode
from latentarium.rng import Noise
from latentarium.run import Run
from latentarium.shapes import Images, LatentSet
from latentarium.stats.measurement import Measurement
from latentarium.tour.realism_probe import RealismProbe, probe_realism

SAMPLER_TITLES = {
    "ae": "AE, one Gaussian",
    "ae_mixture": "AE, fitted mixture",
    "vae": "VAE, its prior",
    "gan": "GAN",
    "cgan": "CGAN",
}
"""The ways of sampling that claims compare, by the key in `TourContext.samples`."""
MIXTURE_COMPONENTS, MIXTURE_POINTS = 50, 15_000
"""Number of Gaussians in the mixture fitted to the autoencoder's latents, and number of latents
that it is fitted to."""
RESAMPLES = 20


@dataclass
class TourContext:
    """Inputs and results that the claims of a tour share. Results are computed at first use.

    Arguments:
        data: Real images, after `shuffle_test_split`.
        classifier: The classifier of real images.
        runs: The trained runs by name.
        seed: The seed of all random numbers.
        n: The number of samples for distances and counts.
        response_steps: Moves of the longest best responses, for the duality gap.
    """

    data: Data
    classifier: Classifier
    runs: dict[str, Run]
    seed: int
    n: int
    response_steps: int = RESPONSE_STEPS
    _evaluations: dict[str, EvaluationContext] = field(
        default_factory=dict, init=False, repr=False
    )

    def evaluation(self, name: str) -> EvaluationContext:
        """Return a run's model with its samples, features and latents."""
        if name not in self._evaluations:
            model = self.runs[name].load()
            self._evaluations[name] = EvaluationContext(
                model, self.data, self.classifier, self.classifier, self.n, self.seed
            )
        return self._evaluations[name]

    def model(self, name: str) -> LatentModel:
        """Return the model of a run."""
        return self.evaluation(name).model

    def train_latents(self, name: str) -> LatentSet:
        """Return a latent for each training image, drawn from its posterior."""
        return self.evaluation(name).train_latents

    def test_latents(self, name: str) -> LatentSet:
        """Return a latent for each test image, drawn from its posterior."""
        return self.evaluation(name).test_latents

    def decode(self, name: str, z: Tensor) -> Images:
        """Decode latents in batches."""
        return decode(self.model(name), z)

    @cached_property
    def test_features(self) -> Tensor:
        """The classifier's features of the real test images."""
        return self.classifier.features(self.data.test.images)

    @cached_property
    def realism_probes(self) -> dict[str, RealismProbe]:
        """The realism of images by the distance of their latents to the data, for AE and VAE."""
        return {
            name: probe_realism(self.evaluation(name), self.classifier, self.test_features)
            for name in ("ae", "vae")
        }

    @cached_property
    def ae_mixture(self) -> FittedMixture:
        """A mixture of Gaussians fitted to the autoencoder's latents."""
        latents = self.train_latents("ae")
        return mixture(latents, MIXTURE_COMPONENTS, self.seed, max_points=MIXTURE_POINTS)

    @cached_property
    def samples(self) -> dict[str, Images]:
        """n samples for each key of `SAMPLER_TITLES`. An autoencoder has no prior: the latents of
        "ae" are drawn from one Gaussian fitted to its latents, those of "ae_mixture" from a fitted
        mixture."""
        noise = Noise("tour", self.seed)
        gaussian = single_gaussian(self.train_latents("ae")).sample(self.n, noise.generator)
        mixed = self.ae_mixture.sample(self.n, noise.generator)
        fitted = {"ae": self.decode("ae", gaussian), "ae_mixture": self.decode("ae", mixed)}
        return fitted | {name: self.evaluation(name).samples for name in ("vae", "gan", "cgan")}

    @property
    def requested_labels(self) -> Tensor:
        """The labels that conditional samples are requested for: every class equally often."""
        return self.evaluation("cgan").requested_labels

    @cached_property
    def features(self) -> dict[str, Tensor]:
        """The classifier's features of the samples."""
        return {name: self.classifier.features(images) for name, images in self.samples.items()}

    @cached_property
    def predicted_labels(self) -> dict[str, Tensor]:
        """The class that the classifier predicts for each sample."""
        return {name: self.classifier.predict(images) for name, images in self.samples.items()}

    @cached_property
    def frechet_distances(self) -> dict[str, Measurement]:
        """The Fréchet distance of the samples to the test images, on the classifier's features."""
        training = self.classifier.features(scattered(self.data.train, self.n).images)
        reference = frechet_reference(self.test_features, self.n, self.seed, training=training)
        return {
            name: Measurement(
                name=f"Fréchet distance, {SAMPLER_TITLES[name]}",
                value=frechet(self.test_features, features),
                interval=frechet_interval(
                    self.test_features, features, resamples=RESAMPLES, seed=self.seed
                ),
                unit="FD",
                n=self.n,
                extractor=describe(self.classifier),
                reference=reference.value,
                better="lower",
                note=reference.note,
            )
            for name, features in self.features.items()
        }
