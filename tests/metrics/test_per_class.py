import pytest
import torch

from latentarium.metrics.conditional import (
    confusion,
    expected_coverage,
    per_class_density_coverage,
)
from latentarium.metrics.fidelity import density_coverage
from support.errors import raises_code


def clusters(per_class, seed, spread=0.5):
    """Return features of three distant clusters, and their classes."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(3).repeat_interleave(per_class)
    centres = torch.eye(3).repeat(1, 2) * 20
    noise = torch.randn(len(labels), 6, generator=generator)
    return centres[labels] + spread * noise, labels


@pytest.mark.parametrize(
    ("n", "m", "k"), [pytest.param(60, 60, 5, marks=pytest.mark.slow), (40, 90, 3), (80, 15, 2)]
)
def test_expected_coverage_is_that_of_equal_distributions(n, m, k):
    measured = []
    for seed in range(200):
        generator = torch.Generator().manual_seed(seed)
        real = torch.randn(n, 3, generator=generator)
        fake = torch.randn(m, 3, generator=generator)
        measured.append(density_coverage(real, fake, k))
    coverage = sum(f.coverage for f in measured) / 200
    assert coverage == pytest.approx(expected_coverage(n, m, k), abs=0.01)
    assert sum(f.density for f in measured) / 200 == pytest.approx(1, abs=0.03)


def test_expected_coverage_of_equal_sizes_is_about_one_minus_one_half_to_the_k():
    assert expected_coverage(10_001, 10_000, 5) == pytest.approx(1 - 0.5**5, abs=1e-4)


def test_class_with_full_adherence_can_be_collapsed():
    real, labels = clusters(200, 0)
    fake, requested = clusters(200, 1)
    fake[requested == 2] = fake[requested == 2][:1]  # the same image each time
    nearest = torch.cdist(fake, torch.stack([real[labels == c].mean(0) for c in range(3)]))
    assert confusion(requested, nearest.argmin(1), 3).adherence == 1
    result = per_class_density_coverage(real, labels, fake, requested, 3)
    assert result.worst_class == 2
    first, second, third = result.coverage
    assert first is not None
    assert second is not None
    assert third is not None
    assert third < 0.1
    assert min(first, second) > 0.9
    interval = result.coverage_intervals[2]
    assert interval is not None
    assert interval[1] < 0.15


def test_interval_of_the_worst_class_is_simultaneous_over_the_measured_classes():
    real, labels = clusters(60, 0)
    result = per_class_density_coverage(real, labels, *clusters(60, 1), 3)
    worst = result.worst_class
    value, alone = result.coverage[worst], result.coverage_intervals[worst]
    assert value is not None
    assert alone is not None
    assert result.worst_interval[0] < alone[0] <= value <= alone[1] < result.worst_interval[1]
    single = per_class_density_coverage(
        real[labels == 0], labels[labels == 0], real[labels == 0] + 0.1, labels[labels == 0], 3
    )
    assert single.worst_interval == single.coverage_intervals[0]


def test_classes_are_measured_separately():
    """Images of other classes don't cover a class that was never generated."""
    real, labels = clusters(100, 0)
    fake, requested = clusters(100, 1)
    fake[requested == 1] = fake[requested == 0]
    result = per_class_density_coverage(real, labels, fake, requested, 3)
    assert result.coverage[1] == 0
    assert result.worst_class == 1


def test_expected_coverage_depends_on_the_size_of_the_class():
    real, labels = clusters(200, 0)
    keep = (labels != 0) | (torch.arange(len(labels)) < 12)
    result = per_class_density_coverage(real[keep], labels[keep], *clusters(200, 1), 3)
    assert result.n == (12, 200, 200)
    few, many, _ = result.expected_coverage
    assert few is not None
    assert many is not None
    assert few > many


def test_class_with_too_few_images_is_left_out():
    real, labels = clusters(100, 0)
    keep = (labels != 1) | (torch.arange(len(labels)) < torch.nonzero(labels == 1)[4] + 1)
    result = per_class_density_coverage(real[keep], labels[keep], *clusters(100, 1), 3)
    assert result.n[1] == 5
    assert result.coverage[1] is result.density[1] is result.expected_coverage[1] is None
    assert result.worst_class != 1
    expected = per_class_density_coverage(real, labels, *clusters(100, 1), 3)
    assert (result.coverage[0], result.coverage[2]) == (expected.coverage[0], expected.coverage[2])


def test_too_few_images_in_all_classes_are_refused():
    real, labels = clusters(5, 0)
    with raises_code("too-few-images"):
        per_class_density_coverage(real, labels, *clusters(5, 1), 3)
