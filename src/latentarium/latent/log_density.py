"""The log density of many latents under a prior."""

import torch

from latentarium.distributions import Prior
from latentarium.shapes import Labels, LatentSet, PerPoint, SoftLabels

ROWS = 20_000
"""Latents at a time, which limits memory."""


@torch.no_grad()
def log_probs(prior: Prior, z: LatentSet, label: Labels | SoftLabels | None = None) -> PerPoint:
    """Return the log density of each latent, in nats, in float64.

    Arguments:
        prior: The prior.
        z: The latents.
        label: One label for all of them, in a batch of one; None for a prior without labels.
    """
    parts = []
    for part in z.float().split(ROWS):
        labels = None if label is None else label.expand(len(part), *label.shape[1:])
        parts.append(prior(labels, len(part)).log_prob(part))
    return torch.cat(parts).double()


def mean_log_prob(prior: Prior, z: LatentSet, label: Labels | SoftLabels | None = None) -> float:
    """Return the mean of `log_probs`."""
    return float(log_probs(prior, z, label).mean())
