"""Theorems about latents: Gaussians, gaps, paths, neighbours, planes."""

import math

import pytest
import torch
from torch.distributions import MultivariateNormal

from latentarium.errors import UserError
from latentarium.latent.gaps import (
    decoder_stretch,
    distance_to_data,
    gap_share,
    judge_entropy,
    percentile_among,
    quality_by_distance,
    round_trip_error,
)
from latentarium.latent.gaussians import ClassGaussians, mixture, single_gaussian
from latentarium.latent.neighbours import knn_accuracy, nearest
from latentarium.latent.paths import DataGraph, lerp, slerp, through_data
from latentarium.latent.project import linear_discriminant_plane, principal_plane
from latentarium.random import Noise


def cloud(n: int, d: int, seed: int = 0) -> torch.Tensor:
    return Noise("cloud", seed).normal(n, d)


def test_a_gaussian_is_recovered_and_its_density_is_torchs():
    mean, root = torch.tensor([1.0, -2.0]), torch.tensor([[2.0, 0.0], [0.5, 0.3]])
    z = mean + cloud(50_000, 2) @ root.T
    found = single_gaussian(z)
    torch.testing.assert_close(found.mean.float(), mean, atol=0.05, rtol=0)
    torch.testing.assert_close(found.covariance.float(), root @ root.T, atol=0.08, rtol=0)
    known = MultivariateNormal(found.mean, found.covariance).log_prob(z[:9].double())
    torch.testing.assert_close(found.log_prob(z[:9]), known)
    drawn = found.sample(50_000, Noise(1).generator).double()
    torch.testing.assert_close(drawn.T.cov(), found.covariance, atol=0.08, rtol=0)


def test_class_gaussians_tell_classes_apart():
    labels = torch.arange(3000) % 3
    z = cloud(3000, 4) + 8 * torch.eye(4)[labels]
    fitted = ClassGaussians.fit(z, labels, 3)
    assert (fitted.log_prob(z).argmax(1) == labels).double().mean() > 0.999
    asked = torch.tensor([2] * 500)
    drawn = fitted.sample(asked, Noise(0).generator)
    torch.testing.assert_close(drawn.double().mean(0), fitted.means[2].double(), atol=0.3, rtol=0)
    with pytest.raises(UserError, match="Class 3"):
        ClassGaussians.fit(z, labels, 4)


def test_an_ellipse_holds_its_share():
    z = cloud(4000, 3) * torch.tensor([3.0, 1.0, 0.2])
    plane = principal_plane(z)
    oval = single_gaussian(z).ellipse(plane, 1.0)
    assert oval.major == pytest.approx(3.0, rel=0.1)
    assert oval.minor == pytest.approx(1.0, rel=0.1)
    assert plane.variance_share == pytest.approx(10 / 10.04, abs=0.01)
    points = plane.project(z)
    torch.testing.assert_close(plane.project(plane.unproject(points)), points)


def test_the_discriminant_plane_parts_classes_that_variance_hides():
    labels = torch.arange(2000) % 2
    z = cloud(2000, 3) * torch.tensor([10.0, 1.0, 1.0])
    z[:, 2] += 6 * labels
    z[:, 1] += 0.1 * labels
    first = linear_discriminant_plane(z, labels).project(z)[:, 0]
    gap = (first[labels == 1].mean() - first[labels == 0].mean()).abs()
    assert gap > 4 * first[labels == 0].std()


def test_a_mixture_finds_two_hills():
    z = cloud(2000, 2) * 0.1
    z[::2] += 3
    found = mixture(z, 2)
    drawn = found.sample(1000, Noise(0).generator)
    between = ((drawn - 1.5).norm(dim=1) < 0.8).double().mean()
    assert between < 0.01
    assert found.log_prob(z).mean() > single_gaussian(z).log_prob(z).mean() + 1


