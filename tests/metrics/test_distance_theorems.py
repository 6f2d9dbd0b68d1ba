import pytest
import torch

from latentarium.errors import UserError
from latentarium.metrics import balls
from latentarium.metrics.distances import (
    FeatureStatistics,
    frechet,
    frechet_distance,
    frechet_floor,
    frechet_interval,
    kernel_distance,
)
from latentarium.metrics.fidelity import density_coverage, precision_recall


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def rotation(size, seed=0):
    return torch.linalg.qr(normal(size, size, seed=seed)).Q


def statistics(mean, covariance):
    return FeatureStatistics(mean=mean.double(), covariance=covariance.double(), n=1000)


# ------------------------------------------------------------------------------------- Fréchet


def test_frechet_of_commuting_covariances_is_the_closed_form():
    u = rotation(5)
    l1, l2 = normal(5, seed=1).square(), normal(5, seed=2).square()
    m1, m2 = normal(5, seed=3), normal(5, seed=4)
    found = frechet_distance(statistics(m1, u * l1 @ u.T), statistics(m2, u * l2 @ u.T))
    closed = (m1 - m2).square().sum() + (l1.sqrt() - l2.sqrt()).square().sum()
    assert found == pytest.approx(float(closed), rel=1e-10)


def test_frechet_of_any_covariances_in_two_dimensions_is_the_closed_form():
    a, b = normal(2, 2, seed=1), normal(2, 2, seed=2)
    s1, s2 = a @ a.T, b @ b.T
    # of a 2x2 matrix M with positive eigenvalues, tr M^1/2 = sqrt(tr M + 2 sqrt det M)
    root = ((s1 @ s2).trace() + 2 * (torch.det(s1) * torch.det(s2)).sqrt()).sqrt()
    closed = s1.trace() + s2.trace() - 2 * root
    zero = torch.zeros(2)
    found = frechet_distance(statistics(zero, s1), statistics(zero, s2))
    assert found == pytest.approx(float(closed), rel=1e-10)


