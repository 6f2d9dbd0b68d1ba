"""The base class of all models, which decode latents into images."""

import math
from abc import ABC, abstractmethod

import torch
from torch import nn

from latentarium.config import DataCard, ModelConfig
from latentarium.distributions import Distribution, Likelihood, Prior
from latentarium.errors import UserError
from latentarium.models.game import Player
from latentarium.models.labels import resolve_labels
from latentarium.rng import Noise
from latentarium.shapes import Images, Labels, Latents, Logits, PerSample, SoftLabels


class LatentModel(nn.Module, ABC):
    """A model that decodes latents into images, under a prior on the latents.

    A family implements `players`, `decode` and, if its configuration declares the capability,
    `encode`, `distortion` and `discriminate`. The rest of the package checks the capabilities of a
    model, never its family.

    Arguments:
        config: The settings of the family.
        data: The card of the training data.

    Raises:
        UserError: The model needs labels, but the data has none (code "labels-missing").
    """

    prior: Prior
    likelihood: Likelihood | None = None
    """p(x | z); None if the model has none."""

    def __init__(self, config: ModelConfig, data: DataCard) -> None:
        super().__init__()
        self.config = config
        self.data = data
        self.image_shape: tuple[int, int, int] = data.image_shape
        self.classes: tuple[str, ...] = data.classes
        self.num_classes: int = len(data.classes)
        if config.takes_label and not data.classes:
            raise UserError(
                f"This model needs labels, but {data.source} has none: give labelled data, or "
                "choose a preset that needs no labels.",
                code="labels-missing",
            )

    # ------------------------------------------------------------------------- capabilities

    @property
    def kind(self) -> str:
        """The kind of model in words: "autoencoder", "VAE", "GAN", "conditional GAN"."""
        return self.config.kind

    @property
    def latent_dim(self) -> int:
        """Number of dimensions of z."""
        return self.config.latent_dim

    @property
    def takes_label(self) -> bool:
        """Whether `sample` accepts a class."""
        return self.config.takes_label

    @property
    def decodes_label(self) -> bool:
        """Whether `decode` needs the label as well as z."""
        return self.config.decodes_label

    @property
    def has_encoder(self) -> bool:
        """Whether images can be encoded."""
        return self.config.has_encoder

    @property
    def has_likelihood(self) -> bool:
        """Whether the ELBO can be computed, which needs p(x | z) and a posterior density."""
        return self.config.has_likelihood

    @property
    def has_discriminator(self) -> bool:
        """Whether a discriminator scores how real an image looks."""
        return self.config.has_discriminator

    @property
    def adversarial(self) -> bool:
        """Whether players with opposing losses train the model."""
        return self.config.adversarial

    @property
    def device(self) -> torch.device:
        """The device of the parameters."""
        return next(self.parameters()).device

    # ------------------------------------------------------------------- what a family defines

    @abstractmethod
    def players(self) -> list[Player]:
        """Return the players of the game, in the order in which they move in each round."""

    @abstractmethod
    def decode(self, z: Latents, y: Labels | SoftLabels | None = None) -> Images:
        """Return the images of latents.

        Arguments:
            z: Latents.
            y: A class for each latent, or weights over the classes to blend them; None for a model
                that takes no label.

        Raises:
            UserError: A label is missing (code "label-missing"), or a label is given to a model
                that takes none (code "label-not-taken").
        """

    def encode(self, x: Images, y: Labels | SoftLabels | None = None) -> Distribution:
        """Return the posterior q(z | x).

        Arguments:
            x: Images in [-1, 1].
            y: As for `decode`.

        Raises:
            UserError: The model has no encoder (code "no-encoder"), or the label is missing or not
                taken, as for `decode`.
        """
        raise self._no_encoder("encode")

    def distortion(self, x: Images, z: Latents, y: Labels | SoftLabels | None = None) -> PerSample:
        """Return -log p(x | z), in nats, for each pair of an image and a latent.

        Raises:
            UserError: The model has no likelihood (code "no-likelihood").
        """
        raise UserError(
            f"{self._a_kind()} has no likelihood p(x | z): use a VAE.", code="no-likelihood"
        )

    def discriminate(self, x: Images, y: Labels | SoftLabels | None = None) -> Logits:
        """Return a logit for each image: the larger, the more real it looks and fits its label.

        Raises:
            UserError: The model has no discriminator (code "no-discriminator").
        """
        raise UserError(
            f"{self._a_kind()} has no discriminator: use a GAN.", code="no-discriminator"
        )

    # -------------------------------------------------------------------------------- for use

    def reconstruct(self, x: Images, y: Labels | SoftLabels | None = None) -> Images:
        """Encode images and decode the mean of each posterior.

        Raises:
            UserError: As for `encode`.
        """
        if not self.has_encoder:
            raise self._no_encoder("reconstruct")
        return self.decode(self.encode(x, y).mean, y)

    def sample(
        self,
        n: int,
        label: object = None,
        seed: int = 0,
        *,
        truncation: float = 1.0,
        batch_size: int = 500,
    ) -> Images:
        """Sample n images. The same seed gives the same images.

        Arguments:
            n: Number of images.
            label: For a model that takes one: a class (its number or name), one per image, a
                blend such as "3:0.6,8:0.4", or weights over the classes (n, K). None draws
                classes uniformly.
            seed: Seed of the latents, and of the labels if none are given.
            truncation: Factor on the latents' deviation from the prior's mean; a factor below 1
                makes the images more similar to each other.
            batch_size: Number of images to decode at a time; does not affect the images.

        Returns:
            Images in [-1, 1], on the CPU.

        Raises:
            UserError: The label is unknown, has the wrong count, or is given to a model that
                takes none; or n or truncation is out of range.
        """
        z, labels = self.latents(n, label, seed, truncation=truncation)
        images = []
        was_training = self.training
        self.eval()
        with torch.no_grad():
            for start in range(0, n, batch_size):
                part = slice(start, start + batch_size)
                y = None if labels is None else labels[part].to(self.device)
                images.append(self.decode(z[part], y).clamp(-1, 1).cpu())
        self.train(was_training)
        return torch.cat(images)

    def latents(
        self, n: int, label: object = None, seed: int = 0, *, truncation: float = 1.0
    ) -> tuple[Latents, Labels | SoftLabels | None]:
        """Return the latents that `sample` decodes, and their labels (on the CPU).

        Arguments and errors are those of `sample`.
        """
        if n < 1:
            raise UserError(f"n is {n}; it must be at least 1.", code="invalid-count")
        if not 0 <= truncation < math.inf:
            raise UserError(
                f"truncation is {truncation}; it must be finite and at least 0.",
                code="invalid-truncation",
            )
        noise = Noise("sample", seed, device=self.device)
        labels = resolve_labels(label, n, self.classes, self.takes_label, noise)
        with torch.no_grad():
            prior = self.prior(None if labels is None else labels.to(self.device), n)
            z = prior.sample(noise, truncation)
        return z, None if labels is None else labels.cpu()

    def _class_weights(self, y: Labels | SoftLabels | None) -> SoftLabels | None:
        """Return labels as weights over classes; None if the networks take no label."""
        if not self.takes_label:
            if y is not None:
                raise UserError(
                    f"{self._a_kind()} takes no label: leave the label out.",
                    code="label-not-taken",
                )
            return None
        if not self.decodes_label:  # only the prior depends on the label
            return None
        if y is None:
            raise UserError(
                f"{self._a_kind()} needs a label for each image: give labels.",
                code="label-missing",
            )
        if y.dtype.is_floating_point:
            return y
        return nn.functional.one_hot(y.long(), self.num_classes).float()

    def _a_kind(self) -> str:
        article = "An" if self.kind[0] in "aeiou" else "A"
        return f"{article} {self.kind}"

    def _no_encoder(self, what: str) -> UserError:
        return UserError(
            f"{self._a_kind()} has no encoder and can't {what} images: use an autoencoder or a "
            "VAE.",
            code="no-encoder",
        )
