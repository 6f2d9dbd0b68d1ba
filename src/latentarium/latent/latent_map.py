"""A model's map: where the data lie, what is decoded elsewhere, and how far to trust it.

A model without encoder has a seed lattice in place of a map: z at whole numbers is drawn from the
prior, and between them it is blended so that its length stays that of a draw.

References:
    The lattice after the visualizer of StyleGAN3 (Karras et al., 2021), with weights that keep the
    variance
"""

import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from latentarium.data.dataset import to_float, to_uint8
from latentarium.errors import UserError
from latentarium.latent.lattice import blended
from latentarium.latent.planes import Plane
from latentarium.latent.scores import AT_ONCE, YIELD, Measured
from latentarium.models.inference import decode
from latentarium.models.labels import resolve_labels
from latentarium.rng import Noise
from latentarium.shapes import Images, LabelSet, LatentSet, Pixels, SoftLabelSet
from latentarium.studio.protocol import DecodeRequest, RowKind


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Images with what is known of them."""

    pixels: np.ndarray
    """uint8 (n, channels, height, width)."""
    trust: np.ndarray
    """float32, n rows of `frames.SCORE_COLUMNS`."""


class Atlas(Measured):
    """A model's map, on which any place can be decoded."""

    def prepare(self) -> None:
        """Computes what the first answers would wait for."""
        with self._lock:
            if self.has_map:
                self.points()
                _ = self.fidelity
            _ = self.usual

    @property
    def is_ready(self) -> bool:
        """Whether an answer waits for nothing that is computed once."""
        return "usual" in vars(self)  # else to ask for it waits for who has the model

    def columns(self) -> tuple[int, ...]:
        """How many numbers a row of each kind of request has."""
        return self.model.latent_dim, 2, 1, 2

    def latents(self, request: DecodeRequest) -> LatentSet:
        """The latents that a request asks for."""
        rows = torch.from_numpy(request.rows.astype(np.float64))
        if request.kind == RowKind.LATENTS:
            return rows.float()
        if request.kind == RowKind.POINTS and self.has_map:
            return self.plane.unproject(rows).float()
        return self.lattice(rows)

    def lattice(self, points: Tensor) -> LatentSet:
        """Latents between the four seeds around each place of the lattice."""
        return blended(points, self.model.latent_dim, self.seed)

    def answer(self, request: DecodeRequest) -> Answer:
        """Decodes, and says how far to trust it.

        Raises:
            UserError: The model needs class weights and there are none, or the other way round;
                or an image that it can't encode.
        """
        labels = self._asked(request)
        if request.kind == RowKind.IMAGES:
            numbers = torch.from_numpy(request.rows[:, 0].astype(np.int64))
            return self.reconstructed(self._images(numbers))
        with self._lock:  # one at a time: the processors are shared with training
            return self.decoded(self.latents(request), labels)

    def _asked(self, request: DecodeRequest) -> SoftLabelSet | None:
        if self.model.decodes_label and request.labels is None:
            raise UserError("This model makes what it is asked for: say which class.")
        if request.labels is None:
            return None
        if not self.model.decodes_label:
            raise UserError("This model can't be asked for a class: leave it out.")
        weights = torch.from_numpy(request.labels.copy())
        return weights / weights.sum(1, keepdim=True)

    def _images(self, numbers: LabelSet) -> Pixels:
        found = [self.image(int(number)) for number in numbers] if self.has_map else [None]
        if any(image is None for image in found):
            raise UserError("This model can't encode such an image: choose one on its map.")
        return torch.stack([image for image in found if image is not None])

    def reconstructed(self, images: Pixels) -> Answer:
        """Images through the encoder and back, from the means of their posteriors."""
        real = to_float(images)
        with self._lock:
            return self.decoded(self.means(real), real=real)

    def decoded(
        self, z: LatentSet, labels: SoftLabelSet | None = None, *, real: Images | None = None
    ) -> Answer:
        """The images of latents, and how far to trust them.

        Arguments:
            z: Where they come from.
            labels: For a model whose decoder sees them.
            real: What they are reconstructions of; None: of nothing.
        """
        with self._lock:
            images = decode(self.model, z, labels)
            pixels = to_uint8(images)
            return Answer(pixels=pixels.numpy(), trust=self.trust(z, images, pixels, real))

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
        rows, kind = np.array([[x, y]], np.float32), RowKind.SEEDS if seeds else RowKind.POINTS
        if plane is not None:
            rows, kind = plane.unproject(torch.from_numpy(rows)).float().numpy(), RowKind.LATENTS
        request = DecodeRequest(id=0, model=0, kind=kind, n=1, rows=rows, labels=asked)
        labels = self._asked(request)
        with self._lock:
            return to_float(to_uint8(decode(self.model, self.latents(request), labels)))
