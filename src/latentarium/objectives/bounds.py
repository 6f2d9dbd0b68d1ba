"""Bounds on the log-likelihood."""

import math

from latentarium.shapes import PerImageLatent, PerSample


def importance_weighted_bound(log_weights: PerImageLatent) -> PerSample:
    """Return log 1/k sum_i w_i, a lower bound on log p(x) in expectation, in nats.

    Arguments:
        log_weights: log w_i = log p(x | z_i) + log p(z_i) - log q(z_i | x), z_i ~ q(z | x), for k
            latents of each image.

    References:
        Importance weighted autoencoders (Burda et al., 2016), https://arxiv.org/abs/1509.00519
    """
    return log_weights.logsumexp(1) - math.log(log_weights.shape[1])
