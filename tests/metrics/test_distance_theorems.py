import pytest
import torch

from latentarium.metrics.balls import require_comparable
from latentarium.metrics.distances import (
    FeatureStatistics,
    frechet,
    frechet_distance,
    frechet_interval,
    frechet_reference,
    kernel_distance,
)
from latentarium.metrics.fidelity import density_coverage, precision_recall
from support.errors import raises_code


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def rotation(size, seed=0):
    return torch.linalg.qr(normal(size, size, seed=seed)).Q


def statistics(mean, covariance):
    return FeatureStatistics(mean=mean.double(), covariance=covariance.double(), n=1000)


# ------------------------------------------------------------------------------------- Fréchet


def test_frechet_of_commuting_covariances_equals_the_closed_form():
    u = rotation(5)
    l1, l2 = normal(5, seed=1).square(), normal(5, seed=2).square()
    m1, m2 = normal(5, seed=3), normal(5, seed=4)
    result = frechet_distance(statistics(m1, u * l1 @ u.T), statistics(m2, u * l2 @ u.T))
    closed = (m1 - m2).square().sum() + (l1.sqrt() - l2.sqrt()).square().sum()
    assert result == pytest.approx(float(closed), rel=1e-10)


def test_frechet_of_covariances_in_two_dimensions_equals_the_closed_form():
    a, b = normal(2, 2, seed=1), normal(2, 2, seed=2)
    s1, s2 = a @ a.T, b @ b.T
    # tr M^1/2 = sqrt(tr M + 2 sqrt det M) for a 2x2 matrix M with positive eigenvalues
    root = ((s1 @ s2).trace() + 2 * (torch.det(s1) * torch.det(s2)).sqrt()).sqrt()
    closed = s1.trace() + s2.trace() - 2 * root
    zero = torch.zeros(2)
    result = frechet_distance(statistics(zero, s1), statistics(zero, s2))
    assert result == pytest.approx(float(closed), rel=1e-10)


def test_frechet_is_zero_for_equal_sets_symmetric_and_rigid():
    a, b = normal(300, 6, seed=1) @ normal(6, 6), normal(400, 6, seed=2) * 2 + 1
    assert frechet(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet(a, b) == pytest.approx(frechet(b, a), rel=1e-10)
    u, shift = rotation(6, seed=5), normal(6, seed=6)
    assert frechet(a @ u + shift, b @ u + shift) == pytest.approx(frechet(a, b), rel=1e-9)
    assert frechet(3 * a, 3 * b) == pytest.approx(9 * frechet(a, b), rel=1e-9)
    assert frechet(a.flip(0), b) == pytest.approx(frechet(a, b), rel=1e-10)


def test_frechet_ignores_constant_features():
    a, b = normal(50, 4, seed=1), normal(50, 4, seed=2)
    a[:, 2] = b[:, 2] = 0
    kept = torch.tensor([0, 1, 3])
    assert frechet(a, b) == pytest.approx(frechet(a[:, kept], b[:, kept]), abs=1e-7)


def test_statistics_agree_with_torch_for_every_block_size():
    features = normal(97, 5).float()
    result = FeatureStatistics.of(features, max_values=50)
    torch.testing.assert_close(result.covariance, torch.cov(features.double().T))
    assert result.mean.dtype == torch.float64
    assert result.n == 97


def test_statistics_are_accurate_for_features_far_from_zero():
    features = normal(1000, 3) + 1e6
    torch.testing.assert_close(FeatureStatistics.of(features).covariance, torch.cov(features.T))


@pytest.mark.parametrize("n", [1, 8])
def test_too_few_images_are_refused(n):
    with raises_code("too-few-images"):
        frechet(normal(n, 8), normal(100, 8))


def test_sets_that_do_not_match_are_refused():
    small, large = (FeatureStatistics.of(normal(20, size)) for size in (3, 4))
    with raises_code("feature-mismatch"):
        frechet_distance(small, large)
    with raises_code("feature-mismatch"):
        require_comparable(normal(20, 3), normal(20, 4))
    for measure in (frechet, precision_recall, density_coverage):
        with raises_code("not-finite"):
            measure(normal(20, 3), normal(20, 3) / 0)


@pytest.mark.parametrize(("n", "size"), [(300, 16), (1000, 16), (1000, 48)])
def test_reference_is_the_distance_of_new_samples_at_the_same_n(n, size):
    scale = torch.linspace(0.1, 2, size, dtype=torch.float64)

    def new_sets(seed):
        return normal(n, size, seed=seed) * scale + 3

    truth = [frechet(new_sets(2 * s), new_sets(2 * s + 1)) for s in range(80)]
    references = [frechet_reference(new_sets(1000 + s), n, seed=s).value for s in range(20)]
    assert sum(references) / 20 == pytest.approx(sum(truth) / 80, rel=0.1)


def test_reference_depends_on_the_requested_n_not_on_the_number_of_real_images():
    references = [frechet_reference(normal(4000, 8), n, pairs=20).value for n in (250, 4000)]
    assert references[0] / references[1] == pytest.approx(16, rel=0.3)


def test_reference_of_few_real_images_compares_them_with_n():
    """The mean's contribution to the distance of sets of a and b images is tr S (1/a + 1/b)."""
    unequal = frechet_reference(normal(400, 4), 4000, pairs=40)
    equal = frechet_reference(normal(400, 4), 400, pairs=40)
    assert unequal.value / equal.value == pytest.approx((1 / 400 + 1 / 4000) / (2 / 400), rel=0.2)
    assert "400" in unequal.note
    assert "4000" in unequal.note
    assert equal.note == ""
    assert "19" in frechet_reference(normal(19, 4), 19).note
    with raises_code("too-few-images"):
        frechet_reference(normal(4, 4), 100)
    with raises_code("too-few-images"):
        frechet_reference(normal(100, 4), 4)


def test_reference_with_training_images_is_their_distance_to_the_real_images():
    real, training = normal(400, 4), normal(500, 4, seed=1) + 0.5
    reference = frechet_reference(real, 400, training=training)
    assert reference.value == frechet(real, training[:400])
    assert reference.training == 400
    assert reference.resampled == frechet_reference(real, 400).value < reference.value
    assert f"{reference.resampled:.3g}" in reference.note


def test_reference_says_that_training_images_are_too_few():
    real = normal(400, 4)
    few = frechet_reference(real, 400, training=normal(50, 4, seed=1))
    assert few.training == 50
    assert "50" in few.note
    too_few = frechet_reference(real, 400, training=normal(4, 4, seed=1))
    assert too_few.training == 0
    assert too_few.value == too_few.resampled == frechet_reference(real, 400).value


@pytest.mark.parametrize("shift", [0.0, 0.3])
def test_frechet_interval_of_a_singular_set_is_finite(shift):
    """A constant feature, and a generator that has collapsed to a line."""
    real, fake = normal(200, 3), normal(200, 1, seed=1).repeat(1, 3) + shift
    real[:, 2] = 0
    low, high = frechet_interval(real, fake, resamples=20)
    assert low < frechet(real, fake) < high < 10 * frechet(real, fake)


def test_linear_variance_of_the_frechet_distance_is_that_of_new_samples():
    """Far from equality, where the part of second order is negligible."""
    scale = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)

    def new_sets(seed):
        return normal(400, 3, seed=2 * seed), normal(400, 3, seed=2 * seed + 1) * scale + 1

    values = torch.tensor([frechet(*new_sets(s)) for s in range(400)], dtype=torch.float64)
    widths = [frechet_interval(*new_sets(s), resamples=8) for s in range(10)]
    half = sum(high - low for low, high in widths) / 20
    assert half == pytest.approx(1.96 * float(values.std()), rel=0.1)


