"""The time machine: a run as it was at the moments of its training whose weights were kept.

All moments show the same images on their maps, and the map of each is turned and mirrored so that
it lies as near as can be to that of the next one: points swim from one to the other and don't
flip. Each stays an exact plane of its latent space.

A snapshot holds the weights that all players trained with; the model for use may be their moving
average, so the last moment and the model differ a little.
"""

import threading
from dataclasses import dataclass
from functools import cached_property

import torch

from latentarium.data.dataset import Data, Split
from latentarium.errors import UserError
from latentarium.evaluation.subject import stratified
from latentarium.latent.latent_map import Atlas
from latentarium.models.base import LatentModel
from latentarium.models.inference import fixed_samples, reconstruct
from latentarium.run import Run
from latentarium.shapes import Images, ImageSet, LabelSet, Points

POINTS = 5000
"""Images on the map of a moment: fewer than on that of a model, so that time can be scrubbed."""
WITNESSES = 12
"""Held-out images whose reconstructions are watched."""
DRAWS = 32


class Moments:
    """A run's moments, numbered from 1.

    Arguments:
        run: With snapshots, or without: then there is no moment.
        data: What it was trained on.
    """

    def __init__(self, run: Run, data: Data) -> None:
        self.run, self.data = run, data
        self.steps = run.snapshots()
        """Of training, of each moment."""
        self._begun = run.begun()
        self._anchor = len(self.steps)
        """Maps of moments before it follow the one after them; of those after it, which came while
        the run was on show, the one before: what was shown stays as it was."""
        self._points: dict[int, Points | None] = {}  # 40 kB each
        self._lock = threading.RLock()

    def __len__(self) -> int:
        return len(self.steps)

    def grown(self) -> bool:
        """Takes in the moments that have come since; False where another run took its place."""
        steps = self.run.snapshots()
        if self.run.begun() != self._begun or steps[: len(self.steps)] != self.steps:
            return False
        self.steps = steps
        return True

    def atlas(self, moment: int) -> Atlas:
        """The map of a moment, of a stratified sample of the training images.

        Raises:
            UserError: There is no such moment, or its file is damaged.
        """
        if not 1 <= moment <= len(self):
            raise UserError(f"There is no moment {moment} here: there are {len(self)}, from 1 on.")
        model = self.run.load(self.steps[moment - 1])
        beside = moment + 1 if moment <= self._anchor else moment - 1
        follows = None if moment == self._anchor else lambda: self.points(beside)
        return Atlas(model, self.data, points=POINTS, towards=follows)

    def points(self, moment: int) -> Points | None:
        """Where the images lie at a moment; None where weights ran away or are damaged. What its
        map follows is looked at first."""
        way = -1 if moment <= self._anchor else 1
        with self._lock:
            for one in range(self._anchor, moment + way, way):
                if one not in self._points:
                    self._points[one] = self._mapped(one)
            return self._points.get(moment)

    @cached_property
    def labels(self) -> LabelSet | None:
        """Of the images on the maps."""
        return stratified(self.data.train, POINTS).labels

    def _mapped(self, moment: int) -> Points | None:
        try:
            return torch.from_numpy(self.atlas(moment).points())
        except UserError:
            return None


@dataclass(frozen=True)
class Scene:
    """What is watched at each moment, beside the map."""

    samples: Images
    """Of always the same latents."""
    columns: int
    """Samples in a row; of a model that takes a label, each is a class."""
    rebuilt: ImageSet | None
    """The witnesses' reconstructions; None for a model without encoder."""


def scene(model: LatentModel, data: Data) -> Scene:
    """What is watched of a model: samples of the same seeds, and where it has an encoder,
    reconstructions of the same held-out images."""
    if not model.has_encoder:
        return Scene(*fixed_samples(model), rebuilt=None)
    return Scene(*fixed_samples(model, DRAWS), rebuilt=reconstruct(model, witnesses(data)))


def witnesses(data: Data) -> Split:
    """Held-out images, of all classes in turn: a few, always the same."""
    few = stratified(data.validation, WITNESSES)
    if few.labels is None:
        return few
    order = few.labels.argsort(stable=True)
    return Split(few.images[order], few.labels[order])
