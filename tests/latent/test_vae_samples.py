"""Samples of the small VAE, from which the corruption network of colour images learns."""

import pytest
import torch

from latentarium.latent.vae_samples import FIRST_STOP, SAMPLES_PER_STOP, vae_samples


def discs(n, shape=(3, 32, 32)):
    """Return images of a red disc at a random place on white."""
    noise = torch.Generator().manual_seed(0)
    channels, height, width = shape
    down, across = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    centre = torch.rand(n, 2, 1, 1, generator=noise) * 0.4 + 0.3
    square = (down / height - centre[:, 0]).square() + (across / width - centre[:, 1]).square()
    inside = (square < 0.06)[:, None].float().expand(-1, channels, -1, -1).clone()
    inside[:, 0] = 0
    return 1 - inside


@pytest.mark.parametrize("shape", [(3, 32, 32), (3, 8, 32), (4, 20, 17)])
def test_samples_have_the_size_of_the_images_and_depend_on_the_seed_only(shape):
    images = discs(5, shape)
    torch.manual_seed(3)
    state = torch.random.get_rng_state()
    first, again, other = (vae_samples(images, seed=seed, steps=2) for seed in (0, 0, 1))
    assert torch.equal(state, torch.random.get_rng_state())
    assert first.shape == (SAMPLES_PER_STOP, *shape)
    assert 0 <= float(first.min()) <= float(first.max()) <= 1
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_samples_learn_the_colours_and_differ_from_each_other():
    steps, lines = 3 * FIRST_STOP, []
    images = discs(200)
    samples = vae_samples(images, steps=steps, progress=lambda *step: lines.append(step[:2]))
    assert lines[-1] == (steps, steps)
    assert len(samples) > SAMPLES_PER_STOP
    means, real = samples.mean((0, 2, 3)), images.mean((0, 2, 3))
    assert float(means[0]) > float(means[1:].max())  # red stays at 1
    assert float((means - real).abs().max()) < 0.2
    assert float(samples.std(0).mean()) > 0.05