def test_frechet_interval_is_as_wide_as_the_spread_of_new_samples():
    def new_sets(seed):
        return normal(300, 3, seed=2 * seed), normal(300, 3, seed=2 * seed + 1) + 1

    values = torch.tensor([frechet(*new_sets(s)) for s in range(100)], dtype=torch.float64)
    low, high = frechet_interval(*new_sets(0), resamples=200)
    assert (high - low) / 2 == pytest.approx(1.96 * float(values.std()), rel=0.3)


# -------------------------------------------------------------------------------------- kernel


def test_kernel_distance_equals_the_double_sum_over_subsets():
    x, y = normal(8, 3, seed=1), normal(8, 3, seed=2) + 1

    def k(a, b):
        return float((a @ b / 3 + 1) ** 3)

    size = 4
    result = kernel_distance(x, y, subsets=3, subset_size=size, seed=5)
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
    assert result.value == pytest.approx(sum(values) / 3, rel=1e-9)


def test_kernel_distance_is_unbiased_and_its_interval_covers():
    """Between N(0, 1) and N(1, 1) in one dimension, E k over moments up to the third:
    MMD^2 = sum over r of binom(3, r) (E x^r - E y^r)^2 = 3 * 1 + 3 * 1 + 1 * 16 = 22."""
    result = [
        kernel_distance(
            normal(200, 1, seed=2 * s),
            normal(200, 1, seed=2 * s + 1) + 1,
            subsets=40,
            subset_size=50,
        )
        for s in range(60)
    ]
    values = torch.tensor([f.value for f in result])
    assert float(values.mean()) == pytest.approx(22, abs=3 * float(values.std()) / 60**0.5)
    covered = sum(f.interval[0] <= 22 <= f.interval[1] for f in result)
    assert 50 <= covered <= 60


def test_kernel_distance_scatters_around_zero_for_equal_distributions():
    result = [
        kernel_distance(
            normal(100, 4, seed=2 * s), normal(100, 4, seed=2 * s + 1), subsets=10, subset_size=50
        )
        for s in range(40)
    ]
    values = torch.tensor([f.value for f in result])
    assert abs(float(values.mean())) < 3 * float(values.std()) / 40**0.5
    assert 0 < int((values < 0).sum()) < 40


