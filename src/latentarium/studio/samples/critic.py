"""What is said of drawn images: how far to trust each, the class that a judge sees, and how sure
it is."""

from dataclasses import dataclass

import numpy as np
import torch

from latentarium.classifier.classifier import SURE
from latentarium.latent.calibration import off
from latentarium.latent.latent_map import Atlas
from latentarium.shapes import Labels, PerSample
from latentarium.studio.samples.draw import Drawn, weights_of


@dataclass(frozen=True, kw_only=True)
class Opinion:
    """What is said of some images."""

    trust: np.ndarray
    """float32, n rows of `frames.SCORE_COLUMNS`."""
    judged: Labels | None
    """The class that the judge sees; None where no judge knows such images."""
    sure: PerSample | None
    """The probability that it gives to that class."""
    usually_off: float
    """The share of held-out images that are off the data by the same measures."""
    usually_sure: float | None
    """The share of them of whose class the judge is sure."""


def opinion_of(atlas: Atlas, drawn: Drawn) -> Opinion:
    """Looks at what a model drew."""
    found = atlas.decoded_in_turns(drawn.z, weights_of(atlas.model, drawn.asked))
    usual = atlas.usual
    usually_off = off(usual.levels)["share"]
    if atlas.judge is None or usual.probabilities is None:
        return Opinion(
            trust=found.trust, judged=None, sure=None, usually_off=usually_off, usually_sure=None
        )
    sure, judged = atlas.judge.probabilities(torch.from_numpy(found.pixels)).max(1)
    return Opinion(
        trust=found.trust,
        judged=judged,
        sure=sure,
        usually_off=usually_off,
        usually_sure=float((usual.probabilities.amax(1) >= SURE).double().mean()),
    )
