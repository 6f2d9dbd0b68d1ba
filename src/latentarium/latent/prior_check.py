"""Whether a model generates: what becomes of draws from its prior, beside what becomes of images.

An autoencoder is taught to rebuild images and nothing of N(0, I); whether its codes follow it all
the same, and what its decoder makes of draws that lie elsewhere, is measured here.
"""

from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from latentarium.classifier.classifier import CONFIDENT
from latentarium.latent.calibration import HELD_OUT, levels_of, off, share
from latentarium.latent.gaussian_samples import DRAWN
from latentarium.latent.latent_map import Atlas
from latentarium.metrics.aggregate_posterior import prior_sliced_distance
from latentarium.shapes import Labels, LatentSet
from latentarium.studio.samples.draw import weights_of

Numbers = dict[str, float]
_kept: "WeakKeyDictionary[Atlas, Numbers | None]" = WeakKeyDictionary()
"""`distance`, which doesn't depend on the draws."""


def as_generator(atlas: Atlas, seed: int, n: int = DRAWN) -> dict[str, Any]:
    """What becomes of draws from the prior, each class in turn where the model takes one; shares
    with their 95 % intervals.

    Arguments:
        atlas: The model's map.
        seed: Of the draws; models of one latent dimension get the same.
        n: Draws.

    Returns:
        n; seed; off: of draws off the data; sure: of draws of whose class the judge is sure;
        usual: both of held-out images, decoded from their latents, or as they are where nothing
        encodes; classes: how many classes the judge sees; distance: of held-out codes from the
        prior (sliced 2-Wasserstein, in units of z), and what the prior scores against itself.
        What can't be known is None.
    """
    z, labels = _prior(atlas, n, seed)
    drawn = atlas.decoded_in_turns(z, weights_of(atlas.model, labels))
    judged = atlas.judge and atlas.judge.probabilities(torch.from_numpy(drawn.pixels))
    if atlas not in _kept:
        _kept[atlas] = _distance(atlas)
    return {
        "n": n,
        "seed": seed,
        **_shares(levels_of(drawn.trust), judged),
        "usual": _shares(atlas.usual.levels, atlas.usual.probabilities),
        "classes": None if judged is None else len(judged.argmax(1).unique()),
        "distance": _kept[atlas],
    }


def _shares(levels: Tensor, probabilities: Tensor | None) -> dict[str, Numbers | None]:
    sure = None if probabilities is None else share(probabilities.amax(1) >= CONFIDENT)
    return {"off": off(levels), "sure": sure}


def _prior(atlas: Atlas, n: int, seed: int) -> tuple[LatentSet, Labels | None]:
    model = atlas.model
    turns = [i % model.num_classes for i in range(n)] if model.takes_label else None
    with atlas.in_turn:
        z, labels = model.latents(n, turns, seed=seed)
    return z.cpu(), labels


def _distance(atlas: Atlas) -> Numbers | None:
    if not atlas.has_map:
        return None

    def draw(n: int, generator: torch.Generator) -> Tensor:
        return _prior(atlas, n, int(torch.randint(2**31, (), generator=generator)))[0]

    found = prior_sliced_distance(atlas.held_out_codes[:HELD_OUT], draw=draw)
    low, high = found.interval
    return {
        "value": found.value, "low": low, "high": high,
        "floor": found.reference, "floor_high": found.reference_interval[1],
    }  # fmt: skip
