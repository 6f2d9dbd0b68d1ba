import pytest
import torch
from scipy import stats

from latentarium.stats.intervals import bootstrap, normal_quantile, wilson, wilson_from_share
from support.errors import raises_code


@pytest.mark.parametrize(("hits", "n"), [(3, 10), (50, 80), (1, 400)])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_wilson_bounds_solve_the_score_equation(hits, n, confidence):
    z = normal_quantile(confidence)
    for p in wilson(hits, n, confidence):
        assert abs(hits / n - p) == pytest.approx(z * (p * (1 - p) / n) ** 0.5, rel=1e-9)


@pytest.mark.parametrize(("hits", "n"), [(0, 5), (3, 10), (10, 10), (9958, 10_000)])
def test_wilson_agrees_with_scipy(hits, n):
    expected = stats.binomtest(hits, n).proportion_ci(method="wilson")
    assert wilson(hits, n) == pytest.approx((expected.low, expected.high), abs=1e-15)
    assert wilson_from_share(hits / n, float(n)) == wilson(hits, n)


def test_wilson_of_no_or_only_successes_has_a_width_and_stays_within_zero_and_one():
    low, high = wilson(0, 20)
    assert low == 0
    assert 0.1 < high < 0.2
    assert wilson(20, 20) == pytest.approx((1 - high, 1.0))


@pytest.mark.parametrize(("hits", "n"), [(0, 0), (5, 4), (-1, 4)])
def test_wilson_refuses_invalid_counts(hits, n):
    with raises_code("not-a-share"):
        wilson(hits, n)


@pytest.mark.parametrize("p", [0.05, 0.5])
def test_wilson_has_its_nominal_coverage(p):
    hits = torch.binomial(
        torch.full((2000,), 100.0), torch.tensor(p), generator=torch.Generator().manual_seed(0)
    )
    covered = [wilson(int(h), 100)[0] <= p <= wilson(int(h), 100)[1] for h in hits]
    assert 0.93 < sum(covered) / 2000 < 0.98


def test_bootstrap_of_the_mean_agrees_with_the_central_limit_theorem():
    values = torch.randn(4000, generator=torch.Generator().manual_seed(1)) * 3 + 5
    low, high = bootstrap(values, resamples=2000)
    half = 1.96 * float(values.std()) / 4000**0.5
    assert low == pytest.approx(float(values.mean()) - half, abs=0.1 * half)
    assert high == pytest.approx(float(values.mean()) + half, abs=0.1 * half)


def test_vectorized_mean_equals_the_loop_over_resamples():
    values = torch.rand(50, 3, generator=torch.Generator().manual_seed(2))
    assert bootstrap(values) == pytest.approx(bootstrap(values, lambda rows: rows.mean()))


def test_bootstrap_depends_on_the_seed_but_not_on_the_block_size():
    values = torch.rand(100, generator=torch.Generator().manual_seed(3))
    interval = bootstrap(values, seed=4)
    assert bootstrap(values, seed=4, max_indices=250) == interval
    assert bootstrap(values, seed=5) != interval


def test_bootstrap_of_equal_values_has_no_width():
    assert bootstrap(torch.full((7,), 2.0)) == (2.0, 2.0)


def test_bootstrap_refuses_invalid_input():
    with raises_code("too-few-values"):
        bootstrap(torch.empty(0))
    with raises_code("not-finite"):
        bootstrap(torch.tensor([1.0, torch.nan]))
    with raises_code("invalid-confidence"):
        bootstrap(torch.ones(3), confidence=95.0)
