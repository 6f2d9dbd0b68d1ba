"""Samples for Generate and Compare, the same as those of `LatentModel.sample` and of
the command line."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch.nn.functional import one_hot

from latentarium.latent.class_samples import class_gaussian, draw_latents
from latentarium.latent.latent_map import LatentMap
from latentarium.models.base import LatentModel
from latentarium.models.inference import decode
from latentarium.models.labels import class_index
from latentarium.shapes import Images, Labels, Latents, SoftLabels, SoftLabelSet
from latentarium.studio.priority_lock import priority_lock

Method = Literal["prior", "gaussian", "each-class"]


@dataclass(frozen=True, kw_only=True)
class SampleRequest:
    """What to sample."""

    n: int
    seed: int = 0
    truncation: float = 1.0
    method: Method = "prior"
    """prior: draw from p(z), given the label if there is one; gaussian: draw from the Gaussian of
    a class; each-class: draw from p(z), given the classes one after the other if the model takes a
    label."""
    label: str = ""
    """A class by number or name, or a blend of classes; "": no label."""


@dataclass(frozen=True, kw_only=True)
class Samples:
    """Samples with their latents."""

    images: Images
    z: Latents
    labels: Labels | SoftLabels | None
    """The requested classes; None without a label."""


def draw(latent_map: LatentMap, request: SampleRequest) -> Samples:
    """Draw samples.

    Raises:
        UserError: The model takes no label or doesn't know this one (codes "label-not-taken" and
            "unknown-class"), or the class has no Gaussian (code "no-class-gaussian").
    """
    model = latent_map.model
    options = {"seed": request.seed, "truncation": request.truncation}
    with priority_lock(latent_map):
        if request.method == "gaussian":
            latents = latent_map.latents if latent_map.can_encode else None
            gaussian = class_gaussian(model, latent_map.data, request.label, latents)
            z = draw_latents(gaussian, request.n, **options)
            number = class_index(request.label, latent_map.data.card.classes)
            labels = torch.full((request.n,), number)
            return Samples(images=decode(model, z), z=z, labels=labels)
        label: object = request.label or None
        if request.method == "each-class":
            in_turn = torch.arange(request.n) % max(1, model.num_classes)
            label = in_turn if model.takes_label else None
        z, labels = model.latents(request.n, label, **options)
        images = model.sample(request.n, label, **options)
        return Samples(images=images, z=z.cpu(), labels=labels)


def decoder_weights(model: LatentModel, labels: Labels | SoftLabels | None) -> SoftLabelSet | None:
    """Return the class weights for a decoder; None if it takes no label or there are none."""
    if labels is None or not model.decodes_label:
        return None
    if labels.is_floating_point():
        return labels.cpu()
    return one_hot(labels.cpu(), model.num_classes).float()