def test_distance_is_brute_force():
    codes, z = cloud(300, 5), cloud(40, 5, seed=1)
    brute = torch.cdist(z.double(), codes.double()).sort(dim=1).values
    torch.testing.assert_close(nearest(codes, z, 4).distance, brute[:, :4])
    torch.testing.assert_close(distance_to_data(codes, z, 3), brute[:, 2])


def test_a_prior_that_is_the_data_has_no_gaps_and_a_shifted_one_is_all_gap():
    codes, held, same = cloud(5000, 3), cloud(3000, 3, 1), cloud(3000, 3, 2)
    held_distance = distance_to_data(codes, held)
    found = gap_share(distance_to_data(codes, same), held_distance, 0.95)
    assert found.share == pytest.approx(0.05, abs=0.015)
    assert gap_share(distance_to_data(codes, same + 50), held_distance).share == 1
    places = percentile_among(held_distance, held_distance)
    assert float(places.mean()) == pytest.approx(0.5, abs=0.01)


def test_the_stretch_of_a_linear_decoder_is_the_product_of_its_singular_values():
    w = cloud(12, 3)

    def decode(z):
        return (z @ w.T.to(z.dtype)).reshape(-1, 1, 3, 4)

    found = decoder_stretch(decode, cloud(5, 3, 1))
    known = torch.linalg.svdvals(w.double()).prod()
    torch.testing.assert_close(found.double(), known.expand(5), rtol=1e-4, atol=0)


def test_a_round_trip_of_inverses_is_zero():
    z = cloud(7, 3)
    assert round_trip_error(lambda x: x / 2, lambda z: z * 2, z).max() < 1e-6
    shifted = round_trip_error(lambda x: x + 1, lambda z: z, z)
    torch.testing.assert_close(shifted, torch.full((7,), math.sqrt(3)).double())


def test_entropy_of_the_judge():
    even, sure = torch.full((1, 4), 0.25), torch.tensor([[1.0, 0, 0, 0]])
    assert float(judge_entropy(even)) == pytest.approx(math.log(4))
    assert float(judge_entropy(sure)) == pytest.approx(0, abs=1e-6)


def test_quality_falls_with_distance_where_it_does():
    distance = torch.linspace(0, 1, 1000)
    curve = quality_by_distance(distance, (distance < 0.5).double(), 4)
    assert [b.quality for b in curve] == [1, 1, 0, 0]
    assert sum(b.n for b in curve) == 1000
    for part in curve:
        assert part.interval[0] <= part.quality <= part.interval[1]


def test_paths():
    a, b = torch.tensor([3.0, 0.0]), torch.tensor([0.0, 3.0])
    straight, round_ = lerp(a, b, 5), slerp(a, b, 5)
    torch.testing.assert_close(straight[2], (a + b) / 2)
    torch.testing.assert_close(round_.norm(dim=1), torch.full((5,), 3.0))
    torch.testing.assert_close(slerp(a, a * 1.0, 3), a.expand(3, -1))
    with pytest.raises(UserError, match="opposite"):
        slerp(a, -a)


def test_a_path_through_the_data_goes_around_the_hole():
    angle = torch.linspace(0, 2 * math.pi, 400)[:-1]
    ring = torch.stack([angle.cos(), angle.sin()], 1)
    path = through_data(ring[0], ring[199], ring, steps=20, k=4)
    assert path.norm(dim=1).min() > 0.95
    assert lerp(ring[0], ring[199], 20).norm(dim=1).min() < 0.2
    two = torch.cat([ring, ring + 100])
    with pytest.raises(UserError, match="no way"):
        DataGraph(two, 3).path(two[0], two[-1])


def test_neighbours_name_the_class():
    labels = torch.arange(600) % 2
    z = cloud(600, 3) + 6 * labels[:, None]
    found = knn_accuracy(z[:500], labels[:500], z[500:], labels[500:])
    assert found.value > 0.97
    blind = knn_accuracy(cloud(500, 3), labels[:500], cloud(100, 3, 1), labels[500:])
    assert 0.3 < blind.value < 0.7
    assert found.interval is not None
    assert found.n == 100