def test_frechet_is_zero_for_a_set_with_itself_symmetric_and_rigid():
    a, b = normal(300, 6, seed=1) @ normal(6, 6), normal(400, 6, seed=2) * 2 + 1
    assert frechet(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet(a, b) == pytest.approx(frechet(b, a), rel=1e-10)
    u, shift = rotation(6, seed=5), normal(6, seed=6)
    assert frechet(a @ u + shift, b @ u + shift) == pytest.approx(frechet(a, b), rel=1e-9)
    assert frechet(3 * a, 3 * b) == pytest.approx(9 * frechet(a, b), rel=1e-9)
    assert frechet(a.flip(0), b) == pytest.approx(frechet(a, b), rel=1e-10)


def test_frechet_bears_features_that_never_vary():
    a, b = normal(50, 4, seed=1), normal(50, 4, seed=2)
    a[:, 2] = b[:, 2] = 0
    kept = torch.tensor([0, 1, 3])
    assert frechet(a, b) == pytest.approx(frechet(a[:, kept], b[:, kept]), abs=1e-7)


def test_statistics_are_numpys_whatever_the_blocks(monkeypatch):
    features = normal(97, 5).float()
    monkeypatch.setattr("latentarium.metrics.distances.BLOCK", 50)
    found = FeatureStatistics.of(features)
    torch.testing.assert_close(found.covariance, torch.cov(features.double().T))
    assert found.mean.dtype == torch.float64
    assert found.n == 97


def test_statistics_of_features_far_from_zero_keep_their_digits():
    features = normal(1000, 3) + 1e6
    torch.testing.assert_close(FeatureStatistics.of(features).covariance, torch.cov(features.T))


@pytest.mark.parametrize("n", [1, 8])
def test_too_few_images_give_a_sentence(n):
    with pytest.raises(UserError, match="more than 8 images"):
        frechet(normal(n, 8), normal(100, 8))


def test_sets_that_do_not_compare_give_a_sentence():
    small, large = (FeatureStatistics.of(normal(20, size)) for size in (3, 4))
    with pytest.raises(UserError, match="one extractor"):
        frechet_distance(small, large)
    with pytest.raises(UserError, match="one extractor"):
        balls.require_comparable(normal(20, 3), normal(20, 4))
    for measure in (frechet, precision_recall, density_coverage):
        with pytest.raises(UserError, match="not finite"):
            measure(normal(20, 3), normal(20, 3) / 0)


@pytest.mark.parametrize(("n", "size"), [(300, 16), (1000, 16), (1000, 48)])
def test_the_floor_is_the_distance_of_fresh_draws_at_the_same_n(n, size):
    scale = torch.linspace(0.1, 2, size, dtype=torch.float64)

    def fresh(seed):
        return normal(n, size, seed=seed) * scale + 3

    truth = [frechet(fresh(2 * s), fresh(2 * s + 1)) for s in range(80)]
    floors = [frechet_floor(fresh(1000 + s), n, seed=s).value for s in range(20)]
    assert sum(floors) / 20 == pytest.approx(sum(truth) / 80, rel=0.1)


def test_the_floor_of_many_real_images_is_that_of_the_n_asked_for():
    floors = [frechet_floor(normal(4000, 8), n, pairs=20).value for n in (250, 4000)]
    assert floors[0] / floors[1] == pytest.approx(16, rel=0.3)


def test_the_floor_of_few_real_images_is_of_those_against_n():
    """As the distance is: the mean's share of it is tr S (1/a + 1/b)."""
    floor = frechet_floor(normal(400, 4), 4000, pairs=40)
    both = frechet_floor(normal(400, 4), 400, pairs=40)
    assert floor.value / both.value == pytest.approx((1 / 400 + 1 / 4000) / (2 / 400), rel=0.2)
    assert "400 real images against 4000" in floor.note
    assert both.note == ""
    assert "rough" in frechet_floor(normal(19, 4), 19).note
    with pytest.raises(UserError, match="more than 4 images"):
        frechet_floor(normal(4, 4), 100)
    with pytest.raises(UserError, match="more than 4 images"):
        frechet_floor(normal(100, 4), 4)


def test_the_frechet_interval_covers_the_spread_of_fresh_draws():
    def fresh(seed):
        return normal(300, 3, seed=2 * seed), normal(300, 3, seed=2 * seed + 1) + 1

    values = torch.tensor([frechet(*fresh(s)) for s in range(100)], dtype=torch.float64)
    low, high = frechet_interval(*fresh(0), resamples=200)
    assert (high - low) / 2 == pytest.approx(1.96 * float(values.std()), rel=0.3)


# -------------------------------------------------------------------------------------- kernel


def test_kernel_distance_of_one_subset_is_the_double_sum():
    x, y = normal(8, 3, seed=1), normal(8, 3, seed=2) + 1

    def k(a, b):
        return float((a @ b / 3 + 1) ** 3)

    def both(i, j):
        return k(x[i], x[j]) + k(y[i], y[j])

    size = 4
    found = kernel_distance(x, y, subsets=3, subset_size=size, seed=5)
    generator, values = torch.Generator().manual_seed(5), []
    for _ in range(3):
        r = torch.randperm(8, generator=generator)[:size].tolist()
        f = torch.randperm(8, generator=generator)[:size].tolist()
        own = sum(
            k(x[r[i]], x[r[j]]) + k(y[f[i]], y[f[j]])
            for i in range(size)
            for j in range(size)
            if i != j
        )
        cross = sum(k(x[i], y[j]) for i in r for j in f)
        values.append(own / (size * (size - 1)) - 2 * cross / size**2)
    assert found.value == pytest.approx(sum(values) / 3, rel=1e-9)


def test_kernel_distance_is_unbiased_and_its_interval_covers():
    """Between N(0, 1) and N(1, 1) in one dimension, E k over moments up to the third:
    MMD^2 = sum over r of binom(3, r) (E x^r - E y^r)^2 = 3 * 1 + 3 * 1 + 1 * 16 = 22."""
    found = [
        kernel_distance(
            normal(200, 1, seed=2 * s),
            normal(200, 1, seed=2 * s + 1) + 1,
            subsets=40,
            subset_size=50,
        )
        for s in range(60)
    ]
    values = torch.tensor([f.value for f in found])
    assert float(values.mean()) == pytest.approx(22, abs=3 * float(values.std()) / 60**0.5)
    covered = sum(f.interval[0] <= 22 <= f.interval[1] for f in found)
    assert 50 <= covered <= 60


def test_kernel_distance_scatters_around_zero_where_the_sets_agree():
    found = [
        kernel_distance(
            normal(100, 4, seed=2 * s), normal(100, 4, seed=2 * s + 1), subsets=10, subset_size=50
        )
        for s in range(40)
    ]
    values = torch.tensor([f.value for f in found])
    assert abs(float(values.mean())) < 3 * float(values.std()) / 40**0.5
    assert 0 < int((values < 0).sum()) < 40


def test_subsets_that_tell_no_spread_give_a_sentence():
    with pytest.raises(UserError, match="2 to 50 images"):
        kernel_distance(normal(100, 3), normal(200, 3), subset_size=51)


# --------------------------------------------------------------------------------------- balls


def by_hand(real, fake, k, edge):
    """Precision-like share, recall-like share, density and coverage by loops."""

    def radius(points, i):
        others = [float((points[i] - points[j]).norm()) for j in range(len(points)) if j != i]
        return sorted(others)[k - 1]

    def holds(centres, i, point):
        distance, reach = float((centres[i] - point).norm()), radius(centres, i)
        return distance <= reach if edge else distance < reach

    table = torch.tensor([[holds(real, j, f) for j in range(len(real))] for f in fake])
    other = torch.tensor([[holds(fake, j, r) for j in range(len(fake))] for r in real])
    return (
        float(table.any(1).double().mean()),
        float(other.any(1).double().mean()),
        float(table.sum()) / (k * len(fake)),
        float(table.any(0).double().mean()),
    )


@pytest.mark.parametrize("k", [1, 3])
def test_balls_agree_with_loops_over_points_that_tie(k, monkeypatch):
    """Points of a small lattice lie on each other's edges, where the conventions differ."""
    generator = torch.Generator().manual_seed(k)
    real = torch.randint(4, (23, 2), generator=generator).float()
    fake = torch.randint(5, (19, 2), generator=generator).float()
    monkeypatch.setattr(balls, "BLOCK", 100)  # several blocks
    pr, dc = precision_recall(real, fake, k=k), density_coverage(real, fake, k=k)
    precision, recall, *_ = by_hand(real, fake, k, edge=True)
    *_, density, coverage = by_hand(real, fake, k, edge=False)
    assert (pr.precision, pr.recall) == pytest.approx((precision, recall))
    assert (dc.density, dc.coverage) == pytest.approx((density, coverage))
    # the lattice tells the conventions apart, so the checks above can fail
    assert by_hand(real, fake, k, edge=True)[2] != by_hand(real, fake, k, edge=False)[2]


def test_a_set_with_itself_scores_one():
    features = normal(500, 16).float()
    pr, dc = precision_recall(features, features), density_coverage(features, features)
    assert pr.precision == pr.recall == 1
    # its own centre and k - 1 neighbours, not the k-th on the edge
    assert dc.density == pytest.approx(1, abs=1e-12)
    assert dc.coverage == 1


def test_one_distribution_covers_as_the_closed_form_says():
    n, k = 1500, 5
    dc = density_coverage(normal(n, 4, seed=1), normal(n, 4, seed=2), k=k)
    expected = 1.0
    for i in range(1, k + 1):
        expected *= (n - i) / (2 * n - i)
    assert dc.coverage == pytest.approx(1 - expected, abs=0.02)
    assert dc.density == pytest.approx(1, abs=0.1)


def test_precision_is_of_fakes_and_recall_of_reals():
    """Fakes from one of two modes: all of them good, half of the reals missed."""
    real = torch.cat([normal(100, 2, seed=1), normal(100, 2, seed=2) + 50])
    fake = normal(150, 2, seed=3) * 0.5
    pr, dc = precision_recall(real, fake), density_coverage(real, fake)
    assert pr.precision > 0.95
    assert pr.recall < 0.5
    assert dc.coverage < 0.51
    assert not bool(pr.recalled[100:].any())
    assert not bool(dc.covered[100:].any())
    turned = precision_recall(fake, real)
    assert (turned.precision, turned.recall) == (pr.recall, pr.precision)


def test_order_and_place_do_not_matter():
    real, fake = normal(80, 3, seed=1), normal(90, 3, seed=2) * 1.3
    order = torch.randperm(80, generator=torch.Generator().manual_seed(0))
    for measure in (precision_recall, density_coverage):
        first, second = measure(real, fake), measure(real[order] + 100, fake.flip(0) + 100)
        for name in ("precision", "recall", "density", "coverage"):
            assert getattr(first, name, 0) == pytest.approx(getattr(second, name, 0))


def test_per_sample_values_average_to_the_numbers():
    dc = density_coverage(normal(60, 2, seed=1), normal(40, 2, seed=2))
    assert float(dc.densities.mean()) == pytest.approx(dc.density)
    assert float(dc.covered.double().mean()) == dc.coverage
    assert (len(dc.densities), len(dc.covered)) == (40, 60)


def test_images_that_are_all_one_are_a_collapse_not_a_crash():
    real, fake = normal(50, 2), torch.zeros(50, 2)
    assert precision_recall(real, fake).recall == 0
    assert density_coverage(real, fake).coverage < 0.5


@pytest.mark.parametrize("k", [0, 10])
def test_a_k_that_has_no_neighbour_gives_a_sentence(k):
    with pytest.raises(UserError, match="from 1 to 9"):
        density_coverage(normal(10, 2), normal(10, 2), k=k)
