"""A data set encoded by a model, and the plane on which its map is drawn.

    latents     one latent per training image, drawn from the image's posterior
    plane       the latent space itself if it has two dimensions, otherwise the principal plane of
                the latents
    gaussians   a Gaussian for each class

A model without an encoder, or whose encoder needs the label, has no plane: its map is a grid of
random seeds, each of which gives one latent.

References:
    Latent space cartography (Liu et al., 2019)
"""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from latentarium.cached import cached
from latentarium.data.dataset import Data, Split
from latentarium.data.subsets import stratified
from latentarium.errors import UserError
from latentarium.latent.gaussians import ClassGaussians, Ellipse
from latentarium.latent.lattice import seed_lattice
from latentarium.latent.neighbours import Neighbours, NeighbourSearch
from latentarium.latent.planes import Plane, aligned_plane, principal_plane
from latentarium.models.base import LatentModel
from latentarium.models.inference import encode
from latentarium.shapes import LatentSet, Points

K_NEAREST = 5
"""The distance of a latent to the data is its distance to the 5th nearest training latent."""
ELLIPSE_SIGMAS = (1.0, 2.0)
NO_LABEL, MAX_CLASS = 255, 254
ImageSet = Literal["map", "test"]
"""The images on the map (training images, after them validation images), or the test images."""


class EncodedData:
    """The images of a data set with their latents.

    Arguments:
        model: A model in evaluation mode.
        data: The data that the model was trained on.
        seed: Seed of the latents that are drawn from posteriors, and of the lattice.
        max_points: Number of training images on the map, chosen as a stratified subset. With 0,
            the map contains all training images, followed by all validation images.
        align_to: Returns the coordinates of the same images on another map. The plane's axes are
            rotated and mirrored so that this map matches the other map. The map is not aligned if
            `align_to` is None or returns None.
        lock: A re-entrant lock, held while a value is computed and cached; None creates one.
    """

    def __init__(
        self,
        model: LatentModel,
        data: Data,
        seed: int = 0,
        *,
        max_points: int = 0,
        align_to: Callable[[], Points | None] | None = None,
        lock: AbstractContextManager[object] | None = None,
    ) -> None:
        self.model = model
        self.data = data
        self.seed = seed
        self.train: Split = stratified(data.train, max_points) if max_points else data.train
        self._align_to = align_to
        self._includes_held_out = not max_points
        self._lock = threading.RLock() if lock is None else lock

    @property
    def can_encode(self) -> bool:
        """True if the model encodes images without their label."""
        return self.model.has_encoder and not self.model.decodes_label

    def require_encoder(self) -> None:
        """Raise UserError (code "no-encoder") unless the model can encode images."""
        if not self.can_encode:
            raise UserError(
                "This model has no encoder that works without a label, so images have no latents: "
                "use an autoencoder or an unconditional VAE, or give a point of the lattice.",
                code="no-encoder",
            )

    @cached
    def latents(self) -> LatentSet:
        """One latent per training image, drawn from the image's posterior."""
        return encode(self.model, self.train, self.seed)

    @cached
    def held_out_latents(self) -> LatentSet:
        """One latent per validation image, drawn from the image's posterior."""
        return encode(self.model, self.data.validation, self.seed)

    @property
    def splits(self) -> list[Split]:
        """The splits whose images are on the map, in the order of the image numbers."""
        return [self.train, self.data.validation][: 1 + self._includes_held_out]

    @property
    def num_images(self) -> int:
        """Number of images on the map."""
        return sum(map(len, self.splits))

    def all_latents(self) -> LatentSet:
        """Return the latents of all images on the map."""
        if not self._includes_held_out:
            return self.latents
        return torch.cat([self.latents, self.held_out_latents])

    def class_numbers(self) -> np.ndarray:
        """Return the class number of each image on the map as uint8.

        It is 255 without labels, and 254 for all class numbers from 254 on.
        """
        return np.concatenate([
            np.full(len(split), NO_LABEL, np.uint8) if split.labels is None
            else split.labels.clamp_max(MAX_CLASS).numpy().astype(np.uint8)
            for split in self.splits
        ])  # fmt: skip

    def image(self, number: int, images: ImageSet = "map") -> Tensor | None:
        """Return the pixels of an image on the map or of a test image, uint8 (C, H, W); None if
        there is no image of this number."""
        for split in [self.data.test] if images == "test" else self.splits:
            if 0 <= number < len(split):
                return split.images[number]
            number -= len(split)
        return None

    @cached
    def plane(self) -> Plane:
        """The plane of the map."""
        self.require_encoder()
        if self.model.latent_dim == 2:
            axes = torch.eye(2, dtype=torch.float64)
            return Plane(origin=torch.zeros(2, dtype=torch.float64), axes=axes, variance_share=1.0)
        plane = principal_plane(self.latents)
        target = self._align_to() if self._align_to else None
        return plane if target is None else aligned_plane(plane, self.latents, target)

    def points(self, plane: Plane | None = None) -> np.ndarray:
        """Return the coordinates of all images on a plane, float32 (N, 2).

        If `plane` is None, the map's own plane is used.
        """
        with self._lock:
            return (plane or self.plane).project(self.all_latents()).float().numpy()

    def unproject(self, points: Tensor, plane: Plane | None = None) -> LatentSet:
        """Return the latents of points (N, 2) of a plane.

        If `plane` is None, the points are on the map's own plane, or on the lattice if the model
        can't encode images.
        """
        if plane is None and not self.can_encode:
            return self.lattice(points)
        return (plane or self.plane).unproject(points).float()

    def lattice(self, points: Tensor) -> LatentSet:
        """Return the latents of points (N, 2) of the lattice of seeds."""
        return seed_lattice(points, self.model.latent_dim, self.seed)

    @cached
    def gaussians(self) -> ClassGaussians | None:
        """The Gaussian of each class; None without labels, or if a class has fewer than two
        images."""
        labels, names = self.train.labels, self.data.card.classes
        if labels is None or int(labels.bincount(minlength=len(names)).min()) < 2:
            return None
        return ClassGaussians.fit(self.latents, labels, len(names))

    def ellipses(self, plane: Plane | None = None) -> list[tuple[Ellipse, ...]]:
        """Return each class Gaussian on a plane, at one and at two standard deviations.

        The list is empty without class Gaussians.
        """
        with self._lock:
            gaussians = self.gaussians
            if gaussians is None:
                return []
            return [gaussians.ellipses(plane or self.plane, sigmas) for sigmas in ELLIPSE_SIGMAS]

    def neighbours(self, z: LatentSet, k: int = K_NEAREST) -> Neighbours:
        """Return the k nearest training images of each latent, by number."""
        return self._search(z.double().numpy(), min(k, len(self.train)))

    @cached
    def _search(self) -> NeighbourSearch:
        return NeighbourSearch(self.latents.double().numpy())
