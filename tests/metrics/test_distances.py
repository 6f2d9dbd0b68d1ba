"""Theorems and conventions of the distances."""

import pytest
import torch

from latentarium.errors import UserError
from latentarium.metrics.conditional import confusion, label_histogram, wrong_label_auc
from latentarium.metrics.distances import (
    FeatureStatistics,
    density_coverage,
    frechet,
    frechet_distance,
    frechet_floor,
    frechet_interval,
    kernel_distance,
    precision_recall,
)
from latentarium.metrics.intervals import bootstrap, wilson
from latentarium.metrics.prior_gap import aggregate_kl, gaussian_kl, prior_sliced_distance
from latentarium.random import Noise


def cloud(n: int, d: int, seed: int = 0) -> torch.Tensor:
    return Noise("features", seed).normal(n, d)


def test_the_frechet_distance_of_two_gaussians_is_its_closed_form():
    a, b = torch.tensor([1.0, 4.0]).double(), torch.tensor([9.0, 0.25]).double()
    mean = torch.tensor([1.0, -2.0]).double()
    one = FeatureStatistics(mean=torch.zeros(2).double(), covariance=torch.diag(a), n=100)
    two = FeatureStatistics(mean=mean, covariance=torch.diag(b), n=100)
    known = mean.square().sum() + (a.sqrt() - b.sqrt()).square().sum()
    assert frechet_distance(one, two) == pytest.approx(float(known))
    turn = torch.linalg.qr(cloud(2, 2).double()).Q
    turned = [
        FeatureStatistics(mean=turn @ s.mean, covariance=turn @ s.covariance @ turn.T, n=100)
        for s in (one, two)
    ]
    assert frechet_distance(*turned) == pytest.approx(float(known))
    assert frechet_distance(two, one) == pytest.approx(float(known))


def test_frechet_of_a_set_with_itself_is_zero_and_order_does_not_matter():
    x, y = cloud(500, 6), cloud(400, 6, 1) + 0.5
    assert frechet(x, x) == pytest.approx(0, abs=1e-8)
    shuffled = y[torch.randperm(len(y), generator=Noise(2).generator)]
    assert frechet(x, y) == pytest.approx(frechet(x, shuffled))
    low, high = frechet_interval(x, y, resamples=30)
    assert low < high
    floor = frechet_floor(x, 200)
    assert 0 < floor.value < frechet(x, y)


def test_too_few_images_give_a_sentence():
    with pytest.raises(UserError, match="can't fill a covariance"):
        frechet(cloud(5, 6), cloud(50, 6))


def test_the_kernel_distance_is_unbiased():
    same = kernel_distance(cloud(2000, 4), cloud(2000, 4, 1), subsets=40, subset_size=200)
    other = kernel_distance(cloud(2000, 4), cloud(2000, 4, 1) + 1, subsets=40, subset_size=200)
    assert same.interval[0] <= 0.02
    assert abs(same.value) < 0.05
    assert other.value > 10 * abs(same.value)


def test_precision_and_recall_are_not_swapped():
    real = torch.cat([cloud(400, 3), cloud(400, 3, 1) + 30])
    fake = cloud(400, 3, 2)  # all of it real, but only half of what there is
    found = precision_recall(real, fake)
    assert found.precision > 0.9
    assert found.recall < 0.6
    back = precision_recall(fake, real)
    assert back.precision < 0.6


def test_precision_is_brute_force():
    real, fake = cloud(60, 3).double(), cloud(50, 3, 1).double()
    own = torch.cdist(real, real).sort(dim=1).values[:, 3]
    known = (torch.cdist(fake, real) <= own).any(1)
    assert torch.equal(precision_recall(real, fake, k=3).precise, known)


def test_density_and_coverage():
    x = cloud(500, 4)
    itself = density_coverage(x, x)
    assert itself.coverage == 1
    away = density_coverage(x, x + 100)
    assert away.coverage == away.density == 0
    real, fake = cloud(60, 3).double(), cloud(50, 3, 1).double()
    own = torch.cdist(real, real).sort(dim=1).values[:, 5]
    inside = torch.cdist(fake, real) < own
    found = density_coverage(real, fake, k=5)
    assert found.density == pytest.approx(float(inside.double().sum(1).mean() / 5))
    assert found.coverage == pytest.approx(float(inside.any(0).double().mean()))


def test_confusion_and_histogram():
    asked = torch.tensor([0, 0, 1, 1, 1, 2])
    judged = torch.tensor([0, 1, 1, 1, 1, 0])
    found = confusion(asked, judged, 3)
    assert found.adherence == pytest.approx(4 / 6)
    assert found.worst_class == 2
    assert found.table.tolist() == [[1, 1, 0], [0, 3, 0], [1, 0, 0]]
    histogram = label_histogram(judged, 3)
    assert histogram.counts == (2, 4, 0)
    assert histogram.entropy < histogram.max_entropy


def test_wrong_label_auc_of_an_oracle_and_of_a_coin():
    labels = torch.arange(300) % 3
    images = labels[:, None, None, None].float().expand(300, 1, 8, 8) / 2 - 1

    def oracle(x, y):
        shown = ((x[:, 0, 0, 0] + 1) * 2).round().long()
        return (shown == y).float()

    def blind(x, y):
        return torch.zeros(len(x))

    assert wrong_label_auc(oracle, images, labels, 3).minimum == pytest.approx(1)
    assert wrong_label_auc(blind, images, labels, 3).mean == pytest.approx(0.5)


def test_intervals():
    low, high = wilson(95, 100)
    assert low == pytest.approx(0.8882, abs=1e-3)  # Wilson (1927), worked by hand
    assert high == pytest.approx(0.9785, abs=1e-3)
    values = cloud(400, 1)[:, 0]
    low, high = bootstrap(values)
    half = 1.96 * float(values.std()) / 20
    assert low == pytest.approx(float(values.mean()) - half, abs=0.03)
    assert high == pytest.approx(float(values.mean()) + half, abs=0.03)


def test_a_posterior_whose_sum_is_the_prior_is_no_distance_away():
    mean = cloud(3000, 2) * 0.8
    log_variance = torch.full_like(mean, 2 * torch.log(torch.tensor(0.6)).item())
    z = mean + 0.6 * cloud(3000, 2, 1)
    assert gaussian_kl(z).value == pytest.approx(0, abs=0.01)
    shifted = gaussian_kl(z + torch.tensor([1.0, 0.0]))
    assert shifted.value == pytest.approx(0.5, abs=0.1)
    found = aggregate_kl(mean, log_variance, components=1000)
    assert found.lower - 0.05 <= 0 <= found.upper + 0.05
    near = prior_sliced_distance(z)
    assert near.value < 3 * near.floor
    assert prior_sliced_distance(z + 1).value > 5 * near.value
