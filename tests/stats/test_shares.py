import math

import pytest
import torch
from scipy import stats

from latentarium.stats.shares import (
    clopper_pearson,
    mean_over_pairs,
    mid_p,
    share_beyond,
    simultaneous,
)
from support.errors import raises_code


@pytest.mark.parametrize(("hits", "n"), [(0, 5), (3, 10), (10, 10), (9958, 10_000)])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_clopper_pearson_agrees_with_scipy(hits, n, confidence):
    expected = stats.binomtest(hits, n).proportion_ci(confidence, method="exact")
    interval = clopper_pearson(hits / n, n, confidence)
    assert interval == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize(("hits", "n"), [(3, 10), (1, 400), (9958, 10_000)])
def test_mid_p_bounds_solve_the_exact_test(hits, n):
    low, high = mid_p(hits / n, n)
    assert stats.binom.sf(hits, n, low) + stats.binom.pmf(hits, n, low) / 2 == pytest.approx(0.025)
    assert stats.binom.cdf(hits - 1, n, high) + stats.binom.pmf(
        hits, n, high
    ) / 2 == pytest.approx(0.025)


def test_mid_p_of_no_or_only_successes_has_a_width_and_stays_within_zero_and_one():
    low, high = mid_p(0.0, 20)
    assert low == 0
    assert (1 - high) ** 20 / 2 == pytest.approx(0.025)  # P(X = 0) / 2
    assert mid_p(1.0, 20) == pytest.approx((1 - high, 1.0))


@pytest.mark.parametrize("n", [20, 100, 1000])
def test_exact_coverage_is_nominal_where_some_misses_are_expected(n):
    """The sum of the probabilities of all counts whose intervals contain p."""
    counts = range(n + 1)
    for name, interval, least in (("mid-p", mid_p, 0.92), ("exact", clopper_pearson, 0.95)):
        ends = [interval(x / n, n) for x in counts]
        for p in (0.2 / n, 0.5 / n, 1 / n, 3 / n, 0.3, 0.5):
            probabilities = stats.binom.pmf(list(counts), n, p)
            covered = sum(
                chance
                for chance, (low, high) in zip(probabilities, ends, strict=True)
                if low <= p <= high
            )
            assert covered >= least - 1e-9, (name, p)


def test_mid_p_is_inside_clopper_pearson_and_both_shrink_with_n():
    for share, n in ((0.0, 10), (0.3, 10.5), (0.97, 300.0), (1.0, 4)):
        inner, outer = mid_p(share, n), clopper_pearson(share, n)
        assert outer[0] <= inner[0] <= share <= inner[1] <= outer[1]
        tighter = mid_p(share, 4 * n)
        assert inner[0] <= tighter[0] <= share <= tighter[1] <= inner[1]


@pytest.mark.parametrize("interval", [mid_p, clopper_pearson])
@pytest.mark.parametrize(("share", "n"), [(0.5, 0), (-0.1, 5), (1.1, 5), (math.nan, 5)])
def test_invalid_shares_are_refused(interval, share, n):
    with raises_code("not-a-share"):
        interval(share, n)


def test_simultaneous_confidence_is_bonferronis():
    assert simultaneous(0.95, 1) == pytest.approx(0.95)
    assert simultaneous(0.95, 10) == pytest.approx(0.995)
    with raises_code("invalid-count"):
        simultaneous(0.95, 0)
    with raises_code("invalid-confidence"):
        simultaneous(95, 3)


@pytest.mark.parametrize(("mean", "n", "m"), [(0.97, 1000, 300), (0.5, 20, 40), (0.001, 50, 9)])
def test_bounds_of_a_mean_over_pairs_solve_hoeffdings_inequality(mean, n, m):
    for p in mean_over_pairs(mean, n, m):
        divergence = mean * math.log(mean / p) + (1 - mean) * math.log((1 - mean) / (1 - p))
        assert min(n, m) * divergence == pytest.approx(math.log(2 / 0.05), rel=1e-6)


def test_a_perfect_mean_over_pairs_has_the_exact_binomial_bound():
    low, high = mean_over_pairs(1.0, 100, 500)
    assert high == 1
    assert low == pytest.approx(0.025 ** (1 / 100))
    assert mean_over_pairs(0.0, 100, 500) == pytest.approx((0.0, 1 - low))
    with raises_code("not-a-share"):
        mean_over_pairs(0.5, 0, 5)


def test_share_beyond_a_closed_quantile_counts_ties():
    zeros, reference = torch.zeros(50), torch.zeros(200)
    assert share_beyond(zeros, reference, 0.99)[0] == 0
    low, high = share_beyond(zeros, reference, 0.99, closed=True)
    assert low > 0.9
    assert high == 1


def test_share_beyond_accounts_for_the_threshold():
    """A fixed threshold would give an interval that is narrower by the factor sqrt(2)."""
    generator = torch.Generator().manual_seed(0)
    values, reference = torch.rand(2, 2000, generator=generator)
    low, high = share_beyond(values, reference, 0.9)
    fixed_low, fixed_high = mid_p(0.1, 2000)
    assert (high - low) / (fixed_high - fixed_low) == pytest.approx(2**0.5, rel=0.15)
