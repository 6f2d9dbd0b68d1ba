"""Inversion: the latent, and the class, from which a model makes an image.

    min over eps, y of   mean (D(z, y) - x)^2 + pull * mean eps^2,      z = m_y + s_y * eps

from several starts at once: the nearest of many draws of the prior N(m_y, s_y^2), of each class
where the model is asked for one, and the encoder's own guess where there is one. All go downhill
by Adam with a cosine rate; the best place that any of them passed is the answer. The second term
is the prior's: it keeps |z| from growing beyond that of draws. An autoencoder of points was never
held to its prior, so there it is left out.

References:
    Generative visual manipulation on the natural image manifold (Zhu et al., 2016),
    https://arxiv.org/abs/1609.03552: descent from a predicted start
    Inverting the generator of a generative adversarial network (Creswell and Bharath, 2018),
    https://arxiv.org/abs/1611.05644: descent with the prior's log density
    Precise recovery of latent vectors from generative adversarial networks (Lipton and Tripathi,
    2017), https://arxiv.org/abs/1702.04782: a model's own samples can be found again
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import NamedTuple, TypedDict, Unpack

import numpy as np
import torch
from torch import Tensor
from torch.optim import Adam
from torch.optim.lr_scheduler import CosineAnnealingLR

from latentarium.data.dataset import to_float
from latentarium.distributions import Point
from latentarium.errors import UserError
from latentarium.latent.inversion_start import apart, guess, rows_of_each, scaled, starts
from latentarium.models.base import LatentModel
from latentarium.models.labels import resolve_labels
from latentarium.rng import Noise
from latentarium.shapes import Images, LabelSet, Latents, LatentSet, PerPoint, PerSample

AT_ONCE = 256
"""Starts of all images together that `invert` moves in one batch."""
RESTARTS = 8
STEPS = 150
PATIENCE = 30
"""Steps without gain after which a search ends."""
GAIN = 1e-5
"""Share of the loss that counts as one."""


@dataclass(frozen=True, kw_only=True)
class Inversion:
    """Where a model makes images that are given to it, or the way there up to a step."""

    z: LatentSet
    label: LabelSet | None
    """The class of each; None for a model that takes none."""
    image: Images
    """What the model makes there, in [-1, 1]."""
    error: PerPoint
    """Mean over pixels of (image - given)^2, both in [-1, 1]."""
    length_percentile: PerPoint
    """The share of the prior's draws that lie nearer to its middle, in units of its deviation:
    near 0 or 1 at places that the model is hardly ever asked for. nan for an autoencoder of
    points."""
    step: int


class How(TypedDict, total=False):
    """How to search; what is left out is as in `walk`."""

    seed: int
    """Of the draws."""
    restarts: int
    """Starts for each image; of each class one at least, where all are tried."""
    steps: int
    """At most."""
    pull: float
    """Weight of the prior."""
    rate: float
    """Of the first steps, in deviations of the prior."""


def invert(
    model: LatentModel, images: Tensor | np.ndarray, label: object = None, **how: Unpack[How]
) -> Inversion:
    """Finds the latents from which a model makes images; any number of them, batch by batch.

    Arguments:
        model: Anything that decodes.
        images: (N, C, H, W), float in [-1, 1] or uint8.
        label: For a model that takes one: a class for all or one for each; None: the best of all
            classes.
        how: As of `How`.

    Raises:
        UserError: Images of another shape or with values that are not finite or outside [-1, 1], a
            label that the model can't take, or settings without sense.
    """
    x = _checked(model, images)
    choices = _choices(model, label, len(x))
    size = max(1, AT_ONCE // max(1, rows_of_each(choices, how.get("restarts", RESTARTS))))
    parts = []
    for start in range(0, len(x), size):
        part = slice(start, start + size)
        asked = None if label is None or choices is None else choices[part, 0]
        *_, last = walk(model, x[part], asked, **how)
        parts.append(last)
    labels = [part.label for part in parts if part.label is not None]
    return Inversion(
        z=torch.cat([part.z for part in parts]),
        label=torch.cat(labels) if labels else None,
        image=torch.cat([part.image for part in parts]),
        error=torch.cat([part.error for part in parts]),
        length_percentile=torch.cat([part.length_percentile for part in parts]),
        step=max(part.step for part in parts),
    )


def walk(
    model: LatentModel,
    images: Tensor | np.ndarray,
    label: object = None,
    *,
    seed: int = 0,
    restarts: int = RESTARTS,
    steps: int = STEPS,
    pull: float = 1e-3,
    rate: float = 0.1,
) -> Generator[Inversion, None, None]:
    """The same, step by step: yields the best so far, from the starts (step 0) on. All images are
    moved at once, so give few. The model is left as it was, without gradients.

    Raises:
        UserError: As `invert`.
    """
    x = _checked(model, images).to(model.device)
    choices = _choices(model, label, len(x))
    if restarts < 1 or steps < 1 or not (0 <= pull < torch.inf and 0 < rate < torch.inf):
        raise UserError("Give at least 1 restart and 1 step, a pull of 0 or more, a rate above 0.")
    was_training = model.training
    model.eval()
    try:
        eps, y = starts(model, x, choices, seed, restarts)
        held = not isinstance(guess(model, x[:1], None if y is None else y[:1]), Point)
        weight = pull if held else 0.0
        optimizer = Adam([eps.requires_grad_()], lr=rate)
        schedule = CosineAnnealingLR(optimizer, steps)
        best, waited = _look(model, x, eps, y, weight), 0
        yield best.inversion(x, held, 0)
        for step in range(1, steps + 1):
            optimizer.step()
            schedule.step()
            now = _look(model, x, eps, y, weight)
            waited = 0 if bool((now.loss < (1 - GAIN) * best.loss).any()) else waited + 1
            best = best.or_better(now)
            yield best.inversion(x, held, step)
            if waited == PATIENCE:
                return
    finally:
        model.train(was_training)


class _Place(NamedTuple):
    """The best start of each image, where it is now."""

    loss: PerSample
    eps: Latents
    z: Latents
    image: Images
    y: LabelSet | None

    def or_better(self, other: "_Place") -> "_Place":
        """Image by image, the one with the lower loss."""
        better = other.loss < self.loss

        def pick(mine: Tensor, others: Tensor) -> Tensor:
            return torch.where(better.view(-1, *[1] * (mine.ndim - 1)), others, mine)

        return _Place(
            loss=pick(self.loss, other.loss),
            eps=pick(self.eps, other.eps),
            z=pick(self.z, other.z),
            image=pick(self.image, other.image),
            y=None if self.y is None or other.y is None else pick(self.y, other.y),
        )

    def inversion(self, x: Images, held: bool, step: int) -> Inversion:
        """What a visitor is told of it."""
        square = self.eps.double().square().sum(1)  # chi-squared, for a draw of the prior
        half = torch.full_like(square, self.eps.shape[1] / 2)
        percentile = torch.special.gammainc(half, square / 2)
        return Inversion(
            z=self.z.cpu(),
            label=None if self.y is None else self.y.cpu(),
            image=self.image.cpu(),
            error=apart(self.image, x).cpu(),
            length_percentile=(percentile if held else torch.full_like(half, torch.nan)).cpu(),
            step=step,
        )


def _look(model: LatentModel, x: Images, eps: LatentSet, y: Tensor | None, pull: float) -> _Place:
    """Decodes all starts, leaves the gradient of their losses in `eps`, and picks each image's
    best; the starts of one image stand together."""
    of_each = len(eps) // len(x)
    with torch.enable_grad():
        z = scaled(model, eps, y)
        images = model.decode(z, (y if model.takes_label else None))
        loss = apart(images, x.repeat_interleave(of_each, 0)) + pull * eps.square().mean(1)
        (eps.grad,) = torch.autograd.grad(loss.sum(), [eps])
    first = of_each * torch.arange(len(x), device=x.device)
    row = loss.view(-1, of_each).argmin(1) + first
    labels = None if y is None else y[row]
    loss, eps, z, images = (one.detach()[row] for one in (loss, eps, z, images))
    return _Place(loss, eps, z, images.clamp(-1, 1), labels)


def _choices(model: LatentModel, label: object, n: int) -> Tensor | None:
    """The classes (N, K or 1) that each image may have; None where there are none."""
    if label is None and model.takes_label:
        return torch.arange(model.num_classes).expand(n, -1)
    labels = resolve_labels(label, n, model.classes, model.takes_label, Noise("unused"))
    if labels is not None and labels.is_floating_point():
        raise UserError("A class is searched, no blend of them: give class numbers or names.")
    return None if labels is None else labels[:, None]


def _checked(model: LatentModel, images: Tensor | np.ndarray) -> Tensor:
    """The images as floats."""
    x = to_float(torch.as_tensor(images)).float()
    if x.ndim != 4 or tuple(x.shape[1:]) != model.image_shape or len(x) == 0:
        c, h, w = model.image_shape
        raise UserError(
            f"This model makes images of shape ({c}, {h}, {w}), and these are "
            f"{tuple(x.shape)}: give (N, {c}, {h}, {w})."
        )
    if not bool((x.abs() <= 1).all()):  # nan is not either
        raise UserError(
            "Some pixels are not finite or outside [-1, 1]: scale them, or give uint8."
        )
    return x
