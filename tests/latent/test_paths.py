from itertools import pairwise

import pytest
import torch

from latentarium.errors import UserError
from latentarium.latent.paths import DataGraph, lerp, slerp, through_data


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def angle(u, v):
    u, v = u.double(), v.double()
    return torch.atan2((u * v.norm() - v * u.norm()).norm(), (u * v.norm() + v * u.norm()).norm())


def test_lerp_is_straight_and_even():
    a, b = normal(2, 8)
    path = lerp(a, b, 5)
    assert torch.equal(path[0], a)
    assert torch.equal(path[-1], b)
    torch.testing.assert_close(path.diff(dim=0), ((b - a) / 4).expand(4, 8))


def test_slerp_keeps_the_norm_and_turns_evenly_in_the_plane_of_its_ends():
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


def test_slerp_turned_round_is_the_same_way_back():
    a, b = normal(2, 6).double()
    torch.testing.assert_close(slerp(a, b, 7), slerp(b, a, 7).flip(0))


@pytest.mark.parametrize("nudge", [0.0, 1e-12, 1e-8, 1e-7, 1e-5, 1e-3])
def test_slerp_of_near_parallel_latents_stays_finite_and_between(nudge):
    a = normal(5).double()
    b = a.clone()
    b[0] += nudge
    path = slerp(a, b, 4)
    torch.testing.assert_close(path, lerp(a, b, 4), rtol=0, atol=max(nudge**2, 1e-12))


def test_slerp_without_a_direction_gives_a_sentence():
    a = normal(5)
    with pytest.raises(UserError, match="opposite"):
        slerp(a, -2 * a)
    with pytest.raises(UserError, match="use lerp"):
        slerp(a, torch.zeros(5))
    for way in (lerp, slerp):
        with pytest.raises(UserError, match="at least 2"):
            way(a, a, 1)


def ring(n=400):
    """A circle without the stretch around its lowest point."""
    turn = torch.linspace(-0.4, torch.pi + 0.4, n)
    return torch.stack([turn.cos(), turn.sin()], 1)


def test_the_way_through_data_keeps_to_the_data_where_the_straight_one_leaves_it():
    codes = ring()
    a, b = torch.tensor([1.0, 0.0]), torch.tensor([-1.0, 0.0])
    path = through_data(a, b, codes, steps=20, k=5)
    assert torch.equal(path[0], a)
    assert torch.equal(path[-1], b)
    assert float((path.norm(dim=1) - 1).abs().max()) < 0.01
    assert float(lerp(a, b, 20).norm(dim=1).min()) < 0.1
    steps = path.diff(dim=0).norm(dim=1)
    assert float(steps.sum()) == pytest.approx(torch.pi, rel=0.01)
    torch.testing.assert_close(steps, steps.mean().expand(19), rtol=0.01, atol=0)


def test_the_way_is_the_shortest_on_a_lattice():
    """Joined to 4 neighbours, the way between corners of a lattice has the taxicab length."""
    grid = torch.cartesian_prod(torch.arange(8.0), torch.arange(6.0))
    path = DataGraph(grid, k=4).path(grid[0], grid[-1], 200)
    assert float(path.diff(dim=0).norm(dim=1).sum()) <= 7 + 5 + 1e-6
    assert float(path.diff(dim=0).norm(dim=1).sum()) >= (49 + 25) ** 0.5


def test_codes_that_coincide_do_not_break_the_graph():
    codes = ring().repeat_interleave(3, 0)
    path = through_data(codes[0], codes[-1], codes, steps=10, k=10)
    assert path.isfinite().all()
    assert float((path.norm(dim=1) - 1).abs().max()) < 0.01
    same = through_data(codes[5], codes[5], codes, steps=3)
    torch.testing.assert_close(same, codes[5].expand(3, 2))


def test_modes_that_no_neighbour_joins_give_a_sentence():
    codes = torch.cat([normal(50, 2), normal(50, 2, seed=1) + 100])
    with pytest.raises(UserError, match="larger k"):
        through_data(codes[0], codes[-1], codes)
    assert through_data(codes[0], codes[-1], codes, k=60).isfinite().all()
    with pytest.raises(UserError, match="codes"):
        through_data(codes[0], codes[1], codes[:5])
