"""What a model's map shows: where the data lie, and how far to trust what is decoded elsewhere.

    points      the encoded images on a plane: the latent space itself if it has two dimensions,
                else the plane of most variance, which says how much of it that is
    ellipses    each class's Gaussian on the plane
    trust       of a latent: how far it is from the data, what the encoder makes of its decode,
                and how much a judge is in doubt of it, each beside held-out images
    fidelity    how much of what varies between images the model keeps

A model without encoder has a seed lattice in place of a map: z at whole numbers is drawn from the
prior, and between them it is blended so that its length stays that of a draw.

References:
    Latent space cartography (Liu et al., 2019); the lattice after the visualizer of StyleGAN3
    (Karras et al., 2021), with weights that keep the variance
"""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.neighbors import NearestNeighbors
from torch import Tensor
from torch.nn.functional import one_hot

from latentarium.data.dataset import Data, to_float, to_uint8
from latentarium.errors import UserError
from latentarium.latent.gaps import decoder_stretch, judge_entropy, percentile_among
from latentarium.latent.gaussians import ClassGaussians, Ellipse
from latentarium.latent.neighbours import Neighbours
from latentarium.latent.project import Plane, principal_plane, turned
from latentarium.metrics.judge import Judge, load_judge
from latentarium.metrics.subject import stratified
from latentarium.models.base import LatentModel
from latentarium.models.labels import resolve_labels
from latentarium.random import Noise
from latentarium.sampling import decode, encode
from latentarium.shapes import Images, LabelSet, LatentSet, PerPoint, Pixels, Points, SoftLabelSet
from latentarium.studio.frames import TRUST, Kind, Request
from latentarium.studio.maps.fidelity import kept_share
from latentarium.studio.maps.lattice import blended
from latentarium.studio.once import once
from latentarium.studio.turns import Turns

NEIGHBOUR = 5
"""As in the gap share: the distance to the data is that to the 5th nearest latent."""
HELD_OUT = 2000
"""Images that say what is usual, at most."""
TRUSTED_BY = ("distance", "round_trip", "doubt")
SIGMAS = (1.0, 2.0)
AT_ONCE = 64
"""Images in one turn with the model, where there are many: who drags on the map waits for it."""
FEW = 8
"""Latents in one turn, where each takes a Jacobian."""
YIELD = 0.001
"""Seconds between two turns with the model: else a thread takes its turn again before any other
wakes."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Images with what is known of them."""

    pixels: np.ndarray
    """uint8 (n, channels, height, width)."""
    trust: np.ndarray
    """float32 (n, 6), the columns of `frames.TRUST`."""


