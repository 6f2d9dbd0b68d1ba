"""The one idea: a model decodes latents into images, under a prior on the latents."""

import math
from abc import ABC, abstractmethod

import torch
from torch import nn

from latentarium.config import DataCard, ModelConfig
from latentarium.distributions import Posterior, Prior
from latentarium.errors import UserError
from latentarium.models.game import Player
from latentarium.models.labels import resolve_labels
from latentarium.rng import Noise
from latentarium.shapes import Images, Labels, Latents, SoftLabels


class LatentModel(nn.Module, ABC):
    """A model that decodes latents into images, under a prior on the latents."""

    prior: Prior

    def __init__(self, config: ModelConfig, data: DataCard) -> None:
        super().__init__()
        self.config = config
        self.data = data
        self.image_shape = data.image_shape
        self.classes = data.classes
        self.num_classes = len(data.classes)
        if config.uses_labels and not data.classes:
            raise UserError(
                f"This model needs labels, and {data.source} has none: give labelled data, or "
                "choose a preset that needs none."
            )

    @property
    def latent_dim(self) -> int:
        """Dimensions of z."""
        return self.config.latent_dim

    @property
    def takes_label(self) -> bool:
        """True where `sample` can be told which class to make."""
        return self.config.uses_labels

    @property
    def decodes_label(self) -> bool:
        """True where `decode` itself needs the label beside z."""
        return self.config.conditional

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    @abstractmethod
    def players(self) -> list[Player]:
        """The game: who moves, in this order, in each round."""

    @abstractmethod
    def decode(self, z: Latents, y: Labels | SoftLabels | None = None) -> Images:
        """Images from latents; soft labels blend classes."""

    @abstractmethod
    def encode(self, x: Images, y: Labels | SoftLabels | None = None) -> Posterior:
        """The posterior q(z | x).

        Raises:
            UserError: The model has no encoder.
        """

    @abstractmethod
    def reconstruct(self, x: Images, y: Labels | SoftLabels | None = None) -> Images:
        """Decodes the posterior's mean."""

    def sample(
        self,
        n: int,
        label: object = None,
        seed: int = 0,
        *,
        truncation: float = 1.0,
        batch_size: int = 500,
    ) -> Images:
        """Draws n images; the same seed gives the same images.

        Arguments:
            n: How many.
            label: For a model that takes one: a class (its number or name), one per image, a
                blend such as "3:0.6,8:0.4", or soft labels (n, K); None draws classes evenly at
                random.
            seed: Of the latents (and of the labels, where none are given).
            truncation: Scales the latents' deviation; below 1 the images are more alike.
            batch_size: Images decoded at once; it does not change them.

        Raises:
            UserError: A label for a model that takes none, an unknown class, a wrong count, a
                truncation that is negative or not finite.
        """
        z, labels = self.latents(n, label, seed, truncation=truncation)
        images = []
        was_training = self.training
        self.eval()
        with torch.no_grad():
            for start in range(0, n, batch_size):
                part = slice(start, start + batch_size)
                y = None if labels is None else labels[part].to(self.device)
                images.append(self.decode(z[part], self.seen(y)).clamp(-1, 1).cpu())
        self.train(was_training)
        return torch.cat(images)

    def latents(
        self, n: int, label: object = None, seed: int = 0, *, truncation: float = 1.0
    ) -> tuple[Latents, Labels | SoftLabels | None]:
        """What `sample` decodes: n draws from the prior, and the labels that they were drawn for.
        Arguments and errors are those of `sample`."""
        if n < 1:
            raise UserError(f"n is {n}; ask for at least 1 image.")
        if not 0 <= truncation < math.inf:
            raise UserError(f"truncation is {truncation}; give 0 or more.")
        noise = Noise("sample", seed)
        labels = resolve_labels(label, n, self.classes, self.takes_label, noise)
        eps = noise.normal(n, self.latent_dim).to(self.device)
        with torch.no_grad():
            prior = self.prior.given(None if labels is None else labels.to(self.device), n)
            return prior.mean + truncation * (0.5 * prior.log_variance).exp() * eps, labels

    def seen(self, y: Labels | SoftLabels | None) -> Labels | SoftLabels | None:
        """The labels that encoder and decoder see: the same, or none where only the prior looks
        at them or nothing does."""
        return y if self.decodes_label else None

    def condition(self, y: Labels | SoftLabels | None) -> SoftLabels | None:
        """Labels as weights over classes for a model that decodes with them, checked both ways."""
        if not self.decodes_label:
            if y is not None:
                raise UserError("This model does not look at labels: leave the label out.")
            return None
        if y is None:
            raise UserError("This model is conditional: give a label for each image.")
        if y.dtype.is_floating_point:
            return y
        return nn.functional.one_hot(y.long(), self.num_classes).float()
