"""The NLL of a VAE by annealed importance sampling, which does not use the posterior.

Annealing goes from the prior to the posterior through p(z) p(x | z)^b, with b rising from 0 to 1:

    log w = sum_t (b_t - b_(t-1)) log p(x | z_(t-1)),   z_t ~ HMC at b_t from z_(t-1)
    NLL   = -log 1/C sum_c w_c

The mean weight is p(x) in expectation, so the NLL is an upper bound in expectation, like the
importance-weighted NLL. If the two agree, both are probably close to -log p(x). The cost per image
is two runs, each with temperatures x leapfrog steps x chains gradients of the decoder, so the
method is suitable for tens of images and small models.

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

from latentarium.distributions import DiagonalGaussian, Distribution
from latentarium.errors import UserError
from latentarium.evaluation.joint_density import (
    ImageGroup,
    NoisePerImage,
    image_groups,
    require_finite,
    require_likelihood,
)
from latentarium.evaluation.likelihood import effective_share
from latentarium.models.base import LatentModel
from latentarium.models.modes import evaluation_mode
from latentarium.rng import Noise
from latentarium.shapes import Images, LabelSet, LatentsPerImage, PerImageLatent, PerPoint, Pixels
from latentarium.stats.intervals import bootstrap
from latentarium.stats.measurement import Interval

TARGET_ACCEPTANCE = 0.65
"""Share of HMC proposals to accept, near the optimum of the method (Neal, 2011)."""
ADAPTATION_RATE = 0.2
"""Rate at which the pilot's log step size follows its acceptance rate."""
INITIAL_STEP_SIZE = 0.2
"""The pilot's first step size, in standard deviations of the prior."""
STEEPNESS = 4.0
"""Steepness of the sigmoid that spaces temperatures: densest at both ends (Wu et al., 2017)."""


@dataclass(frozen=True, kw_only=True)
class AnnealedNLL:
    """The annealed NLL: the mean over images, in nats; lower is better.

    Arguments:
        nll: The NLL.
        interval: Its 95 % interval, which accounts for the choice of images only.
        acceptance: Share of HMC proposals accepted. If it is near 0, the chains don't move and the
            bound is loose.
        effective_share: Effective number of chains divided by the number of chains; mean over
            images.
        per_image: The NLL of each image.
        temperatures, chains, leapfrog: The arguments of `annealed_nll`.
        n: Number of images.
        seed: The argument of `annealed_nll`.
    """

    nll: float
    interval: Interval
    acceptance: float
    effective_share: float
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
    progress: Callable[[float], object] | None = None,
) -> AnnealedNLL:
    """Estimate -log p(x) by annealing from the prior, without the posterior.

    A pilot run with its own random numbers adapts the step size of HMC for each image and
    temperature. The second run uses these fixed step sizes, so that the estimate of p(x) stays
    unbiased.

    Arguments:
        model: A VAE whose prior has a density that is differentiable in z, as all built-in priors
            have.
        images: At least 2, in [-1, 1] or as uint8.
        labels: Their labels, for a model that takes labels; ignored otherwise.
        temperatures: Steps from the prior to the posterior, with one HMC transition each.
        chains: Independent runs per image, whose weights are averaged.
        leapfrog: Leapfrog steps per transition.
        seed: The seed. The random numbers of an image depend on the seed and the image's index.
        batch_size: Latents decoded at a time. It limits memory, and changes results only by
            rounding.
        progress: Called after each temperature of each run with the number of images done. An
            image of the current batch counts as a fraction.

    Raises:
        UserError: The model or its prior has no density, images or labels don't fit it, a count is
            below 1, or a value is not finite.
    """
    if min(temperatures, chains, leapfrog) < 1:
        raise UserError(
            f"temperatures is {temperatures}, chains is {chains} and leapfrog is {leapfrog}; each "
            "must be at least 1.",
            code="invalid-count",
        )
    require_likelihood(model)
    schedule = _schedule(temperatures)
    results, accepted, done = [], [], 0

    def report(share: float) -> None:
        if progress:
            progress(done + share * len(group.x))

    with evaluation_mode(model):
        for group in image_groups(model, images, labels, chains, batch_size, chains):
            target = _Target.of(group, chains)
            steps = torch.full((temperatures, len(group.x)), INITIAL_STEP_SIZE)
            _anneal(
                target, schedule, steps, leapfrog, ("pilot", seed), adapt=True,
                report=lambda part: report(part / 2),
            )  # fmt: skip
            log_w, share = _anneal(
                target, schedule, steps, leapfrog, ("annealed", seed),
                report=lambda part: report((1 + part) / 2),
            )  # fmt: skip
            nll = math.log(chains) - log_w.logsumexp(1)
            results.append(torch.stack([nll, effective_share(log_w)]).cpu())
            accepted.append(share.cpu())
            done += len(log_w)
    per_image, share = require_finite(torch.cat(results, 1))
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


@dataclass(frozen=True)
class _Densities:
    """Log densities at positions of chains, and their gradients in the coordinates u."""

    likelihood: PerImageLatent
    likelihood_gradient: LatentsPerImage
    prior: PerImageLatent
    prior_gradient: LatentsPerImage

    def where(self, condition: Tensor, other: "_Densities") -> "_Densities":
        """Return these densities where the condition holds, and the others elsewhere."""
        wide = condition[:, :, None]
        return _Densities(
            torch.where(condition, self.likelihood, other.likelihood),
            torch.where(wide, self.likelihood_gradient, other.likelihood_gradient),
            torch.where(condition, self.prior, other.prior),
            torch.where(wide, self.prior_gradient, other.prior_gradient),
        )


