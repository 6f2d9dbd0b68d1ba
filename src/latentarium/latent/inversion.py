"""Inversion: find the latent, and the class, that decodes to a given image.

    min over eps, y of   mean (D(z, y) - x)^2 + pull * mean eps^2,      z = m_y + s_y * eps

Gradient descent runs from several initial latents in parallel. To find them, many latents are
drawn from the prior N(m_y, s_y^2), of each class if the model takes a label, and those that decode
to the most similar images are chosen. With an encoder, the mean of the posterior is a candidate
too. All searches use Adam with a cosine schedule, and the result is the best latent of any search
at any step. The second term is a penalty that keeps |eps| near the norm that is typical of the
prior. It is left out for an autoencoder whose posterior is a point, since such a model was not
trained to match its prior.

References:
    Generative visual manipulation on the natural image manifold (Zhu et al., 2016),
    https://arxiv.org/abs/1609.03552: descent from a predicted latent
    Inverting the generator of a generative adversarial network (Creswell and Bharath, 2018),
    https://arxiv.org/abs/1611.05644: descent with the prior's log density
    Precise recovery of latent vectors from generative adversarial networks (Lipton and Tripathi,
    2017), https://arxiv.org/abs/1702.04782: a model's own samples are recovered
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import NamedTuple, TypedDict, Unpack

import torch
from torch import Tensor
from torch.optim.lr_scheduler import CosineAnnealingLR

from latentarium.arguments import as_factor, as_integer, as_seed
from latentarium.errors import UserError
from latentarium.latent.initial_latents import (
    encode_or_none,
    initial_latents,
    pixel_mse,
    rows_per_image,
)
from latentarium.models.base import LatentModel
from latentarium.optimizers import Adam
from latentarium.shapes import (
    ImageInput,
    Images,
    LabelInput,
    LabelSet,
    Latents,
    LatentSet,
    PerPoint,
    PerSample,
)
from latentarium.unchecked import unchecked_inputs

MAX_ROWS = 256
"""Maximum number of latents that `invert` optimizes in one batch, over all images and restarts."""
RESTARTS = 8
STEPS = 150
PATIENCE = 30
"""Steps without improvement after which a search ends."""
MIN_GAIN = 1e-5
"""Relative decrease of the loss that counts as an improvement."""


@dataclass(frozen=True, kw_only=True)
class Inversion:
    """The best latents of a batch of images, found up to a step."""

    z: LatentSet
    label: LabelSet | None
    """The class of each image; None for a model that takes no label."""
    image: Images
    """The decoded latents, in [-1, 1]."""
    error: PerPoint
    """Mean squared error over pixels in [-1, 1]."""
    length_percentile: PerPoint
    """The share of the prior with a smaller |eps|: if it is near 0 or 1, the latent is unlikely
    under the prior. It is nan for an autoencoder whose posterior is a point."""
    step: int


class InversionOptions(TypedDict, total=False):
    """Options of a search; the defaults are those of `invert_iter`."""

    seed: int
    """Seed of the latents that are drawn from the prior."""
    restarts: int
    """Initial latents per image; at least one per class if all classes are tried."""
    steps: int
    """Maximum number of steps."""
    pull: float
    """Weight of the penalty on |eps|."""
    rate: float
    """Initial learning rate, in standard deviations of the prior."""


def invert(
    model: LatentModel,
    images: ImageInput,
    label: LabelInput = None,
    **options: Unpack[InversionOptions],
) -> Inversion:
    """Find latents that decode to the given images, batch by batch.

    Arguments:
        model: Any model.
        images: (N, C, H, W), float in [-1, 1] or uint8; see `LatentModel`.
        label: For a model that takes labels: one class for all images, or a sequence with the
            class of each image; see `LatentModel.sample`. None: all classes are tried, and the
            best is kept.
        options: See `InversionOptions`.

    Raises:
        UserError: The images don't fit the model, as for `LatentModel.encode`, or there are none
            (code "shape-mismatch"); the model can't take the label; or the options are invalid
            (codes "invalid-options" and "invalid-seed").
    """
    x = _checked_images(model, images)
    choices = _class_choices(model, label, len(x))
    restarts = as_integer("restarts", options.get("restarts", RESTARTS), 1, code="invalid-options")
    rows = rows_per_image(choices, restarts)
    size = max(1, MAX_ROWS // max(1, rows))
    parts = []
    for start in range(0, len(x), size):
        part = slice(start, start + size)
        labels = None if label is None or choices is None else choices[part, 0]
        *_, last = invert_iter(model, x[part], labels, **options)
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


def invert_iter(
    model: LatentModel,
    images: ImageInput,
    label: LabelInput = None,
    *,
    seed: int = 0,
    restarts: int = RESTARTS,
    steps: int = STEPS,
    pull: float = 1e-3,
    rate: float = 0.1,
) -> Generator[Inversion, None, None]:
    """Invert images in one batch and yield the best latents after each step, from step 0 on.

    The model's mode and gradients are left unchanged.

    Raises:
        UserError: See `invert`.
    """
    x = _checked_images(model, images)
    choices = _class_choices(model, label, len(x))
    seed = as_seed(seed)
    restarts, steps = (
        as_integer(name, value, 1, code="invalid-options")
        for name, value in (("restarts", restarts), ("steps", steps))
    )
    pull, rate = (
        as_factor(name, value, code="invalid-options")
        for name, value in (("pull", pull), ("rate", rate))
    )
    if rate == 0:
        raise UserError("rate is 0; it must be more than 0.", code="invalid-options")
    was_training = model.training
    model.eval()
    try:
        eps, y = initial_latents(model, x, choices, seed, restarts)
        posterior = encode_or_none(model, x[:1], None if y is None else y[:1])
        matches_prior = posterior is None or posterior.has_density
        weight = pull if matches_prior else 0.0
        optimizer = Adam([eps.requires_grad_()], lr=rate)
        schedule = CosineAnnealingLR(optimizer, steps)
        best, waited = _evaluate(model, x, eps, y, weight), 0
        yield best.inversion(x, matches_prior, 0)
        for step in range(1, steps + 1):
            optimizer.step()
            schedule.step()
            current = _evaluate(model, x, eps, y, weight)
            improved = bool((current.loss < (1 - MIN_GAIN) * best.loss).any())
            waited = 0 if improved else waited + 1
            best = best.or_better(current)
            yield best.inversion(x, matches_prior, step)
            if waited == PATIENCE:
                return
    finally:
        model.train(was_training)


class _Candidate(NamedTuple):
    """The best latent of each image."""

    loss: PerSample
    eps: Latents
    z: Latents
    image: Images
    y: LabelSet | None

    def or_better(self, other: "_Candidate") -> "_Candidate":
        """Return the candidate with the lower loss, for each image."""
        better = other.loss < self.loss

        def pick(mine: Tensor, others: Tensor) -> Tensor:
            return torch.where(better.view(-1, *[1] * (mine.ndim - 1)), others, mine)

        return _Candidate(
            loss=pick(self.loss, other.loss),
            eps=pick(self.eps, other.eps),
            z=pick(self.z, other.z),
            image=pick(self.image, other.image),
            y=None if self.y is None or other.y is None else pick(self.y, other.y),
        )

    def inversion(self, x: Images, matches_prior: bool, step: int) -> Inversion:
        """Return the candidate as a result."""
        square = self.eps.double().square().sum(1)  # chi-squared under the prior
        half = torch.full_like(square, self.eps.shape[1] / 2)
        percentile = torch.special.gammainc(half, square / 2)
        unknown = torch.full_like(half, torch.nan)
        return Inversion(
            z=self.z.cpu(),
            label=None if self.y is None else self.y.cpu(),
            image=self.image.cpu(),
            error=pixel_mse(self.image, x).cpu(),
            length_percentile=(percentile if matches_prior else unknown).cpu(),
            step=step,
        )


def _evaluate(
    model: LatentModel, x: Images, eps: LatentSet, y: Tensor | None, pull: float
) -> _Candidate:
    """Decode all latents, store the gradients of their losses in `eps.grad`, and return the best
    latent of each image. The latents of one image are adjacent rows."""
    restarts = len(eps) // len(x)
    with torch.enable_grad(), unchecked_inputs():
        z = model.prior(y, len(eps)).unwhiten(eps)
        images = model.decode(z, y)
        loss = pixel_mse(images, x.repeat_interleave(restarts, 0)) + pull * eps.square().mean(1)
        (eps.grad,) = torch.autograd.grad(loss.sum(), [eps])
    first = restarts * torch.arange(len(x), device=x.device)
    row = loss.view(-1, restarts).argmin(1) + first
    labels = None if y is None else y[row]
    loss, eps, z, images = (values.detach()[row] for values in (loss, eps, z, images))
    return _Candidate(loss, eps, z, model.limit(images), labels)


def _class_choices(model: LatentModel, label: LabelInput, n: int) -> Tensor | None:
    """Return the classes (N, K or 1) that each image may have; None for a model that takes no
    label."""
    if label is None and model.takes_label:
        return torch.arange(model.num_classes).expand(n, -1)
    labels = model.read_labels(label, n)
    if labels is not None and labels.is_floating_point():
        raise UserError(
            "The label is a blend of classes, and inversion needs one class per image: give class "
            "numbers or names.",
            code="soft-label",
        )
    return None if labels is None else labels[:, None]


def _checked_images(model: LatentModel, images: ImageInput) -> Images:
    """Return the images as floats in [-1, 1]."""
    x = model.read_images(images, stacklevel=4)
    if len(x) == 0:
        raise UserError("There are no images: give at least one.", code="shape-mismatch")
    return x
