"""The shared inputs of the claims: the trained systems, the data, and results computed once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from torch import Tensor

from latentarium.classifier.classifier import Classifier
from latentarium.data.dataset import Data
from latentarium.data.subsets import scattered
from latentarium.evaluation.context import EvaluationContext
from latentarium.evaluation.game_protocol import RESPONSE_STEPS
from latentarium.latent.gaussians import FittedMixture, mixture, single_gaussian
from latentarium.latent.prior_fit import fit_to_latents
from latentarium.metrics.distances import (
    FrechetReference,
    frechet,
    frechet_interval,
    frechet_reference,
)
from latentarium.metrics.extractors import describe
from latentarium.models.base import LatentModel
from latentarium.models.inference import decode
from latentarium.rng import Noise
from latentarium.run import Run
from latentarium.shapes import Images, LatentSet
from latentarium.stats.measurement import Measurement
from latentarium.tour.realism_probe import RealismProbe, probe_realism

T = TypeVar("T")

SAMPLER_TITLES = {
    "ae": "AE, one Gaussian",
    "ae_mixture": "AE, fitted mixture",
    "vae": "VAE, N(0, I)",
    "vae_flow": "VAE, learned flow",
    "vae@mixture": "VAE, fitted mixture",
    "gan": "GAN",
    "cgan": "CGAN",
}
"""The ways of sampling that claims compare, by the key in `TourContext.samples`."""
MIXTURE_COMPONENTS, MIXTURE_POINTS = 50, 15_000
"""Number of Gaussians in a mixture fitted to latents; number of latents of the autoencoder that
it is fitted to."""
RESAMPLES = 20


class Computed(dict[str, T]):
    """Values by name, each of which is computed when it is first looked up."""

    def __init__(self, compute: Callable[[str], T]) -> None:
        super().__init__()
        self._compute = compute

    def __missing__(self, name: str) -> T:
        self[name] = value = self._compute(name)
        return value


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
    runs: Mapping[str, Run]
    seed: int
    n: int
    response_steps: int = RESPONSE_STEPS
    _evaluations: dict[str, EvaluationContext] = field(
        default_factory=dict, init=False, repr=False
    )

    def evaluation(self, name: str) -> EvaluationContext:
        """Return a run's model with its samples, features and latents.

        Arguments:
            name: The name of the run; NAME@mixture is the run with a mixture that is fitted to its
                latents as its prior.
        """
        if name not in self._evaluations:
            run, _, prior = name.partition("@")
            model = self.runs[run].load()
            if prior == "mixture":
                fit = fit_to_latents(
                    model, self.data, prior, components=MIXTURE_COMPONENTS, seed=self.seed
                )
                model.use_prior(fit.prior, prior)
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
    def samples(self) -> Mapping[str, Images]:
        """n samples for each key of `SAMPLER_TITLES`. An autoencoder has no prior: the latents of
        "ae" are drawn from one Gaussian fitted to its latents, those of "ae_mixture" from a fitted
        mixture."""
        return Computed(
            lambda name: (
                self._ae_samples[name]
                if name in ("ae", "ae_mixture")
                else self.evaluation(name).samples
            )
        )

    @cached_property
    def _ae_samples(self) -> dict[str, Images]:
        noise = Noise("tour", self.seed)
        gaussian = single_gaussian(self.train_latents("ae")).sample(self.n, noise.generator)
        mixed = self.ae_mixture.sample(self.n, noise.generator)
        return {"ae": self.decode("ae", gaussian), "ae_mixture": self.decode("ae", mixed)}

    @property
    def requested_labels(self) -> Tensor:
        """The labels that conditional samples are requested for: every class equally often."""
        return self.evaluation("cgan").requested_labels

    @cached_property
    def features(self) -> Mapping[str, Tensor]:
        """The classifier's features of the samples."""
        return Computed(lambda name: self.classifier.features(self.samples[name]))

    @cached_property
    def predicted_labels(self) -> Mapping[str, Tensor]:
        """The class that the classifier predicts for each sample."""
        return Computed(lambda name: self.classifier.predict(self.samples[name]))

    @cached_property
    def frechet_distances(self) -> Mapping[str, Measurement]:
        """The Fréchet distance of the samples to the test images, on the classifier's features."""
        return Computed(lambda name: self._frechet(name, self.features[name]))

    def _frechet(self, name: str, features: Tensor) -> Measurement:
        return Measurement(
            name=f"Fréchet distance, {SAMPLER_TITLES[name]}",
            value=frechet(self.test_features, features),
            interval=frechet_interval(
                self.test_features, features, resamples=RESAMPLES, seed=self.seed
            ),
            unit="FD",
            n=self.n,
            extractor=describe(self.classifier),
            reference=self._frechet_reference.value,
            better="lower",
            note=self._frechet_reference.note,
        )

    @cached_property
    def _frechet_reference(self) -> FrechetReference:
        training = self.classifier.features(scattered(self.data.train, self.n).images)
        return frechet_reference(self.test_features, self.n, self.seed, training=training)
