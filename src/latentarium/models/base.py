"""The base class of all models, which decode latents into images."""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor

from latentarium.arguments import Integer, Number, as_count
from latentarium.config import DataCard, ModelConfig
from latentarium.distributions import Distribution, Likelihood, Prior
from latentarium.errors import UserError
from latentarium.memory import require_memory
from latentarium.models.checked import CheckedModel, a_kind
from latentarium.models.game import Player
from latentarium.models.inputs import to_model
from latentarium.models.origin import Origin
from latentarium.models.sampling import compute_in_batches, draw_latents, latent_path
from latentarium.shapes import (
    ImageInput,
    Images,
    LabelInput,
    Labels,
    LatentInput,
    Latents,
    Logits,
    PerSample,
    SoftLabels,
)
from latentarium.texts import Text

BATCH_SIZE = 500
"""Images that `sample` and `reconstruct` compute at a time, by default."""


class LatentModel(CheckedModel, ABC):
    """A model that decodes latents into images, under a prior on the latents.

    A family implements `players`, `decode` and, if its configuration declares the capability,
    `encode`, `distortion` and `discriminate`. The rest of the package checks the capabilities of a
    model, never its family.

    Images are uint8 from 0 to 255 or floats in [-1, 1], as tensors or NumPy arrays of shape
    (N, C, H, W) or (N, H, W, C); grey images may also be (N, H, W), and a single image is a batch
    of one. Latents are tensors or arrays (N, Z). They are moved to the model's device and
    converted to its type; what does not fit raises a `UserError`. Labels are given in any form
    that `sample` lists. The methods that a family implements receive tensors that were checked and
    converted.

    `encode`, `decode`, `distortion`, `discriminate` and calling the model are ordinary autograd
    functions; `sample`, `latents` and `reconstruct` return tensors without gradient.

    Arguments:
        config: The settings of the family.
        data: The card of the training data.

    Raises:
        UserError: The model needs labels, but the data has none (code "labels-missing").
    """

    prior: Prior
    fitted_prior: str | None = None
    """The kind of prior, fitted after the training, that replaces the trained one."""
    likelihood: Likelihood | None = None
    """p(x | z); None if the model has none."""
    origin: Origin | None = None
    """The training that the weights are from; None if they were not loaded from a run."""

    def __init__(self, config: ModelConfig, data: DataCard) -> None:
        super().__init__(config, data)
        self.num_classes: int = len(data.classes)
        if config.takes_label and not data.classes:
            raise UserError(
                Text(
                    "This model needs labels, but {source} has none: give labelled data, or "
                    "choose a preset that needs no labels.",
                    source=data.source,
                ),
                code="labels-missing",
            )

    def __repr__(self) -> str:
        parts = [f"image_shape={self.image_shape}", f"latent_dim={self.latent_dim}"]
        if self.takes_label:
            parts.append(f"classes={self.num_classes}")
        parts.append(f"parameters={sum(p.numel() for p in self.parameters()):,}")
        return f"{type(self).__name__}({self.kind}: {', '.join(parts)})"

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
        if self.fitted_prior is not None:
            return self.decodes_label or self.prior.takes_label
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
    def decode(self, z: LatentInput, y: LabelInput = None) -> Images:
        """Return the images (N, C, H, W) of latents, mostly in [-1, 1].

        Arguments:
            z: Latents (N, Z).
            y: A class for each latent, or weights over the classes (N, K) to blend them; None for
                a model that takes no label.

        Raises:
            UserError: The latents don't fit the model (codes "shape-mismatch", "wrong-type",
                "not-finite" and "out-of-range"), a label is missing (code "label-missing") or
                given to a model that takes none (code "label-not-taken"), or it is wrong, as for
                `sample`.
        """

    def encode(self, x: ImageInput, y: LabelInput = None) -> Distribution:
        """Return the posterior q(z | x), with one distribution for each image.

        Its `mean` has the shape (N, Z).

        Arguments:
            x: Images.
            y: As for `decode`.

        Raises:
            UserError: The model has no encoder (code "no-encoder"); the images don't fit the model
                (codes "shape-mismatch", "wrong-type", "out-of-range" and "not-finite"); or the
                label is missing, not taken or wrong, as for `decode`.
        """
        raise self._no_encoder("encode")

    def distortion(self, x: ImageInput, z: LatentInput, y: LabelInput = None) -> PerSample:
        """Return -log p(x | z), in nats, for each pair of an image and a latent.

        Arguments and errors are those of `encode` and `decode`.

        Raises:
            UserError: The model has no likelihood (code "no-likelihood").
        """
        raise UserError(
            f"{self._a_kind()} has no likelihood p(x | z): use a VAE.", code="no-likelihood"
        )

    def discriminate(self, x: ImageInput, y: LabelInput = None) -> Logits:
        """Return a logit for each image: the larger, the more real it looks and fits its label.

        Arguments are those of `encode`.

        Raises:
            UserError: The model has no discriminator (code "no-discriminator"); or as for
                `encode`.
        """
        raise UserError(
            f"{self._a_kind()} has no discriminator: use a GAN.", code="no-discriminator"
        )

    # -------------------------------------------------------------------------------- for use

    def forward(self, x: ImageInput | LatentInput, y: LabelInput = None) -> Images:
        """Return the reconstructions of images; without an encoder, the images of latents.

        Calling a model is differentiable: `model(x)` is `decode(encode(x, y).mean, y)`, or
        `decode(x, y)` if the model has no encoder.

        Arguments:
            x: Images; latents if the model has no encoder.
            y: As for `decode`.

        Raises:
            UserError: As for `encode` and `decode`.
        """
        if not self.has_encoder:
            return self.decode(x, y)
        return self.decode(self.encode(x, y).mean, y)

    def reconstruct(
        self, x: ImageInput, y: LabelInput = None, *, batch_size: Integer = BATCH_SIZE
    ) -> Images:
        """Encode images and decode the mean of each posterior, in evaluation mode.

        Arguments:
            x: Images.
            y: As for `decode`.
            batch_size: Number of images to compute at a time; does not affect the images.

        Returns:
            Images (N, C, H, W) in [-1, 1], without gradient, on the CPU.

        Raises:
            UserError: As for `encode`, or batch_size is not an integer of at least 1.
        """
        if not self.has_encoder:
            raise self._no_encoder("reconstruct")
        size = as_count("batch_size", batch_size)
        x, like = self.image_format.read(x, stacklevel=3), self._like()
        labels = self.read_labels(y, len(x))

        def reconstruct(x: Tensor, y: Tensor | None) -> Images:
            return self.decode(self.encode(to_model(x, like), y).mean, y)

        return compute_in_batches(self, reconstruct, x, labels, size)

    def sample(
        self,
        n: Integer,
        label: LabelInput = None,
        seed: Integer = 0,
        *,
        truncation: Number = 1.0,
        batch_size: Integer = BATCH_SIZE,
    ) -> Images:
        """Sample n images, in evaluation mode. The same seed gives the same images.

        Image k depends on the seed and k, and on its label, only: `sample(5, seed=0)[:1]` is
        `sample(1, seed=0)`, up to rounding.

        Arguments:
            n: Number of images.
            label: For a model that takes one: a class (its name or number); one per image; class
                numbers (n,) as a tensor or array; a blend such as "3:0.6,8:0.4"; or weights over
                the classes (n, K), which are normalized. None draws classes uniformly. If the name
                of any class is an integer, integers and text such as "3" are names of classes;
                integers in tensors and arrays are always class numbers, from 0.
            seed: Seed of the latents, and of the labels if none are given, from 0 to 2^32 - 1.
            truncation: Factor on the latents' deviation from the prior's mean; a factor below 1
                makes the images more similar to each other.
            batch_size: Number of images to decode at a time; does not affect the images.

        Returns:
            Images (n, C, H, W) in [-1, 1], without gradient, on the CPU.

        Raises:
            UserError: The label is unknown (code "unknown-class"), has the wrong type or count
                (code "label-shape"), has invalid weights (code "invalid-blend"), or is given to a
                model that takes none (code "label-not-taken"); n or batch_size is not an integer
                of at least 1 (code "invalid-count"); the seed or the truncation is invalid (codes
                "invalid-seed" and "invalid-truncation"); or the images don't fit in memory (code
                "too-large").
        """
        size, count = as_count("batch_size", batch_size), as_count("n", n)
        numbers = math.prod(self.image_shape) + 2 * self.latent_dim + self.num_classes
        require_memory(4 * count * numbers, f"{count:,} samples", "sample fewer at a time")
        z, labels = self.latents(n, label, seed, truncation=truncation)
        return compute_in_batches(self, self.decode, z, labels, size)

    def latents(
        self, n: Integer, label: LabelInput = None, seed: Integer = 0, *, truncation: Number = 1.0
    ) -> tuple[Latents, Labels | SoftLabels | None]:
        """Return the latents (n, Z) that `sample` decodes, and their labels (on the CPU).

        Arguments and errors are those of `sample`.
        """
        return draw_latents(self, n, label, seed, truncation)

    def interpolate(
        self,
        a: LatentInput,
        b: LatentInput,
        steps: Integer = 16,
        label: LabelInput = None,
        *,
        method: str = "linear",
        batch_size: Integer = BATCH_SIZE,
    ) -> Images:
        """Decode latents at equal distances on a path from a to b, in evaluation mode.

        Arguments:
            a, b: Latents (Z,), both included; those of images are `encode(x).mean`.
            steps: Number of images.
            label: As for `sample`; if two are given, they are those of a and b, and are blended
                in between.
            method: "linear", or "spherical", which keeps the norm that is typical of N(0, I).
            batch_size: Number of images to decode at a time; does not affect the images.

        Returns:
            Images (steps, C, H, W) in [-1, 1], without gradient, on the CPU.

        Raises:
            UserError: As for `decode`; the method is unknown (code "unknown-method") or finds no
                path (see `latentarium.latent.slerp`); or steps is not an integer of at least 2
                (code "too-few-steps").
        """
        path, labels = latent_path(self, (a, b), steps, label, method)
        return compute_in_batches(
            self, self.decode, path, labels, as_count("batch_size", batch_size)
        )

    def use_prior(self, prior: Prior, kind: str) -> None:
        """Replace the trained prior by a fitted one of this kind."""
        self.prior, self.fitted_prior = prior.to(self.device), kind

    def _a_kind(self) -> str:
        return a_kind(self.kind)

    def _no_encoder(self, what: str) -> UserError:
        message = f"{self._a_kind()} has no encoder and can't {what} images"
        return UserError(f"{message}: use an autoencoder or a VAE.", code="no-encoder")
