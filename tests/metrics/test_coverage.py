import math

import pytest
import torch

from latentarium.data.toy import PERFECT_SHARE, grid, ring
from latentarium.errors import UserError
from latentarium.metrics.coverage import mixture_quality, mode_coverage


def even(n, k, seed=0):
    return torch.randint(k, (n,), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("n", "k", "floor"), [(26_000, 1000, 0.0193), (10_000, 1000, 0.0507), (2500, 8, 0.0014),
                          (2500, 25, 0.0048)],
)  # fmt: skip
def test_the_floor_is_the_simulated_one_and_even_samples_lie_about_it(n, k, floor):
    found = mode_coverage(even(n, k), k)
    assert found.floor == pytest.approx(floor, rel=0.03)
    assert found.floor == pytest.approx((k - 1) / (2 * n), rel=0.05)
    low, high = found.floor_interval
    assert low <= found.reverse_kl <= high
    assert abs(found.excess) <= high - low
    assert found.expected_modes == pytest.approx(k, rel=1e-4)


def test_the_kl_of_known_counts():
    """6 and 2 of 8 on two of four modes."""
    found = mode_coverage(torch.tensor([0] * 6 + [1] * 2), 4)
    assert found.modes == 2
    assert found.reverse_kl == pytest.approx(0.75 * math.log(3) + 0.25 * math.log(1))


def test_one_mode_only_is_log_k():
    found = mode_coverage(torch.full((500,), 3), 8)
    assert found.modes == 1
    assert found.reverse_kl == pytest.approx(math.log(8))
    assert found.interval == pytest.approx((math.log(8), math.log(8)))


def test_the_interval_covers_the_truth_less_its_bias():
    shares = torch.tensor([0.5, 0.25, 0.125, 0.125])
    truth = float((shares * (shares * 4).log()).sum())
    covered = 0
    for seed in range(200):
        generator = torch.Generator().manual_seed(seed)
        drawn = torch.multinomial(shares, 800, replacement=True, generator=generator)
        found = mode_coverage(drawn, 4, seed=seed)
        low, high = found.interval
        covered += low <= truth + found.floor <= high
    assert 0.9 < covered / 200 < 0.99


def test_a_target_of_its_own():
    target = torch.tensor([0.7, 0.2, 0.1])
    drawn = torch.multinomial(
        target, 20_000, replacement=True, generator=torch.Generator().manual_seed(0)
    )
    own, uniform = mode_coverage(drawn, 3, target), mode_coverage(drawn, 3)
    assert own.reverse_kl < 5 * own.floor
    assert uniform.reverse_kl == pytest.approx(
        float((target * (3 * target).log()).sum()), abs=0.02
    )
    with pytest.raises(UserError, match="sum to 1"):
        mode_coverage(drawn, 3, torch.tensor([0.7, 0.2, 0.2]))
    with pytest.raises(UserError, match="numbered 0 to 1"):
        mode_coverage(drawn, 2)


def test_many_samples_cost_no_more_memory_than_few():
    """The interval needs counts, not draws: 2,000 x 10 million of them would take 160 GB."""
    found = mode_coverage(even(10_000_000, 3), 3)
    assert found.reverse_kl < 1e-6
    assert found.n == 10_000_000


def test_no_mode_is_a_sentence():
    with pytest.raises(UserError, match="at least 1"):
        mode_coverage(torch.tensor([], dtype=torch.long), 0)


def test_no_sample_at_all_is_nan_and_no_mode():
    found = mode_coverage(torch.empty(0, dtype=torch.int64), 8)
    assert found.modes == 0
    assert math.isnan(found.reverse_kl)


@pytest.mark.parametrize("mixture", [ring(), grid()], ids=["ring", "grid"])
def test_a_perfect_sample_reaches_the_closed_form(mixture):
    assert pytest.approx(1 - math.exp(-4.5)) == PERFECT_SHARE
    n = 100_000
    found = mixture_quality(mixture.sample(n, seed=3), mixture)
    spread = math.sqrt(PERFECT_SHARE * (1 - PERFECT_SHARE) / n)
    assert abs(found.high_quality - PERFECT_SHARE) < 4 * spread
    assert found.modes == len(mixture.means)
    low, high = found.coverage.floor_interval
    assert low <= found.reverse_kl <= high


def test_quality_counts_what_it_says():
    mixture = ring(modes=4)
    at = mixture.means
    outside = at[:1] * (1 + 3.5 * mixture.std)
    points = torch.cat([at[:1].repeat(6, 1), at[1:2].repeat(2, 1), outside, torch.zeros(1, 2)])
    found = mixture_quality(points, mixture)
    assert found.n == 10
    assert found.high_quality == pytest.approx(0.8)
    assert found.modes == 2
    assert found.coverage.n == 8
    assert found.reverse_kl == pytest.approx(0.75 * math.log(3))


def test_points_that_are_nan_are_of_no_quality():
    found = mixture_quality(torch.full((5, 2), math.nan), ring())
    assert (found.high_quality, found.modes) == (0, 0)
    assert math.isnan(found.reverse_kl)
    with pytest.raises(UserError, match="no points"):
        mixture_quality(torch.empty(0, 2), ring())
