"""Straight edges and palettes, statistics of images with colours."""

import math

import pytest
import torch

from latentarium.latent.colour_statistics import (
    EDGES,
    EPSILON,
    FREQUENT,
    LENGTHS,
    LEVELS,
    colour_statistics,
)

N_EDGES = len(LENGTHS) * EDGES
N_COLOURS = LEVELS**3


def noise(*shape):
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(0)).to(torch.uint8)


def palette(images):
    """Return the shares of colours, the largest fine shares, their number and their entropy."""
    statistics = colour_statistics(images)[:, 2 * N_EDGES :]
    sizes = (N_COLOURS, FREQUENT, 1, 1)
    shares, frequent, number, entropy = statistics.split(sizes, 1)
    return shares.square(), frequent.square(), number.exp()[:, 0], entropy[:, 0]


@pytest.mark.parametrize("shape", [(3, 4, 4), (3, 64, 64), (4, 9, 30), (5, 31, 8)])
def test_statistics_are_finite_and_do_not_depend_on_the_batch(shape):
    images = noise(7, *shape)
    statistics = colour_statistics(images)
    assert statistics.shape == (7, 2 * N_EDGES + N_COLOURS + FREQUENT + 2)
    assert bool(statistics.isfinite().all())
    torch.testing.assert_close(colour_statistics(images, batch_size=3), statistics)


def test_the_edges_of_a_transposed_image_change_places():
    images = noise(3, 3, 20, 20)
    upright, turned = (colour_statistics(x) for x in (images, images.transpose(2, 3)))
    torch.testing.assert_close(turned[:, :N_EDGES], upright[:, N_EDGES : 2 * N_EDGES])
    torch.testing.assert_close(turned[:, 2 * N_EDGES :], upright[:, 2 * N_EDGES :])
    square = colour_statistics(images[..., :16])  # not square: each axis on its own
    assert not torch.allclose(square[:, :N_EDGES], square[:, N_EDGES : 2 * N_EDGES])


def test_a_sharp_edge_counts_at_its_length_and_a_soft_one_does_not():
    images = torch.full((3, 3, 32, 32), 50, dtype=torch.uint8)
    images[0, :, 10:18, 12:] = 250  # sharp, a quarter of the side, and its two horizontal edges
    ramp = torch.linspace(50, 250, 9).to(torch.uint8)
    images[1, :, :, 12:21], images[1, :, :, 21:] = ramp, 250  # soft
    images[2, :, :, 12:] = 250  # sharp, the whole side
    edges = colour_statistics(images)[:, :N_EDGES].exp() - EPSILON
    strongest = edges.view(3, len(LENGTHS), EDGES)[..., 0]
    height = 200 / 255
    torch.testing.assert_close(strongest[0], torch.tensor([height, height, height / 2]))
    assert float(strongest[1].max()) < 0.01
    torch.testing.assert_close(strongest[2], torch.full((3,), height))


def test_palette_of_few_and_of_many_colours():
    flat = torch.full((1, 3, 16, 16), 255, dtype=torch.uint8)
    four = torch.zeros(1, 3, 16, 16, dtype=torch.uint8)
    four[:, 0, :8] = 255
    four[:, 1, :, :8] = 255
    shares, frequent, number, entropy = palette(torch.cat([flat, four, noise(1, 3, 16, 16)]))
    torch.testing.assert_close(shares.sum(1), torch.ones(3))
    torch.testing.assert_close(shares[0, -1], torch.tensor(1.0))
    torch.testing.assert_close(frequent[1, :5], torch.tensor([0.25, 0.25, 0.25, 0.25, 0]))
    torch.testing.assert_close(number[:2], torch.tensor([1.0, 4.0]))
    torch.testing.assert_close(entropy[:2], torch.tensor([0.0, math.log(4)]))
    assert 200 < float(number[2]) <= 256
    assert float(entropy[2]) > 5
