"""The NLL of a VAE's decoder by annealed importance sampling: a check that needs no encoder.

From the prior to the posterior through p(z) p(x | z)^b, with b rising from 0 to 1:

    log w = sum_t (b_t - b_(t-1)) log p(x | z_(t-1)),   z_t ~ HMC at b_t from z_(t-1)
    NLL   = -log 1/C sum_c w_c

The mean weight is p(x) in expectation, so the NLL is an upper bound in expectation, as the
importance-weighted one; where both agree, neither can be far off. It costs temperatures x leapfrog
x chains gradients of the decoder for each image, twice: fit for tens of images and small models.

References:
    Annealed importance sampling (Neal, 2001), https://arxiv.org/abs/physics/9803008
    MCMC using Hamiltonian dynamics (Neal, 2011), https://arxiv.org/abs/1206.1901
    On the quantitative analysis of decoder-based generative models (Wu et al., 2017),
    https://arxiv.org/abs/1611.04273
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from latentarium.distributions import DiagonalGaussian
from latentarium.errors import UserError
from latentarium.evaluation.joint_density import (
    Group,
    evaluating,
    groups,
    require_finite,
    require_vae,
)
from latentarium.evaluation.likelihood import effective_share
from latentarium.models.base import LatentModel
from latentarium.rng import Noise
from latentarium.shapes import Images, LabelSet, LatentDraws, PerDraw, PerPoint, Pixels
from latentarium.stats.intervals import Interval, bootstrap

TARGET = 0.65
"""Share of HMC proposals to be accepted, near the best for the method (Neal, 2011)."""
RATE = 0.2
"""How fast the pilot's log step follows its acceptance."""
FIRST_STEP = 0.2
"""The pilot's first step, in deviations of the prior."""
STEEPNESS = 4.0
"""Of the sigmoid that spaces temperatures: closest at both ends (Wu et al., 2017)."""


@dataclass(frozen=True, kw_only=True)
class AnnealedNLL:
    """The annealed NLL, a mean over images in nats; lower is better."""

    nll: float
    interval: Interval
    """Over the images alone."""
    acceptance: float
    """Share of HMC proposals accepted; near 0, chains stand still and the bound is loose."""
    effective_share: float
    """The effective number of chains over their number, mean over images."""
    per_image: PerPoint
    temperatures: int
    chains: int
    leapfrog: int
    n: int
    seed: int


def annealed_nll(
    model: LatentModel,
    images: Images | Pixels,
    labels: LabelSet | None = None,
    *,
    temperatures: int = 500,
    chains: int = 16,
    leapfrog: int = 10,
    seed: int = 0,
    batch_size: int = 2000,
    progress: Callable[[int], object] | None = None,
) -> AnnealedNLL:
    """-log p(x) by annealing from the prior, with no use of the encoder.

    A pilot run with draws of its own finds a step of HMC for each image and temperature; the run
    that counts holds them, so that the estimate of p(x) stays unbiased.

    Arguments:
        model: A VAE.
        images: At least 2, as models see them or as stored.
        labels: Their classes, for a model that takes labels; others don't look at them.
        temperatures: Steps from the prior to the posterior, one HMC move in each.
        chains: Independent runs for each image, averaged as weights.
        leapfrog: Steps of the dynamics in a move.
        seed: Of the draws, with the image's place in the set.
        batch_size: Latents decoded at once: memory, not meaning, except for rounding.
        progress: Told how many images are done.

    Raises:
        UserError: The model is no VAE, images or labels don't fit it, there is not even one
            temperature, chain or leapfrog step, or a value is not finite.
    """
    if min(temperatures, chains, leapfrog) < 1:
        raise UserError(
            f"There are {temperatures} temperatures, {chains} chains and {leapfrog} leapfrog "
            "steps: give at least 1 of each."
        )
    vae = require_vae(model)
    schedule = _schedule(temperatures)
    found, accepted, done = [], [], 0
    with evaluating(vae):
        for part in groups(vae, images, labels, chains, batch_size, chains):
            pilot = torch.full((temperatures, len(part.x)), FIRST_STEP)
            _anneal(part, schedule, pilot, chains, leapfrog, ("pilot", seed), adapt=True)
            log_w, share = _anneal(part, schedule, pilot, chains, leapfrog, ("annealed", seed))
            nll = math.log(chains) - log_w.logsumexp(1)
            found.append(torch.stack([nll, effective_share(log_w)]).cpu())
            accepted.append(share.cpu())
            done += len(log_w)
            if progress:
                progress(done)
    per_image, share = require_finite(torch.cat(found, 1))
    return AnnealedNLL(
        nll=float(per_image.mean()),
        interval=bootstrap(per_image, seed=seed),
        acceptance=float(torch.cat(accepted).mean()),
        effective_share=float(share.mean()),
        per_image=per_image,
        temperatures=temperatures,
        chains=chains,
        leapfrog=leapfrog,
        n=len(images),
        seed=seed,
    )


