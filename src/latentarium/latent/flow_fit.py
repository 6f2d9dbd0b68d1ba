"""Fit a normalizing flow to latents, by gradient ascent of the likelihood.

The result is the flow at the training step with the largest held-out density. With few latents,
the last step overfits.
"""

from copy import deepcopy

import torch

from latentarium.config import FlowPriorConfig
from latentarium.distributions import FlowPrior
from latentarium.latent.log_density import mean_log_prob
from latentarium.optimizers import Adam
from latentarium.progress import StepProgress
from latentarium.rng import Noise, derive_seed
from latentarium.shapes import LatentSet, OtherLatentSet

FLOW = FlowPriorConfig(transform="affine", transforms=4, width=128)
FLOW_STEPS, FLOW_BATCH, FLOW_RATE = 3000, 512, 2e-3
CHECK_EVERY, PATIENCE = 100, 1000
"""Number of steps between two measurements of the held-out density, and without an improvement of
it before the fit stops."""


def fit_flow(
    z: LatentSet, held_out: OtherLatentSet, seed: int, report: StepProgress
) -> tuple[FlowPrior, float]:
    """Fit a flow; return it with the mean log density of the held-out latents, in nats."""
    z = z.float()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed("flow", seed))
        prior = FlowPrior(z.shape[1], settings=FLOW)
    prior.standardize(z)
    optimizer = Adam(prior.parameters(), FLOW_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, FLOW_STEPS)
    size = min(FLOW_BATCH, len(z))
    best, best_score, best_step = deepcopy(prior), mean_log_prob(prior, held_out), 0
    for step in range(1, FLOW_STEPS + 1):
        batch = z[Noise("flow", seed, step - 1).integers(len(z), size)]
        loss = -prior(None, size).log_prob(batch).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % CHECK_EVERY and step < FLOW_STEPS:
            continue
        score = mean_log_prob(prior, held_out)
        if score > best_score:
            best, best_score, best_step = deepcopy(prior), score, step
        report(step, FLOW_STEPS, f"{score:.2f} nats")
        if step - best_step >= PATIENCE:
            break
    report(FLOW_STEPS, FLOW_STEPS, f"{best_score:.2f} nats after step {best_step:,}")
    return best.eval().requires_grad_(False), best_score
