"""The snapshots of a run: its latent space at several steps of the training.

All snapshots show the same images, and each map is rotated and mirrored to match the next one as
well as possible, so that points move continuously. The plane of each map is the principal plane of
the snapshot's latents.

A snapshot contains the trained weights. The final model may contain the moving average of the
weights, so it can differ slightly from the last snapshot.
"""

import threading
from dataclasses import dataclass
from functools import cached_property

import torch

from latentarium.data.dataset import Data, Split
from latentarium.data.subsets import stratified
from latentarium.errors import UserError
from latentarium.latent.latent_map import LatentMap
from latentarium.models.base import LatentModel
from latentarium.models.inference import fixed_samples, reconstruct
from latentarium.run import Run
from latentarium.shapes import Images, ImageSet, LabelSet, Points

MAX_POINTS = 5000
"""Images on the map of a snapshot; fewer than on the map of a model, so that maps load quickly."""
NUM_WATCHED = 12
NUM_SAMPLES = 32


class Snapshots:
    """A run's snapshots, numbered from 1.

    Arguments:
        run: A run, with snapshots or without.
        data: The data that the run was trained on.
        seed: As for `LatentMap`.
    """

    def __init__(self, run: Run, data: Data, seed: int = 0) -> None:
        self.run = run
        self.data = data
        self.seed = seed
        self.steps: list[int] = run.snapshots()
        """The step of each snapshot."""
        # Each map is aligned with the map of the next snapshot. If a snapshot is added later, its
        # map is aligned with the map of the previous snapshot, so that no earlier map changes.
        self._anchor = len(self.steps)
        self._points: dict[int, Points | None] = {}  # 40 kB each
        self._lock = threading.RLock()

    def __len__(self) -> int:
        return len(self.steps)

    def update(self) -> bool:
        """Add new snapshots; return False if the folder now contains another run."""
        steps = self.run.snapshots()
        if not self.run.is_current() or steps[: len(self.steps)] != self.steps:
            return False
        self.steps = steps
        return True

    def latent_map(self, number: int) -> LatentMap:
        """Return the map of a snapshot, with a stratified subset of the training images.

        Raises:
            UserError: There is no such snapshot (code "no-snapshot"), or its file is damaged.
        """
        if not 1 <= number <= len(self):
            raise UserError(
                f"There is no snapshot {number}: this run has {len(self)}, numbered from 1.",
                code="no-snapshot",
            )
        model = self.run.load(self.steps[number - 1])
        neighbour = number + 1 if number <= self._anchor else number - 1
        align_to = None if number == self._anchor else lambda: self.points(neighbour)
        return LatentMap(model, self.data, self.seed, max_points=MAX_POINTS, align_to=align_to)

    def at_step(self, step: int) -> LatentMap:
        """Return the map of the snapshot at a step; see `latent_map`."""
        if step not in self.steps:
            raise UserError(
                f"{self.run.folder} has no snapshot at step {step}: its snapshots are at steps "
                f"{', '.join(map(str, self.steps)) or '(none)'}.",
                code="no-snapshot",
            )
        return self.latent_map(self.steps.index(step) + 1)

    def points(self, number: int) -> Points | None:
        """Return the coordinates of the images on the map of a snapshot; None if the snapshot's
        weights are damaged or not finite."""
        direction = -1 if number <= self._anchor else 1
        with self._lock:
            for current in range(self._anchor, number + direction, direction):
                if current not in self._points:
                    self._points[current] = self._compute_points(current)
            return self._points.get(number)

    @cached_property
    def labels(self) -> LabelSet | None:
        """The labels of the images on the maps."""
        return stratified(self.data.train, MAX_POINTS).labels

    def _compute_points(self, number: int) -> Points | None:
        try:
            return torch.from_numpy(self.latent_map(number).points())
        except UserError:
            return None


@dataclass(frozen=True)
class SnapshotImages:
    """Images that show a model's progress."""

    samples: Images
    """Samples from the same latents in every snapshot."""
    columns: int
    """Samples per row; for a model that takes labels, each column is a class."""
    reconstructions: ImageSet | None
    """Reconstructions of the same held-out images in every snapshot; None without an encoder."""


def snapshot_images(model: LatentModel, data: Data) -> SnapshotImages:
    """Return samples from fixed latents and reconstructions of fixed held-out images."""
    if not model.has_encoder:
        return SnapshotImages(*fixed_samples(model), reconstructions=None)
    reconstructions = reconstruct(model, watched_images(data))
    return SnapshotImages(*fixed_samples(model, NUM_SAMPLES), reconstructions=reconstructions)


def watched_images(data: Data) -> Split:
    """Return a fixed set of a few held-out images, ordered by class."""
    subset = stratified(data.validation, NUM_WATCHED)
    if subset.labels is None:
        return subset
    order = subset.labels.argsort(stable=True)
    return Split(subset.images[order], subset.labels[order])
