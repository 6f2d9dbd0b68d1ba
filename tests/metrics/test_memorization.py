import math

import pytest
import torch

from latentarium.metrics.memorization import (
    _null_spread,
    measure_memorization,
    nearer_to_training,
)
from support.errors import raises_code

SHAPE = (1, 3, 2)


def draw(n, seed):
    """Return images of normal noise."""
    return torch.randn(n, *SHAPE, generator=torch.Generator().manual_seed(seed)) / 3


def test_copied_training_images_are_detected():
    train, held = draw(600, 0), draw(400, 1)
    for noise in (0.0, 0.01):
        result = measure_memorization(train[:300] + noise * draw(300, 2), train, held)
        assert result.near_copies > 0.95
        assert result.near_copies_interval[0] > 10 * result.near_copies_reference
    # every copied image is among the references and nearest to itself
    result = measure_memorization(train[:300], train[:300], held)
    assert result.nearer_to_training == 1
    assert result.nearer_interval[0] > result.null_interval[1]


def test_new_images_are_not_copies():
    result = measure_memorization(draw(2000, 5), draw(1500, 0), draw(1500, 1))
    low, high = result.null_interval
    assert low < result.nearer_to_training < high
    assert result.near_copies == pytest.approx(result.near_copies_reference, abs=0.012)


def test_null_interval_of_few_images_contains_possible_shares_only():
    # all samples are nearest to the same image, so the interval would be wider than all shares
    result = nearer_to_training(draw(1, 5).expand(20, *SHAPE), draw(3, 0), draw(3, 1))
    assert result.null_interval == (0.0, 1.0)


@pytest.mark.slow  # the quick version is in tests/stats/test_interval_coverage.py
def test_null_interval_has_its_nominal_coverage():
    """For new samples, and for samples clustered around few images, for which a binomial interval
    is far too narrow."""
    for clustered in (False, True):
        inside, widths = 0, []
        for seed in range(150):
            base = draw(6 if clustered else 200, 1000 + seed)
            samples = base.repeat(200 // len(base) + 1, 1, 1, 1)[:200] + 0.02 * draw(200, seed)
            result = measure_memorization(samples, draw(120, 3000 + seed), draw(120, 5000 + seed))
            low, high = result.null_interval
            inside += low <= result.nearer_to_training <= high
            widths.append(high - low)
        # few clusters are few independent observations, so the approximation is coarser
        assert inside / 150 > (0.85 if clustered else 0.9)
        binomial = 2 * 1.96 * math.sqrt(0.25 / 200)
        assert (sum(widths) / 150 > 3 * binomial) == clustered


def test_null_variance_equals_that_over_all_splits():
    counts = torch.tensor([3.0, 0.0, 1.0, 2.0, 0.0, 0.0, 5.0, 1.0], dtype=torch.float64)
    half, n = 4, 12
    shares = []
    for bits in range(2**8):
        chosen = [i for i in range(8) if bits >> i & 1]
        if len(chosen) == half:
            shares.append(float(counts[chosen].sum()) / n)
    exact = torch.tensor(shares, dtype=torch.float64)
    # the nearest image of each sample; images 0 to 3 count as training images
    nearest = torch.repeat_interleave(torch.arange(8), counts.long())
    wins = (nearest < half).double()
    known = torch.where(nearest < half, nearest, 0)
    others = torch.where(nearest >= half, nearest - half, 0)
    _, _, null_half = _null_spread(wins, known, others, half)
    assert (null_half / 1.959964) ** 2 == pytest.approx(float(exact.var(correction=0)), rel=1e-6)
    assert float(exact.mean()) == pytest.approx(0.5)


def test_nearest_images_agree_with_a_full_search_for_every_block_size():
    samples, train, held = draw(50, 3), draw(90, 0), draw(110, 1)
    expected = measure_memorization(samples, train, held)
    distance = torch.cdist(samples.flatten(1).double(), train.flatten(1).double())
    for sample, image, far in expected.closest:
        assert int(distance[sample].argmin()) == image
        assert far == pytest.approx(float(distance[sample].min()))
    assert measure_memorization(samples, train, held, max_distances=250) == expected


def test_order_of_samples_does_not_matter():
    samples, train, held = draw(80, 3), draw(90, 0), draw(110, 1)
    first = measure_memorization(samples, train, held)
    other = measure_memorization(samples.flip(0), train, held)
    assert first.nearer_to_training == other.nearer_to_training
    assert first.near_copies == other.near_copies


def test_images_in_both_sets_are_ties():
    train = draw(150, 0)
    result = measure_memorization(train[:100], train, train)
    assert result.nearer_to_training == 0.5
    assert result.near_copies == result.near_copies_reference == 1  # as the reference shows


def test_uint8_and_float_images_give_the_same_result():
    pixels = ((draw(120, 0).clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    floats = pixels.float() / 127.5 - 1
    held = draw(150, 1)
    assert measure_memorization(floats, pixels, held) == measure_memorization(floats, floats, held)


def test_too_few_images_are_refused():
    with raises_code("too-few-images"):
        measure_memorization(draw(10, 0), draw(10, 1), draw(50, 2))
    with raises_code("too-few-images"):
        measure_memorization(draw(0, 0), draw(10, 1), draw(150, 2))


def test_copies_are_detected_if_held_out_images_repeat_training_images():
    train = draw(300, 0)
    held_out = torch.cat([train[:10], draw(190, 1)])  # 5 %: the threshold is 0
    result = measure_memorization(train[100:200], train, held_out)
    assert result.near_copies == 1
    assert result.near_copies_reference < 0.1


def test_non_finite_samples_are_refused():
    with raises_code("not-finite"):
        measure_memorization(draw(50, 0) * torch.nan, draw(150, 1), draw(150, 2))