def test_subsets_larger_than_half_are_refused():
    with raises_code("invalid-subsets"):
        kernel_distance(normal(100, 3), normal(200, 3), subset_size=51)


# --------------------------------------------------------------------------------------- balls


def by_loops(real, fake, k, closed):
    """Return precision, recall, density and coverage, computed by loops."""

    def radius(points, i):
        others = [float((points[i] - points[j]).norm()) for j in range(len(points)) if j != i]
        return sorted(others)[k - 1]

    def contains(centres, i, point):
        distance, reach = float((centres[i] - point).norm()), radius(centres, i)
        return distance <= reach if closed else distance < reach

    table = torch.tensor([[contains(real, j, f) for j in range(len(real))] for f in fake])
    other = torch.tensor([[contains(fake, j, r) for j in range(len(fake))] for r in real])
    return (
        float(table.any(1).double().mean()),
        float(other.any(1).double().mean()),
        float(table.sum()) / (k * len(fake)),
        float(table.any(0).double().mean()),
    )


@pytest.mark.parametrize("k", [1, 3])
def test_balls_agree_with_loops_for_points_on_boundaries(k):
    """Points of a small lattice are on each other's boundaries, where the conventions differ."""
    generator = torch.Generator().manual_seed(k)
    real = torch.randint(4, (23, 2), generator=generator).float()
    fake = torch.randint(5, (19, 2), generator=generator).float()
    small = {"k": k, "max_distances": 100}  # several blocks
    pr, dc = precision_recall(real, fake, **small), density_coverage(real, fake, **small)
    precision, recall, *_ = by_loops(real, fake, k, closed=True)
    *_, density, coverage = by_loops(real, fake, k, closed=False)
    assert (pr.precision, pr.recall) == pytest.approx((precision, recall))
    assert (dc.density, dc.coverage) == pytest.approx((density, coverage))
    # the conventions differ on this lattice, so the checks above can fail
    assert by_loops(real, fake, k, closed=True)[2] != by_loops(real, fake, k, closed=False)[2]


def test_equal_sets_get_one():
    features = normal(500, 16).float()
    pr, dc = precision_recall(features, features), density_coverage(features, features)
    assert pr.precision == pr.recall == 1
    # a point is in its own ball and in k - 1 others, not on the boundary of the k-th
    assert dc.density == pytest.approx(1, abs=1e-12)
    assert dc.coverage == 1


def test_coverage_of_equal_distributions_equals_the_closed_form():
    n, k = 1500, 5
    dc = density_coverage(normal(n, 4, seed=1), normal(n, 4, seed=2), k=k)
    expected = 1.0
    for i in range(1, k + 1):
        expected *= (n - i) / (2 * n - i)
    assert dc.coverage == pytest.approx(1 - expected, abs=0.02)
    assert dc.density == pytest.approx(1, abs=0.1)


def test_precision_is_of_fakes_and_recall_of_reals():
    """Fakes from one of two modes: all of them are realistic, half of the reals are missed."""
    real = torch.cat([normal(100, 2, seed=1), normal(100, 2, seed=2) + 50])
    fake = normal(150, 2, seed=3) * 0.5
    pr, dc = precision_recall(real, fake), density_coverage(real, fake)
    assert pr.precision > 0.95
    assert pr.recall < 0.5
    assert dc.coverage < 0.51
    assert not bool(pr.recalled[100:].any())
    assert not bool(dc.covered[100:].any())
    swapped = precision_recall(fake, real)
    assert (swapped.precision, swapped.recall) == (pr.recall, pr.precision)


def test_order_and_translation_do_not_matter():
    real, fake = normal(80, 3, seed=1), normal(90, 3, seed=2) * 1.3
    order = torch.randperm(80, generator=torch.Generator().manual_seed(0))
    for measure in (precision_recall, density_coverage):
        first, second = measure(real, fake), measure(real[order] + 100, fake.flip(0) + 100)
        for name in ("precision", "recall", "density", "coverage"):
            assert getattr(first, name, 0) == pytest.approx(getattr(second, name, 0))


def test_per_image_values_average_to_density_and_coverage():
    dc = density_coverage(normal(60, 2, seed=1), normal(40, 2, seed=2))
    assert float(dc.densities.mean()) == pytest.approx(dc.density)
    assert float(dc.covered.double().mean()) == dc.coverage
    assert (len(dc.densities), len(dc.covered)) == (40, 60)


def test_identical_fakes_get_low_recall_and_coverage():
    real, fake = normal(50, 2), torch.zeros(50, 2)
    assert precision_recall(real, fake).recall == 0
    assert density_coverage(real, fake).coverage < 0.5


@pytest.mark.parametrize("k", [0, 10])
def test_k_without_enough_neighbours_is_refused(k):
    with raises_code("invalid-k"):
        density_coverage(normal(10, 2), normal(10, 2), k=k)