class Atlas:
    """A model's map.

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
        self._usual_values: dict[str, Tensor] = {}

    @property
    def has_map(self) -> bool:
        """Whether images can be encoded, without their label."""
        return self.model.config.family == "autoencoder" and not self.model.decodes_label

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

    def prepare(self) -> None:
        """Computes what the first answers would wait for."""
        with self._lock:
            if self.has_map:
                self.points()
                for definition in self._trusted_by:
                    self.usual(definition)
                _ = self.fidelity

    @property
    def is_ready(self) -> bool:
        """Whether an answer waits for nothing that is computed once."""
        if not self.has_map:
            return True
        asked = "judge" in vars(self)  # else to ask for it waits for who has the model
        return asked and set(self._trusted_by) <= self._usual_values.keys()

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

    @property
    def in_turn(self) -> AbstractContextManager[object]:
        """For who uses the model: one at a time, since the processors are shared."""
        return self._turns

    def columns(self) -> tuple[int, ...]:
        """How many numbers a row of each kind of request has."""
        return self.model.latent_dim, 2, 1, 2

    def latents(self, request: Request) -> LatentSet:
        """The latents that a request asks for."""
        rows = torch.from_numpy(request.rows.astype(np.float64))
        if request.kind == Kind.LATENTS:
            return rows.float()
        if request.kind == Kind.IMAGES:
            return self._means(rows[:, 0].long())
        if request.kind == Kind.POINTS and self.has_map:
            return self.plane.unproject(rows).float()
        return self.lattice(rows)

    def _means(self, numbers: LabelSet) -> LatentSet:
        """The means of the posteriors of images on the map: what `reconstruct` decodes."""
        found = [self.image(int(number)) for number in numbers] if self.has_map else [None]
        if any(image is None for image in found):
            raise UserError("This model can't encode such an image: choose one on its map.")
        images = torch.stack([image for image in found if image is not None])
        with torch.no_grad():
            return self.model.encode(to_float(images.to(self.model.device))).mean.cpu()

    def lattice(self, points: Tensor) -> LatentSet:
        """Latents between the four seeds around each place of the lattice."""
        return blended(points, self.model.latent_dim, self.seed)

    def answer(self, request: Request) -> Answer:
        """Decodes, and says how far to trust it.

        Raises:
            UserError: The model needs class weights and there are none, or the other way round.
        """
        labels: SoftLabelSet | None = None
        if self.model.decodes_label and request.labels is None:
            raise UserError("This model makes what it is asked for: say which class.")
        if request.labels is not None:
            if not self.model.decodes_label:
                raise UserError("This model can't be asked for a class: leave it out.")
            weights = torch.from_numpy(request.labels.copy())
            labels = weights / weights.sum(1, keepdim=True)
        with self._lock:  # one at a time: the processors are shared with training
            return self.decoded(self.latents(request), labels)

    def decoded(self, z: LatentSet, labels: SoftLabelSet | None = None) -> Answer:
        """The images of latents, and how far to trust them."""
        with self._lock:
            images = decode(self.model, z, labels)
            pixels = to_uint8(images)
            return Answer(pixels=pixels.numpy(), trust=self._trust(z, images, pixels))

    def decoded_in_turns(self, z: LatentSet, labels: SoftLabelSet | None = None) -> Answer:
        """The same of many, while others have their turns."""
        answers = []
        for start in range(0, len(z), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            with self.in_turn:
                answers.append(self.decoded(z[part], None if labels is None else labels[part]))
            time.sleep(YIELD)
        return Answer(
            pixels=np.concatenate([one.pixels for one in answers]),
            trust=np.concatenate([one.trust for one in answers]),
        )

    def decode_at(
        self,
        x: float,
        y: float,
        label: str | int | None = None,
        *,
        plane: Plane | None = None,
        seeds: bool = False,
    ) -> Images:
        """The image of a place on the map (1, C, H, W), as the studio shows it; or of one on
        another plane, or on the lattice of seeds, which a model with a map has too.

        Raises:
            UserError: The model needs a class and there is none, or the class is unknown.
        """
        classes, asked = self.model.classes, None
        if label is not None:
            weights = resolve_labels(label, 1, classes, self.model.takes_label, Noise("unused"))
            assert weights is not None  # a label was given
            asked = one_hot(weights, len(classes)).float().numpy()
        rows, kind = np.array([[x, y]], np.float32), Kind.SEEDS if seeds else Kind.POINTS
        if plane is not None:
            rows, kind = plane.unproject(torch.from_numpy(rows)).float().numpy(), Kind.LATENTS
        request = Request(id=0, model=0, kind=kind, n=1, rows=rows, labels=asked)
        return to_float(torch.from_numpy(self.answer(request).pixels))

    # ------------------------------------------------------------------------- how unusual it is

    def unusual(self, definition: str, z: LatentSet) -> PerPoint:
        """How far out latents are, by one of `gap_layer.GAPS`; who asks does so `in_turn`."""
        if definition == "distance":
            return self._near(z)[0]
        if definition == "round_trip":
            return self._round_trip(z, decode(self.model, z))
        if definition == "stretch":
            return decoder_stretch(self.model.decode, z.to(self.model.device)).cpu()
        assert self.judge is not None  # asked only where there is one
        return judge_entropy(self.judge.probabilities(decode(self.model, z)))

    def usual(self, definition: str) -> PerPoint:
        """The same at held-out images."""
        if definition not in self._usual_values:
            self._usual_values[definition] = self.unusual(
                definition, self.held_out_codes[:HELD_OUT]
            )
        return self._usual_values[definition]

    def usual_in_turns(self, definition: str) -> PerPoint:
        """As `usual`, while others have their turns."""
        if definition not in self._usual_values:
            held_out = self.held_out_codes[:HELD_OUT]
            self._usual_values[definition] = self.unusual_in_turns(definition, held_out)
        return self._usual_values[definition]

    def unusual_in_turns(self, definition: str, z: LatentSet) -> PerPoint:
        """As `_unusual`, while others have their turns."""
        parts = []
        for part in z.split(FEW if definition == "stretch" else AT_ONCE):
            with self.in_turn:
                parts.append(self.unusual(definition, part))
            time.sleep(YIELD)
        return torch.cat(parts)

    @once
    def judge(self) -> Judge | None:
        """The judge that ships, where the images are those that it knows."""
        judge = load_judge()
        known = judge.record["data"]["fingerprint"] == self.data.card.fingerprint
        return judge if known else None

    @property
    def _trusted_by(self) -> tuple[str, ...]:
        """What an answer's trust is made of."""
        return ("distance", "round_trip") if self.judge is None else TRUSTED_BY

    @once
    def fidelity(self) -> float | None:
        """The share of what varies between held-out images that reconstructions keep; None where
        it is unknown."""
        return kept_share(self.model, self.data.validation) if self.has_map else None

    def rarity(self, z: LatentSet) -> PerPoint:
        """The share of held-out images that lie nearer to the data than each latent."""
        with self._lock:
            return percentile_among(self._near(z)[0], self.usual("distance"))

    def _trust(self, z: LatentSet, images: Images, pixels: Pixels) -> np.ndarray:
        if not self.has_map:
            return np.full((len(z), len(TRUST)), np.nan, np.float32)
        distance, nearest = self._near(z)
        error = self._round_trip(z, images)
        return torch.stack([
            distance, percentile_among(distance, self.usual("distance")),
            error, percentile_among(error, self.usual("round_trip")), nearest.double(),
            self._doubt_rarity(pixels),
        ], 1).float().numpy()  # fmt: skip

    def _doubt_rarity(self, pixels: Pixels) -> PerPoint:
        if self.judge is None:
            return torch.full((len(pixels),), torch.nan, dtype=torch.float64)
        doubt = judge_entropy(self.judge.probabilities(pixels))
        return percentile_among(doubt, self.usual("doubt"))

    def _near(self, z: LatentSet) -> tuple[PerPoint, LabelSet]:
        """The distance to the data, and the number of the nearest training image."""
        found = self.neighbours(z)
        return found.distance[:, -1].contiguous(), found.index[:, 0].contiguous()

    def neighbours(self, z: LatentSet, k: int = NEIGHBOUR) -> Neighbours:
        """The training images that lie nearest, by their numbers."""
        distance, index = self._index.kneighbors(z.double().numpy(), min(k, len(self.train)))
        return Neighbours(distance=torch.from_numpy(distance), index=torch.from_numpy(index))

    def _round_trip(self, z: LatentSet, images: Images) -> PerPoint:
        """|E(x) - z| of images that were decoded from z."""
        with torch.no_grad():
            again = self.model.encode(images.to(self.model.device)).mean.cpu()
        return (again.double() - z.double()).norm(dim=1)

    @once
    def _index(self) -> NearestNeighbors:
        return NearestNeighbors(n_neighbors=NEIGHBOUR).fit(self.codes.double().numpy())
