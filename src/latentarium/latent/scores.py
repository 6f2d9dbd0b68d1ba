"""What is measured of images that a model makes, beside held-out images: see `trust`."""

from functools import cache

import numpy as np
import torch

from latentarium.cached import once
from latentarium.classifier.classifier import Judge, load_judge
from latentarium.data.dataset import to_float, to_uint8
from latentarium.evaluation.subject import first
from latentarium.latent.calibration import HELD_OUT, Looks, Usual
from latentarium.latent.encoded import Encoded
from latentarium.latent.gaps import judge_entropy
from latentarium.latent.inversion_start import apart
from latentarium.latent.realism import Likeness, likeness_of
from latentarium.models.inference import decode
from latentarium.shapes import Images, LatentSet, Pixels

AT_ONCE = 64
"""Images in one turn with the model, where there are many: who drags on the map waits for it."""
YIELD = 0.001
"""Seconds between two turns with the model: else a thread takes its turn again before any other
wakes."""

shipped_judge = cache(load_judge)


class Measured(Encoded):
    """The encoded images, and how unusual others are beside them."""

    @once
    def judge(self) -> Judge | None:
        """The judge that ships, where the images are those that it knows."""
        judge = shipped_judge()
        known = judge.record["data"]["fingerprint"] == self.data.card.fingerprint
        return judge if known else None

    def trust(
        self, z: LatentSet, images: Images, pixels: Pixels, real: Images | None = None
    ) -> np.ndarray:
        """How far to trust images, the columns of `frames.SCORE_COLUMNS`.

        Arguments:
            z: Where they come from.
            images: What is decoded there.
            pixels: The same as they are shown.
            real: What they are reconstructions of; None: of nothing.
        """
        usual = self.usual if real is None else self.usual_reconstructions
        with self._lock:
            return usual.trust(self._look(z, images, pixels, real))

    @once
    def usual(self) -> Usual:
        """What is usual: of held-out images, drawn from their posteriors and decoded; where
        nothing encodes, of those images themselves."""
        if not self.has_map:
            return self._likeness.usual
        z = self.held_out_codes[:HELD_OUT]
        images = decode(self.model, z)
        return Usual(self._look(z, images, to_uint8(images)))

    @once
    def usual_reconstructions(self) -> Usual:
        """The same of their reconstructions, each from the mean of its posterior."""
        real = to_float(first(self.data.validation, HELD_OUT).images)
        z = self.means(real)
        images = decode(self.model, z)
        return Usual(self._look(z, images, to_uint8(images), real))

    def means(self, images: Images) -> LatentSet:
        """The means of the posteriors of images."""
        with torch.no_grad():
            parts = images.split(HELD_OUT // 4)
            return torch.cat([
                self.model.encode(one.to(self.model.device)).mean.cpu() for one in parts
            ])  # fmt: skip

    def _look(
        self, z: LatentSet, images: Images, pixels: Pixels, real: Images | None = None
    ) -> Looks:
        if not self.has_map:
            return self._likeness.look(pixels)
        near = self.neighbours(z)
        values = {
            "distance": near.distance[:, -1].contiguous(),
            "round_trip": (self.means(images).double() - z.double()).norm(dim=1),
        }
        probabilities = None
        if self.judge is not None:
            probabilities = self.judge.probabilities(pixels)
            values["doubt"] = judge_entropy(probabilities)
        if real is not None:
            values["error"] = apart(to_float(pixels), real).double()
        nearest = near.index[:, 0].contiguous()
        return Looks(values=values, nearest=nearest, probabilities=probabilities)

    @once
    def _likeness(self) -> Likeness:
        return likeness_of(self.data, self.judge)
