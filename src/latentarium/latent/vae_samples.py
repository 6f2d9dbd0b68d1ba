"""Samples of a small VAE in the course of its training, as further corruptions.

Models that are stopped early draw soft shapes of plausible colours, which no distortion of a real
image resembles. This VAE shares neither its architecture nor its training with the models of the
package.

References:
    Auto-encoding variational Bayes (Kingma and Welling, 2014)
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from latentarium.errors import NonFiniteError
from latentarium.optimizers import Adam
from latentarium.progress import StepProgress
from latentarium.rng import derive_seed

SIDE = 32
"""Height and width of the images that the VAE is trained on."""
LATENT_SIZE, WIDTHS = 32, (64, 48, 32)
"""Number of latents, and channels of the decoder from its input on."""
STEPS, BATCH_SIZE, LEARNING_RATE = 600, 64, 3e-3
PIXEL_DEVIATION = 0.15
"""Standard deviation of the Gaussian likelihood of a pixel in [0, 1]."""
FIRST_STOP, RATIO, SAMPLES_PER_STOP = 20, 1.25, 250
"""Step of the first samples, ratio of successive steps with samples, and number of samples."""
GAINS = (1.0, 1.0, 2.0, 4.0)
"""Factors of the logits of samples; one is drawn for each. The larger, the sharper the edges."""
REPORT_EVERY = 25
STREAM = "vae samples"


def vae_samples(
    images: Tensor, *, seed: int = 0, steps: int = STEPS, progress: StepProgress | None = None
) -> Tensor:
    """Train a small VAE on the CPU, and return its samples from several steps in random order.

    Arguments:
        images: Real images in [0, 1].
        seed: The seed.
        steps: Number of training steps, at least `FIRST_STOP`.
        progress: Reports the finished steps, the total, and the part.

    Returns:
        Samples in [0, 1], of the size of the images.

    Raises:
        NonFiniteError: A sample is not finite.
    """
    x = interpolate(images, size=(SIDE, SIDE), mode="bilinear", antialias=True)
    noise = torch.Generator().manual_seed(derive_seed(STREAM, seed))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(STREAM, seed, "weights"))
        encoder, decoder = _encoder(x.shape[1]), _decoder(x.shape[1])
    optimizer = Adam([*encoder.parameters(), *decoder.parameters()], LEARNING_RATE)
    stops, samples = _stops(steps), []
    for step in range(1, steps + 1):
        batch = x[torch.randint(len(x), (BATCH_SIZE,), generator=noise)]
        mirrored = torch.rand(BATCH_SIZE, generator=noise) < 0.5
        batch[mirrored] = batch[mirrored].flip(3)
        mean, log_deviation = encoder(2 * batch - 1).chunk(2, 1)
        log_deviation = log_deviation.clamp(-6, 2)
        z = mean + log_deviation.exp() * torch.randn(mean.shape, generator=noise)
        error = (decoder(z).sigmoid() - batch).square().sum() / (2 * PIXEL_DEVIATION**2)
        kl = 0.5 * (mean.square() + (2 * log_deviation).exp() - 2 * log_deviation - 1).sum()
        loss = (error + kl) / BATCH_SIZE
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if step in stops:
            samples.append(_draw(decoder, noise))
        if progress and (step % REPORT_EVERY == 0 or step == steps):
            progress(step, steps, "samples of a small VAE")
    pool = torch.cat(samples)
    if not bool(pool.isfinite().all()):
        raise NonFiniteError("Samples of the small VAE are not finite", "report this as a bug")
    pool = pool[torch.randperm(len(pool), generator=noise)]
    return interpolate(pool, size=images.shape[2:], mode="bilinear", antialias=True)


@torch.no_grad()
def _draw(decoder: nn.Module, noise: torch.Generator) -> Tensor:
    logits = decoder(torch.randn(SAMPLES_PER_STOP, LATENT_SIZE, generator=noise))
    chosen = torch.randint(len(GAINS), (len(logits), 1, 1, 1), generator=noise)
    return (torch.tensor(GAINS)[chosen] * logits).sigmoid()


def _stops(steps: int) -> set[int]:
    """Return the steps after which samples are drawn."""
    stops, stop = {steps}, float(FIRST_STOP)
    while stop <= steps:
        stops.add(int(stop))
        stop *= RATIO
    return stops


def _encoder(channels: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in (24, 48, 64):
        layers += [nn.Conv2d(channels, width, 4, 2, 1), nn.ReLU()]
        channels = width
    size = channels * (SIDE // 8) ** 2
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(size, 2 * LATENT_SIZE))


def _decoder(channels: int) -> nn.Sequential:
    """Return a decoder of transposed convolutions; the presets' decoders enlarge and convolve."""
    first, *widths = WIDTHS
    side = SIDE // 8
    layers: list[nn.Module] = [
        nn.Linear(LATENT_SIZE, first * side**2), nn.ReLU(), nn.Unflatten(1, (first, side, side))
    ]  # fmt: skip
    for width in widths:
        layers += [nn.ConvTranspose2d(first, width, 4, 2, 1), nn.BatchNorm2d(width), nn.ReLU()]
        first = width
    return nn.Sequential(*layers, nn.ConvTranspose2d(first, channels, 4, 2, 1))
