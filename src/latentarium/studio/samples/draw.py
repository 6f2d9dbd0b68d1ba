"""What Generate and Compare draw: images, as `sample` and the command line make them."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch.nn.functional import one_hot

from latentarium.latent.class_samples import class_gaussian, gaussian_latents
from latentarium.latent.latent_map import Atlas
from latentarium.models.base import LatentModel
from latentarium.models.inference import decode
from latentarium.models.labels import class_index
from latentarium.shapes import Images, Labels, Latents, SoftLabels, SoftLabelSet

Way = Literal["prior", "gaussian", "turn"]


@dataclass(frozen=True, kw_only=True)
class Draw:
    """What is drawn."""

    n: int
    seed: int = 0
    truncation: float = 1.0
    way: Way = "prior"
    """prior: from p(z), under the label if there is one; gaussian: from the Gaussian of a class's
    latents; turn: from p(z), under each class in turn where the model takes one."""
    label: str = ""
    """A class by number or name, or a blend; empty: none."""


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """What was drawn."""

    images: Images
    z: Latents
    asked: Labels | SoftLabels | None
    """The classes asked for; None where nothing was."""


def draw(atlas: Atlas, wish: Draw) -> Drawn:
    """Draws images.

    Raises:
        UserError: A label that the model takes not or knows not, or no Gaussian of a class.
    """
    model = atlas.model
    settings = {"seed": wish.seed, "truncation": wish.truncation}
    with atlas.in_turn:
        if wish.way == "gaussian":
            known = atlas.codes if atlas.has_map else None
            gaussian = class_gaussian(model, atlas.data, wish.label, known)
            z = gaussian_latents(gaussian, wish.n, **settings)
            asked = torch.full((wish.n,), class_index(wish.label, atlas.data.card.classes))
            return Drawn(images=decode(model, z), z=z, asked=asked)
        label: object = wish.label or None
        if wish.way == "turn":
            turns = [i % model.num_classes for i in range(wish.n)] if model.takes_label else None
            label = turns
        z, asked = model.latents(wish.n, label, **settings)
        return Drawn(images=model.sample(wish.n, label, **settings), z=z.cpu(), asked=asked)


def weights_of(model: LatentModel, asked: Labels | SoftLabels | None) -> SoftLabelSet | None:
    """What a model's decoder is told of the classes asked for; None where it is told nothing."""
    if asked is None or not model.decodes_label:
        return None
    return (
        asked.cpu()
        if asked.is_floating_point()
        else one_hot(asked.cpu(), model.num_classes).float()
    )
