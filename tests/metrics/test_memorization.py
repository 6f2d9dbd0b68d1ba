import math

import pytest
import torch

from latentarium.errors import UserError
from latentarium.metrics import memorization as m
from latentarium.metrics.memorization import memorization

SHAPE = (1, 3, 2)


def draw(n, seed):
    return torch.randn(n, *SHAPE, generator=torch.Generator().manual_seed(seed)) / 3


def test_a_model_that_replays_its_training_images_is_caught():
    train, held = draw(600, 0), draw(400, 1)
    for noise in (0.0, 0.01):
        found = memorization(train[:300] + noise * draw(300, 2), train, held)
        assert found.near_copies > 0.95
        assert found.near_copies_interval[0] > 10 * found.near_copies_floor
    # all copied images among the references: each is its own nearest
    found = memorization(train[:300], train[:300], held)
    assert found.nearer_to_training == 1
    assert found.nearer_interval[0] > found.null_interval[1]


def test_fresh_images_are_no_copies():
    found = memorization(draw(2000, 5), draw(1500, 0), draw(1500, 1))
    low, high = found.null_interval
    assert low < found.nearer_to_training < high
    assert found.near_copies == pytest.approx(found.near_copies_floor, abs=0.012)


def test_the_null_interval_holds_as_often_as_it_says():
    """Fresh samples, and samples that crowd around few places: the case in which a binomial
    interval is far too narrow."""
    for crowded in (False, True):
        inside, widths = 0, []
        for seed in range(150):
            base = draw(6 if crowded else 200, 1000 + seed)
            samples = base.repeat(200 // len(base) + 1, 1, 1, 1)[:200] + 0.02 * draw(200, seed)
            found = memorization(samples, draw(120, 3000 + seed), draw(120, 5000 + seed))
            low, high = found.null_interval
            inside += low <= found.nearer_to_training <= high
            widths.append(high - low)
        # few places give few witnesses, so their normal approximation is coarser
        assert inside / 150 > (0.85 if crowded else 0.9)
        binomial = 2 * 1.96 * math.sqrt(0.25 / 200)
        assert (sum(widths) / 150 > 3 * binomial) == crowded


def test_the_variance_is_that_of_all_random_splits():
    counts = torch.tensor([3.0, 0.0, 1.0, 2.0, 0.0, 0.0, 5.0, 1.0], dtype=torch.float64)
    half, n = 4, 12
    shares = []
    for bits in range(2**8):
        chosen = [i for i in range(8) if bits >> i & 1]
        if len(chosen) == half:
            shares.append(float(counts[chosen].sum()) / n)
    exact = torch.tensor(shares, dtype=torch.float64)
    # owners of each sample, as `_spread` takes them: all counted as won by images 0..3 or lost
    owners = torch.repeat_interleave(torch.arange(8), counts.long())
    wins = (owners < half).double()
    known = torch.where(owners < half, owners, 0)
    others = torch.where(owners >= half, owners - half, 0)
    _, _, null_half = m._spread(wins, known, others, half)
    assert (null_half / 1.959964) ** 2 == pytest.approx(float(exact.var(correction=0)), rel=1e-6)
    assert float(exact.mean()) == pytest.approx(0.5)


def test_the_nearest_are_those_of_a_full_search(monkeypatch):
    samples, train, held = draw(50, 3), draw(90, 0), draw(110, 1)
    whole = memorization(samples, train, held)
    distance = torch.cdist(samples.flatten(1).double(), train.flatten(1).double())
    for sample, image, far in whole.closest:
        assert int(distance[sample].argmin()) == image
        assert far == pytest.approx(float(distance[sample].min()))
    monkeypatch.setattr(m, "BLOCK", 250)
    assert memorization(samples, train, held) == whole


def test_the_order_of_samples_means_nothing():
    samples, train, held = draw(80, 3), draw(90, 0), draw(110, 1)
    one = memorization(samples, train, held)
    other = memorization(samples.flip(0), train, held)
    assert one.nearer_to_training == other.nearer_to_training
    assert one.near_copies == other.near_copies


def test_images_in_both_sets_are_ties():
    train = draw(150, 0)
    found = memorization(train[:100], train, train)
    assert found.nearer_to_training == 0.5
    assert found.near_copies == found.near_copies_floor == 1  # the floor says so


def test_uint8_is_what_it_stands_for():
    pixels = ((draw(120, 0).clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    floats = pixels.float() / 127.5 - 1
    held = draw(150, 1)
    assert memorization(floats, pixels, held) == memorization(floats, floats, held)


def test_too_few_images_are_a_sentence():
    with pytest.raises(UserError, match="at least 100"):
        memorization(draw(10, 0), draw(10, 1), draw(50, 2))
    with pytest.raises(UserError, match="at least one of each"):
        memorization(draw(0, 0), draw(10, 1), draw(150, 2))


def test_a_replay_is_seen_where_some_held_out_images_repeat_training_images():
    train = draw(300, 0)
    held_out = torch.cat([train[:10], draw(190, 1)])  # 5 %, so the threshold is distance 0
    found = memorization(train[100:200], train, held_out)
    assert found.near_copies == 1
    assert found.near_copies_floor < 0.1


def test_samples_that_are_not_finite_are_a_sentence():
    with pytest.raises(UserError, match="not finite"):
        memorization(draw(50, 0) * torch.nan, draw(150, 1), draw(150, 2))
