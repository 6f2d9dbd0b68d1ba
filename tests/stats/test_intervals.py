import pytest
import torch

from latentarium.errors import UserError
from latentarium.stats.intervals import bootstrap, normal_quantile, wilson


@pytest.mark.parametrize(("hits", "n"), [(3, 10), (50, 80), (1, 400)])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_wilson_ends_are_where_the_score_test_rejects(hits, n, confidence):
    z = normal_quantile(confidence)
    for p in wilson(hits, n, confidence):
        assert abs(hits / n - p) == pytest.approx(z * (p * (1 - p) / n) ** 0.5, rel=1e-9)


def test_wilson_at_the_ends_has_a_width_and_stays_within():
    low, high = wilson(0, 20)
    assert low == 0
    assert 0.1 < high < 0.2
    assert wilson(20, 20) == pytest.approx((1 - high, 1.0))


@pytest.mark.parametrize(("hits", "n"), [(0, 0), (5, 4), (-1, 4)])
def test_wilson_refuses_what_is_no_share(hits, n):
    with pytest.raises(UserError, match="no share"):
        wilson(hits, n)


@pytest.mark.parametrize("p", [0.05, 0.5])
def test_wilson_covers_the_truth_as_often_as_it_says(p):
    hits = torch.binomial(
        torch.full((2000,), 100.0), torch.tensor(p), generator=torch.Generator().manual_seed(0)
    )
    covered = [wilson(int(h), 100)[0] <= p <= wilson(int(h), 100)[1] for h in hits]
    assert 0.93 < sum(covered) / 2000 < 0.98


def test_bootstrap_of_the_mean_agrees_with_the_central_limit():
    values = torch.randn(4000, generator=torch.Generator().manual_seed(1)) * 3 + 5
    low, high = bootstrap(values, resamples=2000)
    half = 1.96 * float(values.std()) / 4000**0.5
    assert low == pytest.approx(float(values.mean()) - half, abs=0.1 * half)
    assert high == pytest.approx(float(values.mean()) + half, abs=0.1 * half)


def test_the_quick_way_of_the_mean_is_the_loop():
    values = torch.rand(50, 3, generator=torch.Generator().manual_seed(2))
    assert bootstrap(values) == pytest.approx(bootstrap(values, lambda rows: rows.mean()))


def test_bootstrap_depends_on_the_seed_alone_and_not_on_blocks(monkeypatch):
    values = torch.rand(100, generator=torch.Generator().manual_seed(3))
    whole = bootstrap(values, seed=4)
    monkeypatch.setattr("latentarium.stats.intervals.BLOCK", 250)
    assert bootstrap(values, seed=4) == whole
    assert bootstrap(values, seed=5) != whole


def test_bootstrap_of_equal_values_is_a_point_and_of_none_a_sentence():
    assert bootstrap(torch.full((7,), 2.0)) == (2.0, 2.0)
    with pytest.raises(UserError, match="at least one value"):
        bootstrap(torch.empty(0))
    with pytest.raises(UserError, match="finite"):
        bootstrap(torch.tensor([1.0, torch.nan]))
    with pytest.raises(UserError, match="confidence"):
        bootstrap(torch.ones(3), confidence=95.0)
