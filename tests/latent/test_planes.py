import dataclasses

import pytest
import torch
from sklearn.decomposition import PCA

from latentarium.latent.planes import anchor_plane, linear_discriminant_plane, principal_plane
from support.errors import raises_code


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def orthonormal(plane):
    gram = plane.axes @ plane.axes.T
    torch.testing.assert_close(gram, torch.eye(2, dtype=torch.float64))


def classes(n=300, apart=10.0):
    """Three classes, separated along the first two axes, and a wide uninformative third axis."""
    labels = torch.arange(n) % 3
    centres = torch.tensor([[0.0, 0], [apart, 0], [0, apart]], dtype=torch.float64)
    z = normal(n, 5)
    z[:, 2] *= 30
    z[:, :2] += centres[labels]
    return z, labels


def test_principal_plane_has_the_two_largest_variances():
    z = normal(500, 6) @ normal(6, 6, seed=1) + 3
    plane = principal_plane(z)
    orthonormal(plane)
    variances = torch.linalg.eigvalsh(torch.cov(z.T))
    assert plane.variance_share == pytest.approx(float(variances[-2:].sum() / variances.sum()))
    shown = torch.cov(plane.project(z).T)
    torch.testing.assert_close(shown.diagonal(), variances[-2:].flip(0))


def test_principal_axes_have_the_signs_of_scikit_learn():
    z = normal(100, 5) * torch.arange(1.0, 6.0)
    known = torch.from_numpy(PCA(2, svd_solver="covariance_eigh").fit(z.numpy()).components_)
    torch.testing.assert_close(principal_plane(z).axes, known)


def test_project_inverts_unproject():
    z = normal(50, 6)
    for plane in (
        principal_plane(z),
        linear_discriminant_plane(z, torch.arange(50) % 4),
        anchor_plane(z, z[:3] + 1),
    ):
        points = normal(20, 2, seed=2)
        torch.testing.assert_close(plane.project(plane.unproject(points)), points)
        torch.testing.assert_close(plane.distance(plane.unproject(points)), points[:, 0] * 0)
        # Pythagoras: variance within the plane and off it add up to the total
        through = dataclasses.replace(plane, origin=z.mean(0))
        off = through.distance(z).square().sum() / (z - z.mean(0)).square().sum()
        assert plane.variance_share == pytest.approx(1 - float(off))


def test_plane_of_a_two_dimensional_space_is_the_space():
    z = normal(30, 2).float()
    plane = principal_plane(z)
    assert plane.variance_share == pytest.approx(1)
    torch.testing.assert_close(plane.unproject(plane.project(z)).float(), z)


def test_discriminant_plane_separates_classes_and_principal_plane_follows_variance():
    z, labels = classes()
    found, widest = linear_discriminant_plane(z, labels), principal_plane(z)
    orthonormal(found)
    assert abs(float(widest.axes[0, 2])) > 0.99
    assert float(found.axes[:, 2].abs().max()) < 0.05
    assert float(found.axes[:, :2].square().sum()) > 1.98


def test_second_discriminant_axis_of_two_classes_is_the_widest_orthogonal_one():
    z, labels = classes()
    plane = linear_discriminant_plane(z[labels < 2], labels[labels < 2])
    orthonormal(plane)
    assert abs(float(plane.axes[0, 0])) > 0.98  # the classes differ along z_0
    assert abs(float(plane.axes[1, 2])) > 0.98  # the widest of the rest


def test_discriminant_plane_ignores_a_constant_dimension():
    z, labels = classes()
    z[:, 4] = 0
    plane = linear_discriminant_plane(z, labels)
    orthonormal(plane)
    assert float(plane.axes[:, 4].abs().max()) < 1e-6


def test_anchor_plane_contains_its_anchors():
    z = normal(200, 7)
    anchors = 5 * normal(3, 7, seed=3)
    plane = anchor_plane(z, anchors)
    orthonormal(plane)
    torch.testing.assert_close(plane.distance(anchors), torch.zeros(3, dtype=torch.float64))
    first, second, third = plane.project(anchors)
    torch.testing.assert_close(first, torch.zeros(2, dtype=torch.float64))
    torch.testing.assert_close(
        second, torch.stack([(anchors[1] - anchors[0]).norm(), second[0] * 0])
    )
    assert float(third[1]) > 0
    # distances within the plane are preserved
    torch.testing.assert_close((third - second).norm(), (anchors[2] - anchors[1]).norm())


def test_no_plane_has_more_variance_than_the_principal_one():
    z = normal(300, 4) * torch.tensor([3.0, 2.0, 1.0, 0.5])
    widest = principal_plane(z)
    shares = [anchor_plane(z, z[i : i + 3]).variance_share for i in range(50)]
    assert 0 < min(shares) < max(shares) <= widest.variance_share
    within = widest.unproject(torch.tensor([[0.0, 0], [2, 1], [-1, 3]]))
    assert anchor_plane(z, within).variance_share == pytest.approx(widest.variance_share)


def test_invalid_anchors_are_refused():
    z = normal(20, 3)
    for on_a_line in (z[[0, 0, 1]], z[[0, 1, 0]], torch.stack([z[0], z[1], 2 * z[1] - z[0]])):
        with raises_code("collinear-anchors"):
            anchor_plane(z, on_a_line)
    with raises_code("invalid-anchors"):
        anchor_plane(z, z[:2])
    with raises_code("invalid-anchors"):
        anchor_plane(z, z[:3] * torch.nan)


@pytest.mark.parametrize("shape", [(10, 1), (2, 5)])
def test_too_few_latents_or_dimensions_are_refused(shape):
    with raises_code("too-few-latents"):
        principal_plane(normal(*shape))


def test_equal_latents_or_one_class_are_refused():
    with raises_code("degenerate-latents"):
        principal_plane(torch.ones(10, 3))
    with raises_code("too-few-classes"):
        linear_discriminant_plane(normal(10, 3), torch.zeros(10, dtype=torch.long))
