import math

import pytest
import torch
from scipy import stats

from latentarium.stats.shares import (
    clopper_pearson,
    expected_share_beyond,
    mean_over_pairs,
    share_beyond,
    simultaneous,
    weighted_share,
)
from support.errors import raises_code


@pytest.mark.parametrize(("hits", "n"), [(0, 5), (3, 10), (10, 10), (9958, 10_000)])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_clopper_pearson_agrees_with_scipy(hits, n, confidence):
    expected = stats.binomtest(hits, n).proportion_ci(confidence, method="exact")
    interval = clopper_pearson(hits / n, n, confidence)
    assert interval == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize("n", [20, 100, 1000])
def test_exact_coverage_is_nominal_and_not_above_99_percent_if_some_misses_are_expected(n):
    """The sum of the probabilities of all counts whose intervals contain p."""
    ends = [clopper_pearson(x / n, n) for x in range(n + 1)]
    for p in (0.2 / n, 1 / n, 3 / n, 5 / n, 0.3, 0.5):
        probabilities = stats.binom.pmf(range(n + 1), n, p)
        covered = sum(
            chance
            for chance, (low, high) in zip(probabilities, ends, strict=True)
            if low <= p <= high
        )
        assert covered >= 0.95
        assert covered <= 0.99 or n * p < 3


def test_clopper_pearson_shrinks_with_n_which_is_not_an_integer_in_general():
    for share, n in ((0.0, 10), (0.3, 10.5), (0.97, 300.0), (1.0, 4)):
        low, high = clopper_pearson(share, n)
        tighter = clopper_pearson(share, 4 * n)
        assert low <= tighter[0] <= share <= tighter[1] <= high


@pytest.mark.parametrize(("share", "n"), [(0.5, 0), (-0.1, 5), (1.1, 5), (math.nan, 5)])
def test_invalid_shares_are_refused(share, n):
    with raises_code("not-a-share"):
        clopper_pearson(share, n)


def test_simultaneous_confidence_is_bonferronis():
    assert simultaneous(0.95, 1) == pytest.approx(0.95)
    assert simultaneous(0.95, 10) == pytest.approx(0.995)
    with raises_code("invalid-count"):
        simultaneous(0.95, 0)
    with raises_code("invalid-confidence"):
        simultaneous(95.0, 3)


@pytest.mark.parametrize(("mean", "n", "m"), [(0.97, 1000, 300), (0.5, 20, 40), (0.05, 50, 9)])
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
    low, high = share_beyond(zeros, reference, 0.99, closed=True, limit=0.0)
    assert low > 0.9
    assert high == 1


def test_share_beyond_accounts_for_the_threshold():
    """A fixed threshold would give an interval that is narrower by the factor sqrt(2)."""
    generator = torch.Generator().manual_seed(0)
    values, reference = torch.rand(2, 2000, generator=generator)
    low, high = share_beyond(values, reference, 0.9)
    share = float((values > reference.double().quantile(0.9)).double().mean())
    fixed_low, fixed_high = clopper_pearson(share, 2000)
    assert (high - low) / (fixed_high - fixed_low) == pytest.approx(2**0.5, rel=0.15)


@pytest.mark.parametrize(("share", "n"), [(0.0, 12), (0.3, 10), (0.97, 300), (1.0, 5)])
def test_weighted_share_of_equal_weights_is_clopper_pearson(share, n):
    interval = weighted_share(share, share * (1 - share) / n, 1 / n)
    assert interval == pytest.approx(clopper_pearson(share, n), abs=1e-9)


def test_weighted_share_contains_the_share_and_never_has_width_zero():
    for share in (0.0, 0.5, 0.999, 1.0):
        for variance in (0.0, 1e-9, 0.01, 0.25):
            for weight in (1.0, 0.1, 1e-4):
                low, high = weighted_share(share, variance, weight)
                assert 0 <= low <= share <= high <= 1
                assert low < high


def test_share_beyond_allows_for_new_reference_values_above_the_largest():
    """With 100 reference values, the share of values above the 99 % quantile is mostly unknown."""
    generator = torch.Generator().manual_seed(0)
    far, reference = (
        5 + torch.rand(1000, generator=generator),
        torch.rand(100, generator=generator),
    )
    assert share_beyond(far, reference, 0.99)[0] < 0.8
    assert share_beyond(far, reference, 0.9)[0] > 0.99


@pytest.mark.parametrize(("m", "quantile"), [(100, 0.99), (40, 0.9)])
def test_expected_share_beyond_is_that_of_uniform_values(m, quantile):
    generator = torch.Generator().manual_seed(0)
    reference = torch.rand(20_000, m, generator=generator, dtype=torch.float64)
    mean = float((1 - reference.quantile(quantile, dim=1)).mean())
    assert expected_share_beyond(m, quantile) == pytest.approx(mean, abs=5e-4)
