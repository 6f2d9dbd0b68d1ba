import pytest
import torch

from latentarium.errors import UserError
from latentarium.metrics.conditional import class_manifold, confusion, expected_coverage
from latentarium.metrics.fidelity import density_coverage


def classes(per_class, seed, spread=0.5):
    """Three clouds, far apart."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(3).repeat_interleave(per_class)
    centres = torch.eye(3).repeat(1, 2) * 20
    noise = torch.randn(len(labels), 6, generator=generator)
    return centres[labels] + spread * noise, labels


@pytest.mark.parametrize(("n", "m", "k"), [(60, 60, 5), (40, 90, 3), (80, 15, 2)])
def test_the_expected_coverage_is_what_equal_distributions_get(n, m, k):
    found = []
    for seed in range(200):
        generator = torch.Generator().manual_seed(seed)
        real = torch.randn(n, 3, generator=generator)
        fake = torch.randn(m, 3, generator=generator)
        found.append(density_coverage(real, fake, k))
    coverage = sum(f.coverage for f in found) / 200
    assert coverage == pytest.approx(expected_coverage(n, m, k), abs=0.01)
    assert sum(f.density for f in found) / 200 == pytest.approx(1, abs=0.03)


def test_with_equal_sizes_it_is_nearly_one_less_a_half_to_the_k():
    assert expected_coverage(10_001, 10_000, 5) == pytest.approx(1 - 0.5**5, abs=1e-4)


def test_a_class_can_be_obeyed_and_collapsed():
    real, labels = classes(200, 0)
    fake, asked = classes(200, 1)
    fake[asked == 2] = fake[asked == 2][:1]  # one image, over and over
    nearest = torch.cdist(fake, torch.stack([real[labels == c].mean(0) for c in range(3)]))
    assert confusion(asked, nearest.argmin(1), 3).adherence == 1
    found = class_manifold(real, labels, fake, asked, 3)
    assert found.worst_class == 2
    first, second, third = found.coverage
    assert first is not None
    assert second is not None
    assert third is not None
    assert third < 0.1
    assert min(first, second) > 0.9
    interval = found.coverage_intervals[2]
    assert interval is not None
    assert interval[1] < 0.15


def test_classes_are_measured_by_themselves():
    """Other classes' images don't cover a class that was never made."""
    real, labels = classes(100, 0)
    fake, asked = classes(100, 1)
    fake[asked == 1] = fake[asked == 0]
    found = class_manifold(real, labels, fake, asked, 3)
    assert found.coverage[1] == 0
    assert found.worst_class == 1


def test_a_rare_class_is_judged_at_its_own_size():
    real, labels = classes(200, 0)
    keep = (labels != 0) | (torch.arange(len(labels)) < 12)
    found = class_manifold(real[keep], labels[keep], *classes(200, 1), 3)
    assert found.n == (12, 200, 200)
    few, many, _ = found.expected_coverage
    assert few is not None
    assert many is not None
    assert few > many


def test_a_class_with_too_few_images_is_left_out_of_the_others():
    real, labels = classes(100, 0)
    keep = (labels != 1) | (torch.arange(len(labels)) < torch.nonzero(labels == 1)[4] + 1)
    found = class_manifold(real[keep], labels[keep], *classes(100, 1), 3)
    assert found.n[1] == 5
    assert found.coverage[1] is found.density[1] is found.expected_coverage[1] is None
    assert found.worst_class != 1
    whole = class_manifold(real, labels, *classes(100, 1), 3)
    assert (found.coverage[0], found.coverage[2]) == (whole.coverage[0], whole.coverage[2])


def test_no_class_with_enough_images_is_a_sentence():
    real, labels = classes(5, 0)
    with pytest.raises(UserError, match="No class has more than 5"):
        class_manifold(real, labels, *classes(5, 1), 3)
