import math

import pytest
import torch

from latentarium.data.toy import MIXTURES, PERFECT_SHARE, ring
from latentarium.metrics.coverage import mixture_quality, mode_coverage
from latentarium.stats.shares import clopper_pearson
from support.errors import raises_code


def uniform_modes(n, k, seed=0):
    return torch.randint(k, (n,), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("n", "k", "reference"), [(26_000, 1000, 0.0193), (10_000, 1000, 0.0507), (2500, 8, 0.0014),
                          (2500, 25, 0.0048)],
)  # fmt: skip
def test_reference_agrees_with_simulation_and_uniform_samples_are_close_to_it(n, k, reference):
    result = mode_coverage(uniform_modes(n, k), k)
    assert result.reference == pytest.approx(reference, rel=0.03)
    assert result.reference == pytest.approx((k - 1) / (2 * n), rel=0.05)
    low, high = result.reference_interval
    assert low <= result.reverse_kl <= high
    assert abs(result.excess) <= high - low
    assert result.expected_modes == pytest.approx(k, rel=1e-4)


def test_reverse_kl_of_known_counts():
    """6 and 2 of 8 samples on two of four modes."""
    result = mode_coverage(torch.tensor([0] * 6 + [1] * 2), 4)
    assert result.modes == 2
    assert result.reverse_kl == pytest.approx(0.75 * math.log(3) + 0.25 * math.log(1))


def test_reverse_kl_of_a_single_mode_is_log_k():
    result = mode_coverage(torch.full((500,), 3), 8)
    assert result.modes == 1
    assert result.reverse_kl == pytest.approx(math.log(8))
    assert result.interval == pytest.approx((math.log(8), math.log(8)))


def test_interval_covers_the_truth_plus_the_bias_of_sampling():
    shares = torch.tensor([0.5, 0.25, 0.125, 0.125])
    truth = float((shares * (shares * 4).log()).sum())
    covered = 0
    for seed in range(200):
        generator = torch.Generator().manual_seed(seed)
        modes = torch.multinomial(shares, 800, replacement=True, generator=generator)
        result = mode_coverage(modes, 4, seed=seed)
        low, high = result.interval
        covered += low <= truth + result.reference <= high
    assert 0.9 < covered / 200 < 0.99


def test_modes_with_many_samples_are_certain_and_the_others_may_be_found_or_missed():
    certain = torch.arange(4).repeat_interleave(100)
    assert mode_coverage(certain, 4).modes_interval == (4, 4)
    rare = torch.cat([certain, torch.tensor([4, 5])])  # two of six uncertain modes are found
    low, high = clopper_pearson(2 / 6, 6)
    assert mode_coverage(rare, 10).modes_interval == pytest.approx((4 + 6 * low, 4 + 6 * high))
    low, high = mode_coverage(certain, 10).modes_interval
    assert low == 4
    assert 4 < high < 10


def test_variance_of_the_reverse_kl_at_equality_is_that_of_chi_squared():
    """2n KL has a chi-squared distribution with K - 1 degrees of freedom."""
    n, k = 20_000, 10
    counts = torch.full((k,), n // k)  # exactly the target: no part of first order
    result = mode_coverage(torch.arange(k).repeat_interleave(counts), k)
    half = 1.96 * math.sqrt(2 * (k - 1)) / (2 * n)
    assert result.interval == pytest.approx((0.0, half), rel=1e-3)


def test_target_shares_are_used_and_validated():
    target = torch.tensor([0.7, 0.2, 0.1])
    modes = torch.multinomial(
        target, 20_000, replacement=True, generator=torch.Generator().manual_seed(0)
    )
    matching, uniform = mode_coverage(modes, 3, target), mode_coverage(modes, 3)
    assert matching.reverse_kl < 5 * matching.reference
    assert uniform.reverse_kl == pytest.approx(
        float((target * (3 * target).log()).sum()), abs=0.02
    )
    with raises_code("invalid-target"):
        mode_coverage(modes, 3, torch.tensor([0.7, 0.2, 0.2]))
    with raises_code("invalid-mode"):
        mode_coverage(modes, 2)


def test_memory_does_not_grow_with_the_number_of_samples():
    """Resampling 10 million samples 2,000 times one by one would take 160 GB."""
    result = mode_coverage(uniform_modes(10_000_000, 3), 3)
    assert result.reverse_kl < 1e-6
    assert result.n == 10_000_000


def test_zero_modes_are_refused():
    with raises_code("no-modes"):
        mode_coverage(torch.tensor([], dtype=torch.long), 0)


def test_without_samples_the_kl_is_nan_and_no_mode_is_found():
    result = mode_coverage(torch.empty(0, dtype=torch.int64), 8)
    assert result.modes == 0
    assert math.isnan(result.reverse_kl)


@pytest.mark.parametrize("mixture", [make() for make in MIXTURES.values()], ids=MIXTURES)
def test_perfect_samples_reach_the_closed_form_share(mixture):
    assert pytest.approx(1 - math.exp(-4.5)) == PERFECT_SHARE
    n = 100_000
    result = mixture_quality(mixture.sample(n, seed=3), mixture)
    spread = math.sqrt(PERFECT_SHARE * (1 - PERFECT_SHARE) / n)
    assert abs(result.high_quality - PERFECT_SHARE) < 4 * spread
    assert result.modes == result.covered == len(mixture.means)
    low, high = result.coverage.reference_interval
    assert low <= result.reverse_kl <= high


def test_quality_counts_points_near_modes():
    mixture = ring(modes=4)
    means = mixture.means
    outside = means[:1] * (1 + 3.5 * mixture.std)
    points = torch.cat(
        [means[:1].repeat(6, 1), means[1:2].repeat(2, 1), outside, torch.zeros(1, 2)]
    )
    result = mixture_quality(points, mixture)
    assert result.n == 10
    assert result.high_quality == pytest.approx(0.8)
    assert result.modes == 2
    assert result.coverage.n == 8
    assert result.reverse_kl == pytest.approx(0.75 * math.log(3))


def test_nan_points_are_not_of_high_quality_and_no_points_are_refused():
    result = mixture_quality(torch.full((5, 2), math.nan), ring())
    assert (result.high_quality, result.modes) == (0, 0)
    assert math.isnan(result.reverse_kl)
    with raises_code("no-points"):
        mixture_quality(torch.empty(0, 2), ring())
