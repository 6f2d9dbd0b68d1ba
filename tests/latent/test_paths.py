from itertools import pairwise

import pytest
import torch

from latentarium.latent.paths import DataGraph, through_data
from latentarium.models.interpolation import lerp, slerp
from support.errors import raises_code


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def angle(u, v):
    u, v = u.double(), v.double()
    return torch.atan2((u * v.norm() - v * u.norm()).norm(), (u * v.norm() + v * u.norm()).norm())


def test_lerp_has_equal_steps():
    a, b = normal(2, 8)
    path = lerp(a, b, 5)
    assert torch.equal(path[0], a)
    assert torch.equal(path[-1], b)
    torch.testing.assert_close(path.diff(dim=0), ((b - a) / 4).expand(4, 8))


def test_slerp_keeps_the_norm_and_rotates_at_a_constant_rate():
    a, b = normal(2, 16)
    b = b * a.norm() / b.norm()
    path = slerp(a, b, 9)
    torch.testing.assert_close(path.norm(dim=1), a.norm().expand(9))
    turns = torch.stack([angle(u, v) for u, v in pairwise(path)])
    torch.testing.assert_close(turns, turns[0].expand(8), rtol=1e-4, atol=0)
    assert torch.linalg.matrix_rank(path.double(), rtol=1e-5) == 2
    assert torch.equal(path[0], a)
    assert torch.equal(path[-1], b)


def test_slerp_of_unequal_norms_changes_the_norm_linearly():
    a, b = normal(2, 6)
    path = slerp(a, 3 * b, 5)
    torch.testing.assert_close(
        path.norm(dim=1), torch.linspace(float(a.norm()), float(3 * b.norm()), 5)
    )


def test_slerp_is_symmetric():
    a, b = normal(2, 6).double()
    torch.testing.assert_close(slerp(a, b, 7), slerp(b, a, 7).flip(0))


@pytest.mark.parametrize("nudge", [0.0, 1e-12, 1e-8, 1e-7, 1e-5, 1e-3])
def test_slerp_of_near_parallel_latents_is_linear(nudge):
    a = normal(5).double()
    b = a.clone()
    b[0] += nudge
    path = slerp(a, b, 4)
    torch.testing.assert_close(path, lerp(a, b, 4), rtol=0, atol=max(nudge**2, 1e-12))


def test_slerp_without_a_shortest_arc_is_refused():
    a = normal(5)
    with raises_code("opposite-latents"):
        slerp(a, -2 * a)
    with raises_code("zero-latent"):
        slerp(a, torch.zeros(5))
    for interpolate in (lerp, slerp):
        with raises_code("too-few-steps"):
            interpolate(a, a, 1)


def ring(n=400):
    """Return points of an arc: a circle without its lowest part."""
    turn = torch.linspace(-0.4, torch.pi + 0.4, n)
    return torch.stack([turn.cos(), turn.sin()], 1)


def test_path_through_data_stays_on_the_data_in_equal_steps():
    latents = ring()
    a, b = torch.tensor([1.0, 0.0]), torch.tensor([-1.0, 0.0])
    path = through_data(a, b, latents, steps=20, k=5)
    assert torch.equal(path[0], a)
    assert torch.equal(path[-1], b)
    assert float((path.norm(dim=1) - 1).abs().max()) < 0.01
    assert float(lerp(a, b, 20).norm(dim=1).min()) < 0.1
    steps = path.diff(dim=0).norm(dim=1)
    assert float(steps.sum()) == pytest.approx(torch.pi, rel=0.01)
    torch.testing.assert_close(steps, steps.mean().expand(19), rtol=0.01, atol=0)


def test_path_through_data_is_the_shortest_on_a_grid():
    """With 4 neighbours, a path between corners has at most the Manhattan length."""
    grid = torch.cartesian_prod(torch.arange(8.0), torch.arange(6.0))
    path = DataGraph(grid, k=4).path(grid[0], grid[-1], 200)
    assert float(path.diff(dim=0).norm(dim=1).sum()) <= 7 + 5 + 1e-6
    assert float(path.diff(dim=0).norm(dim=1).sum()) >= (49 + 25) ** 0.5


def test_graph_of_equal_latents_has_finite_paths():
    latents = ring().repeat_interleave(3, 0)
    path = through_data(latents[0], latents[-1], latents, steps=10, k=10)
    assert path.isfinite().all()
    assert float((path.norm(dim=1) - 1).abs().max()) < 0.01
    same = through_data(latents[5], latents[5], latents, steps=3)
    torch.testing.assert_close(same, latents[5].expand(3, 2))


def test_disconnected_graphs_and_too_few_latents_are_refused():
    latents = torch.cat([normal(50, 2), normal(50, 2, seed=1) + 100])
    with raises_code("no-path"):
        through_data(latents[0], latents[-1], latents)
    assert through_data(latents[0], latents[-1], latents, k=60).isfinite().all()
    with raises_code("too-few-latents"):
        through_data(latents[0], latents[1], latents[:5])
