"""The images of a model in its latent space, and the plane on which a map shows them.

    points      the encoded images on a plane: the latent space itself if it has two dimensions,
                else the plane of most variance, which says how much of it that is
    ellipses    each class's Gaussian on the plane

References:
    Latent space cartography (Liu et al., 2019)
"""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np
import torch
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from latentarium.cached import once
from latentarium.data.dataset import Data
from latentarium.evaluation.subject import stratified
from latentarium.latent.fidelity import kept_share
from latentarium.latent.gaussians import ClassGaussians, Ellipse
from latentarium.latent.neighbours import Neighbours
from latentarium.latent.planes import Plane, principal_plane, turned
from latentarium.latent.priority_lock import Turns
from latentarium.models.base import LatentModel
from latentarium.models.inference import encode
from latentarium.shapes import LatentSet, Points

NEIGHBOUR = 5
"""As in the gap share: the distance to the data is that to the 5th nearest latent."""
SIGMAS = (1.0, 2.0)


class Encoded:
    """The images of a model, encoded.

    Arguments:
        model: In evaluation mode.
        data: What it was trained on.
        seed: Of the draws from posteriors, and of the lattice.
        points: Images on the map, taken from all over the training images, each class with its
            share of them; 0: all of them, and the validation images after them.
        towards: Says where the same images lie on a map that this one is to resemble, as far as
            turning and mirroring can do it.
    """

    def __init__(
        self,
        model: LatentModel,
        data: Data,
        seed: int = 0,
        *,
        points: int = 0,
        towards: Callable[[], Points | None] | None = None,
    ) -> None:
        self.model, self.data, self.seed = model, data, seed
        self.train = stratified(data.train, points) if points else data.train
        self._towards = towards
        self._shows_held_out = not points
        self._lock = threading.RLock()
        self._turns = Turns(self._lock)

    @property
    def in_turn(self) -> AbstractContextManager[object]:
        """For who uses the model: one at a time, since the processors are shared."""
        return self._turns

    @property
    def has_map(self) -> bool:
        """Whether images can be encoded, without their label."""
        return self.model.has_encoder and not self.model.decodes_label

    @once
    def codes(self) -> LatentSet:
        """A draw from the posterior of each training image."""
        return encode(self.model, self.train, self.seed)

    @once
    def held_out_codes(self) -> LatentSet:
        """The same of the validation images."""
        return encode(self.model, self.data.validation, self.seed)

    @property
    def count(self) -> int:
        """Images on the map."""
        return len(self.train) + (len(self.data.validation) if self._shows_held_out else 0)

    def shown_codes(self) -> LatentSet:
        """The latents on the map: those of the training images, then those of the validation
        images."""
        return torch.cat([self.codes, self.held_out_codes]) if self._shows_held_out else self.codes

    def shown_classes(self) -> np.ndarray:
        """Their class numbers as uint8; 255 where there is none, 254 for the 254th and all
        after."""
        splits = [self.train, self.data.validation][: 1 + self._shows_held_out]
        return np.concatenate([
            np.full(len(split), 255, np.uint8) if split.labels is None
            else split.labels.clamp_max(254).numpy().astype(np.uint8)
            for split in splits
        ])  # fmt: skip

    def image(self, number: int) -> Tensor | None:
        """The pixels of an image on the map, uint8 (C, H, W); None where there is none."""
        if 0 <= number < len(self.train):
            return self.train.images[number]
        number -= len(self.train)
        if self._shows_held_out and 0 <= number < len(self.data.validation):
            return self.data.validation.images[number]
        return None

    @once
    def plane(self) -> Plane:
        """Where the map lies in the latent space."""
        if self.model.latent_dim == 2:
            axes = torch.eye(2, dtype=torch.float64)
            return Plane(origin=torch.zeros(2, dtype=torch.float64), axes=axes, variance_share=1.0)
        plane = principal_plane(self.codes)
        towards = self._towards() if self._towards else None
        return plane if towards is None else turned(plane, self.codes, towards)

    def points(self, plane: Plane | None = None) -> np.ndarray:
        """All images on the map, or on another plane, float32 (N, 2)."""
        with self._lock:
            return (plane or self.plane).project(self.shown_codes()).float().numpy()

    @once
    def gaussians(self) -> ClassGaussians | None:
        """The Gaussian of each class; None without labels, or where a class has too few images."""
        labels, names = self.train.labels, self.data.card.classes
        if labels is None or int(labels.bincount(minlength=len(names)).min()) < 2:
            return None
        return ClassGaussians.fit(self.codes, labels, len(names))

    def ellipses(self, plane: Plane | None = None) -> list[tuple[Ellipse, ...]]:
        """The Gaussian of each class on the map, or on another plane, at one and two standard
        deviations."""
        with self._lock:
            fitted = self.gaussians
            if fitted is None:
                return []
            return [fitted.ellipses(plane or self.plane, sigmas) for sigmas in SIGMAS]

    def neighbours(self, z: LatentSet, k: int = NEIGHBOUR) -> Neighbours:
        """The training images that lie nearest, by their numbers."""
        distance, index = self._index.kneighbors(z.double().numpy(), min(k, len(self.train)))
        return Neighbours(distance=torch.from_numpy(distance), index=torch.from_numpy(index))

    @once
    def _index(self) -> NearestNeighbors:
        return NearestNeighbors(n_neighbors=NEIGHBOUR).fit(self.codes.double().numpy())

    @once
    def fidelity(self) -> float | None:
        """The share of what varies between held-out images that reconstructions keep; None where
        it is unknown."""
        return kept_share(self.model, self.data.validation) if self.has_map else None
