"""The cosine by which the learning rate and other quantities fall during a training."""

import math


def cosine_share(progress: float, final: float) -> float:
    """Return the share that is left of a quantity.

    Arguments:
        progress: From 0, where the share is 1, to 1, where it is `final`.
        final: The share at the end, 0 to 1.
    """
    return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * progress))
