"""Where the subject of a data set's images is, and what is behind it."""

import numpy as np
import pytest
import torch

import latentarium as la
from latentarium.data.layout import NO_LAYOUT, data_layout, find_subject, measure_layout
from support.tiny import tiny_data


def discs(n=100, side=24, radius=6, jitter=0, ink=255, paper=0, seed=0):
    """Return images (n, 1, side, side) of a disc near the centre."""
    rng = np.random.default_rng(seed)
    centres = side / 2 + rng.integers(-jitter, jitter + 1, (n, 2))
    y, x = np.mgrid[0:side, 0:side] + 0.5
    inside = [np.hypot(x - cx, y - cy) < radius for cx, cy in centres]
    return torch.from_numpy(np.where(inside, ink, paper).astype(np.uint8))[:, None]


def test_mnist_is_white_on_black_with_its_centre_of_mass_in_the_middle():
    layout = data_layout(la.load_data("mnist"))
    assert layout.background == (0,)
    assert layout.centre == "mass"
    assert layout.place == pytest.approx((14.5 / 28, 14.5 / 28), abs=0.01)
    assert layout.size == pytest.approx(20 / 28)
    assert layout.contrast > 200


@pytest.mark.parametrize(("ink", "paper"), [(255, 0), (0, 255)])
def test_polarity_place_and_size_are_measured(ink, paper):
    layout = measure_layout(discs(ink=ink, paper=paper))
    assert layout.background == (paper,)
    assert layout.centre == "mass"
    assert layout.place == pytest.approx((0.5, 0.5), abs=1e-6)
    assert layout.size == pytest.approx(12 / 24)
    assert layout.contrast == 255


def test_subjects_at_different_places_have_none():
    layout = measure_layout(discs(jitter=5))
    assert (layout.centre, layout.size) == (None, None)
    assert layout.background == (0,)


def test_bounding_boxes_are_found_where_centres_of_mass_differ():
    images = torch.zeros(60, 1, 20, 20, dtype=torch.uint8)
    images[:, 0, 4:16, 4:16] = 60  # always the same box, with its mass at alternating ends
    images[::2, 0, 4:16, 4:7] = 255
    images[1::2, 0, 4:16, 13:16] = 255
    assert measure_layout(images).centre == "box"


def test_images_without_a_uniform_background_have_no_layout():
    assert data_layout(tiny_data()) == NO_LAYOUT
    noise = torch.randint(0, 256, (50, 3, 12, 12), generator=torch.Generator().manual_seed(0))
    assert measure_layout(noise.to(torch.uint8)) == NO_LAYOUT
    assert measure_layout(torch.zeros(0, 1, 8, 8, dtype=torch.uint8)) == NO_LAYOUT
    assert measure_layout(torch.rand(4, 1, 2, 2)) == NO_LAYOUT


def test_a_blank_picture_has_no_subject():
    assert find_subject(np.full((9, 9, 1), 7, np.uint8), np.array([0.0])) is None