def _schedule(temperatures: int) -> list[float]:
    """From 0 to 1, closest at both ends."""
    even = torch.linspace(-1, 1, temperatures + 1, dtype=torch.float64)
    spaced = torch.sigmoid(STEEPNESS * even)
    return ((spaced - spaced[0]) / (spaced[-1] - spaced[0])).tolist()


def _anneal(
    part: Group,
    schedule: list[float],
    steps: Tensor,
    chains: int,
    leapfrog: int,
    stream: tuple[str, int],
    *,
    adapt: bool = False,
) -> tuple[PerDraw, PerPoint]:
    """The log weights, and the share of proposals accepted for each image. `steps` are held, or
    found and written."""
    n, dimensions = part.prior.mean.shape
    noises = [Noise(*stream, part.first + i) for i in range(n)]
    like = part.prior.mean

    def normal() -> LatentDraws:
        return torch.stack([noise.normal(chains, dimensions) for noise in noises]).to(like)

    u = normal()  # z in deviations of the prior, so that the prior is N(0, I)
    log_p, slope = _slope(part, u)
    require_finite(log_p)  # now, rather than after all moves
    log_w = torch.zeros_like(log_p)
    rate = torch.zeros(n, dtype=torch.float64)
    step = steps[0].clone()
    for t, (before, now) in enumerate(pairwise(schedule)):
        log_w += (now - before) * log_p
        step = step if adapt else steps[t]
        eps = step.to(like)[:, None, None]
        start = normal()
        moved, momentum, there, force = u, start, log_p, slope
        for _ in range(leapfrog):
            momentum = momentum + eps / 2 * (now * force - moved)
            moved = moved + eps * momentum
            there, force = _slope(part, moved)
            momentum = momentum + eps / 2 * (now * force - moved)
        log_accept = now * (there - log_p) + _energy(u) - _energy(moved)
        log_accept += _energy(start) - _energy(momentum)
        uniform = torch.stack([noise.uniform(chains) for noise in noises]).to(log_accept)
        accept = uniform.log() < log_accept  # never, where it is nan
        u = torch.where(accept[:, :, None], moved, u)
        slope = torch.where(accept[:, :, None], force, slope)
        log_p = torch.where(accept, there, log_p)
        share = accept.double().mean(1).cpu()
        rate += share / (len(schedule) - 1)
        if adapt:
            steps[t] = step
            step = step * (RATE * (share - TARGET)).exp().to(step)
    return log_w, rate


def _slope(part: Group, u: LatentDraws) -> tuple[PerDraw, LatentDraws]:
    """log p(x | z), and its gradient by u."""
    with torch.enable_grad():
        u = u.detach().requires_grad_()
        prior = part.prior
        assert isinstance(prior, DiagonalGaussian)
        z = prior.mean[:, None] + prior.std[:, None] * u
        log_p = part.log_likelihood(z)
        (slope,) = torch.autograd.grad(log_p.sum(), u)
    return log_p.detach(), slope


def _energy(u: LatentDraws) -> PerDraw:
    return 0.5 * u.double().square().sum(2)
