"""Train the network that tells corrupted images from real ones.

Every batch has new corruptions and, for images with colours, samples of a small VAE. Real and
corrupted images are rotated, zoomed, shifted, softened and, if they have colours, mirrored alike,
so that none of this tells them apart. Grey images are not mirrored, since a mirrored digit or
letter may look like a different one, or like none.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from latentarium.classifier.training import augment
from latentarium.errors import NonFiniteError
from latentarium.latent.corruption_network import (
    MIN_COLOUR_CHANNELS,
    NUM_SAMPLES,
    CorruptionNetwork,
    reduce,
    round_weights,
)
from latentarium.latent.corruptions import NETWORK_KINDS, corrupt_floats, soften_floats
from latentarium.latent.vae_samples import vae_samples
from latentarium.memory import keeping_freed_memory
from latentarium.optimizers import AdamW
from latentarium.progress import StepProgress
from latentarium.rng import Noise, derive_seed
from latentarium.shapes import Pixels

BATCH_SIZE, LEARNING_RATE, WEIGHT_DECAY, WARMUP = 64, 4e-3, 0.02, 0.15
"""Real images per batch, next to which there are as many corrupted ones; peak of a one-cycle
schedule for AdamW; share of the steps in which the rate rises."""
AUGMENTED, SOFTENED = 0.5, 0.5
"""Shares of the images that are rotated, zoomed and shifted, and that are softened."""
SAMPLES = 0.2
"""Share of the corrupted images that are samples of a small VAE, for images with colours."""
VAE_STEPS = 0.24
"""Number of steps of the small VAE, as a share of those of the network."""
CHUNK = 16
"""Number of batches that are made at a time, since few large operations are faster than many."""
REPORT_EVERY = 25
STREAM = "corruption network"


@keeping_freed_memory()
def train_network(
    images: Pixels,
    *,
    steps: int,
    seed: int = 0,
    progress: StepProgress | None = None,
) -> CorruptionNetwork:
    """Train the network on the CPU.

    Arguments:
        images: Real images.
        steps: Number of batches.
        seed: The seed; all random numbers are functions of the seed and the step.
        progress: Reports the finished steps, the total, and the loss.

    Raises:
        NonFiniteError: The loss is not finite.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(STREAM, seed))
        channels, height, width = images.shape[1:]
        network = CorruptionNetwork((channels, height, width))
    small = torch.cat([reduce(part) for part in images.split(500)])
    samples, total = small[:0], steps
    if network.samples is not None:
        vae_steps = math.ceil(VAE_STEPS * steps)
        total += vae_steps
        samples = vae_samples(
            small,
            seed=seed,
            steps=vae_steps,
            progress=progress and (lambda done, _, part: progress(done, total, part)),
        )
        network.samples.copy_((samples[:NUM_SAMPLES] * 255).round())
    optimizer = AdamW(
        network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, LEARNING_RATE, total_steps=max(steps, 2), pct_start=WARMUP
    )
    target = torch.cat([torch.zeros(BATCH_SIZE), torch.ones(BATCH_SIZE)])
    network.train()
    for step, x in enumerate(_batches(small, samples, seed, steps), 1):
        loss = nn.functional.binary_cross_entropy_with_logits(network(x), target)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % REPORT_EVERY and step < steps:
            continue
        if not bool(loss.isfinite()):
            raise NonFiniteError(
                f"The loss of the corruption network is not finite at step {step}",
                "report this as a bug",
            )
        if progress:
            progress(total - steps + step, total, f"loss {loss.item():.3f}")
    return round_weights(network)


def _batches(small: Tensor, samples: Tensor, seed: int, steps: int) -> Iterator[Tensor]:
    """Yield batches, each of real images and as many corrupted ones, a part of them samples."""
    for first in range(0, steps, CHUNK):
        noise = torch.Generator().manual_seed(derive_seed(STREAM, seed, first))
        half = CHUNK * BATCH_SIZE
        x = small[torch.randint(len(small), (2 * half,), generator=noise)]
        first_corrupted = half
        if len(samples):
            first_corrupted += round(SAMPLES * half)
            chosen = torch.randint(len(samples), (first_corrupted - half,), generator=noise)
            x[half:first_corrupted] = samples[chosen]
        chosen = torch.rand(len(x), generator=noise) < AUGMENTED
        x[chosen] = augment(x[chosen], Noise.from_generator(noise))
        if x.shape[1] >= MIN_COLOUR_CHANNELS:
            chosen = torch.rand(len(x), generator=noise) < 0.5
            x[chosen] = x[chosen].flip(3)
        x[first_corrupted:] = corrupt_floats(x[first_corrupted:], NETWORK_KINDS, noise)
        chosen = torch.rand(len(x), generator=noise) < SOFTENED
        x[chosen] = soften_floats(x[chosen], noise)
        x = (x.clamp(0, 1) * 255).round() / 255
        # the kinds take turns, so that batches of neighbours would have the same kinds each time
        corrupted = x[half:][torch.randperm(half, generator=noise)]
        for real, bad in zip(x[:half].split(BATCH_SIZE), corrupted.split(BATCH_SIZE), strict=True):
            if first < steps:
                yield torch.cat([real, bad])
                first += 1