@dataclass(frozen=True)
class _Target:
    """p(x | z) and p(z) of a group of images, in coordinates u.

    With a Gaussian prior, u is z in standard deviations of the prior, so that p(u) is N(0, I).
    Otherwise, u is z.

    Arguments:
        group: The images.
        prior: The prior of each chain, differentiable in z; the chains of an image are adjacent.
        chains: The number of chains of each image.
    """

    group: ImageGroup
    prior: Distribution
    chains: int

    @classmethod
    def of(cls, group: ImageGroup, chains: int) -> "_Target":
        """Return the target of a group."""
        y = None if group.y is None else group.y.repeat_interleave(chains, 0)
        with torch.enable_grad():
            return cls(group, group.model.prior(y, len(group.x) * chains), chains)

    def draw(self, noises: list[Noise]) -> LatentsPerImage:
        """Draw the initial positions of the chains from the prior."""
        if isinstance(self.prior, DiagonalGaussian):
            mean = self.prior.mean
            shape = (len(noises), self.chains, mean.shape[1])
            return NoisePerImage(noises).normal(*shape).to(mean)
        noise = NoisePerImage([source for source in noises for _ in range(self.chains)])
        return self.prior.sample(noise).detach().unflatten(0, (-1, self.chains))

    def densities(self, u: LatentsPerImage) -> _Densities:
        """Return the log densities at u, and their gradients."""
        with torch.enable_grad():
            u = u.detach().requires_grad_()
            rows = u.flatten(0, 1)
            if isinstance(self.prior, DiagonalGaussian):
                z = self.prior.mean + self.prior.std * rows
                prior, slope = -0.5 * u.detach().double().square().sum(2), -u.detach()
            else:
                z, prior = rows, self.prior.log_prob(rows).double().unflatten(0, u.shape[:2])
                (slope,) = torch.autograd.grad(prior.sum(), u)
            likelihood = self.group.log_likelihood(z.unflatten(0, u.shape[:2]))
            (gradient,) = torch.autograd.grad(likelihood.sum(), u)
        return _Densities(likelihood.detach(), gradient, prior.detach(), slope)


def _schedule(temperatures: int) -> list[float]:
    """Return temperatures from 0 to 1, densest at both ends."""
    even = torch.linspace(-1, 1, temperatures + 1, dtype=torch.float64)
    spaced = torch.sigmoid(STEEPNESS * even)
    return ((spaced - spaced[0]) / (spaced[-1] - spaced[0])).tolist()


def _anneal(
    target: _Target,
    schedule: list[float],
    step_sizes: Tensor,
    leapfrog: int,
    stream: tuple[str, int],
    *,
    adapt: bool = False,
    report: Callable[[float], object],
) -> tuple[PerImageLatent, PerPoint]:
    """Return the log weights, and the share of accepted proposals of each image.

    `step_sizes` (temperatures, images) is read; with `adapt`, it is overwritten with the step
    sizes that are adapted during the run. `report` is called after each temperature with the share
    of the run that is done.
    """
    first, n, chains = target.group.first, len(target.group.x), target.chains
    noises = [Noise(*stream, first + i) for i in range(n)]
    noise = NoisePerImage(noises)
    u = target.draw(noises)
    here = target.densities(u)
    require_finite(here.likelihood)  # fail before the long loop
    log_w = torch.zeros_like(here.likelihood)
    acceptance = torch.zeros(n, dtype=torch.float64)
    step = step_sizes[0].clone()
    for t, (before, now) in enumerate(pairwise(schedule)):
        log_w += (now - before) * here.likelihood
        step = step if adapt else step_sizes[t]
        eps = step.to(u)[:, None, None]
        initial_momentum = noise.normal(*u.shape).to(u)
        new_u, momentum, there = u, initial_momentum, here
        for _ in range(leapfrog):
            momentum = momentum + eps / 2 * _force(there, now)
            new_u = new_u + eps * momentum
            there = target.densities(new_u)
            momentum = momentum + eps / 2 * _force(there, now)
        log_accept = now * (there.likelihood - here.likelihood) + there.prior - here.prior
        log_accept += _kinetic_energy(initial_momentum) - _kinetic_energy(momentum)
        uniform = noise.uniform(n, chains).to(log_accept)
        accept = uniform.log() < log_accept  # False for NaN
        u = torch.where(accept[:, :, None], new_u, u)
        here = there.where(accept, here)
        share = accept.double().mean(1).cpu()
        acceptance += share / (len(schedule) - 1)
        if adapt:
            step_sizes[t] = step
            step = step * (ADAPTATION_RATE * (share - TARGET_ACCEPTANCE)).exp().to(step)
        report((t + 1) / (len(schedule) - 1))
    return log_w, acceptance


def _force(densities: _Densities, temperature: float) -> LatentsPerImage:
    """Return the gradient of log p(z) p(x | z)^b at temperature b."""
    return temperature * densities.likelihood_gradient + densities.prior_gradient


def _kinetic_energy(momentum: LatentsPerImage) -> PerImageLatent:
    return 0.5 * momentum.double().square().sum(2)
