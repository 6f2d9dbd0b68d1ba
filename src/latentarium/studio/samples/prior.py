"""Whether a model generates: what becomes of draws from its prior, beside what becomes of images.

An autoencoder is taught to rebuild images and nothing of N(0, I); whether its codes follow it all
the same, and what its decoder makes of draws that lie elsewhere, is measured here.
"""

from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from latentarium.metrics.judge import SURE
from latentarium.metrics.prior_gap import prior_sliced_distance
from latentarium.metrics.subject import first
from latentarium.shapes import Labels, LatentSet
from latentarium.studio.maps.atlas import HELD_OUT, Atlas
from latentarium.studio.maps.draws import DRAWN, GAP, share

Numbers = dict[str, float]
_kept: "WeakKeyDictionary[Atlas, tuple[Numbers | None, Numbers | None]]" = WeakKeyDictionary()
"""What doesn't depend on the draws: `usual` and `distance`."""


def as_generator(atlas: Atlas, seed: int, n: int = DRAWN) -> dict[str, Any]:
    """What becomes of draws from the prior, each class in turn where the model takes one; shares
    with their 95 % intervals.

    Arguments:
        atlas: The model's map.
        seed: Of the draws; models of one latent dimension get the same.
        n: Draws.

    Returns:
        n; seed; gaps: of draws farther from the data than 99 % of held-out images; sure: of draws
        of whose class the judge is sure; usual: the same of reconstructed held-out images, or of
        the images themselves where nothing encodes; classes: how many classes the judge sees;
        distance: of held-out codes from the prior (sliced 2-Wasserstein, in units of z), and what
        the prior scores against itself. What can't be known is None.
    """
    z, labels = _prior(atlas, n, seed)
    weights = None
    if atlas.model.decodes_label and labels is not None:
        weights = one_hot(labels.cpu(), atlas.model.num_classes).float()
    drawn = atlas.decoded_in_turns(z, weights)
    sure, classes = None, None
    if atlas.judge is not None:
        most = atlas.judge.probabilities(torch.from_numpy(drawn.pixels)).max(1)
        sure, classes = share(most.values >= SURE), len(most.indices.unique())
    gaps = share(torch.from_numpy(drawn.trust[:, 1] > GAP)) if atlas.has_map else None
    if atlas not in _kept:
        _kept[atlas] = _usual(atlas), _distance(atlas)
    usual, distance = _kept[atlas]
    return {
        "n": n, "seed": seed, "gaps": gaps, "sure": sure, "usual": usual, "classes": classes,
        "distance": distance,
    }  # fmt: skip


def _prior(atlas: Atlas, n: int, seed: int) -> tuple[LatentSet, Labels | None]:
    model = atlas.model
    turns = [i % model.num_classes for i in range(n)] if model.takes_label else None
    with atlas.in_turn:
        z, labels = model.latents(n, turns, seed=seed)
    return z.cpu(), labels


def _usual(atlas: Atlas) -> Numbers | None:
    """Of held-out images as the model rebuilds them; as they are where it can't."""
    if atlas.judge is None:
        return None
    images = first(atlas.data.validation, HELD_OUT).images
    if atlas.has_map:
        again = atlas.decoded_in_turns(atlas.held_out_codes[:HELD_OUT])
        images = torch.from_numpy(again.pixels)
    return share(atlas.judge.probabilities(images).amax(1) >= SURE)


def _distance(atlas: Atlas) -> Numbers | None:
    if not atlas.has_map:
        return None

    def draw(n: int, generator: torch.Generator) -> Tensor:
        return _prior(atlas, n, int(torch.randint(2**31, (), generator=generator)))[0]

    found = prior_sliced_distance(atlas.held_out_codes[:HELD_OUT], draw=draw)
    low, high = found.interval
    return {
        "value": found.value, "low": low, "high": high,
        "floor": found.floor, "floor_high": found.floor_interval[1],
    }  # fmt: skip
