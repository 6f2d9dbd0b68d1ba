import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from latentarium.latent.neighbours import NeighbourSearch, knn_accuracy, nearest
from latentarium.stats.shares import clopper_pearson
from support.errors import raises_code


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("dimensions", [2, 32])  # sklearn uses a tree, then brute force
def test_nearest_equals_the_sorted_distances(dimensions):
    latents, query = normal(300, dimensions), normal(40, dimensions, seed=1)
    table = (query[:, None].double() - latents.double()).norm(dim=2)
    expected = table.topk(7, largest=False)
    found = nearest(latents, query, 7)
    torch.testing.assert_close(found.distance, expected.values)
    assert torch.equal(found.index, expected.indices)


def test_latent_is_its_own_nearest():
    latents = normal(30, 4)
    found = nearest(latents, latents, 1)
    assert found.index[:, 0].tolist() == list(range(30))
    assert float(found.distance.max()) == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("dimensions", [2, 15, 16, 100])
@pytest.mark.parametrize("queries", [1, 16, 17])
@pytest.mark.parametrize("offset", [0, 1000])
def test_search_equals_scikit_learn(dtype, dimensions, queries, offset):
    points = (normal(2000, dimensions).numpy() + offset).astype(dtype)
    query = (normal(queries, dimensions, seed=1).numpy() + offset).astype(dtype)
    expected, index = (
        NearestNeighbors(algorithm="brute")
        .fit(points.astype(float))
        .kneighbors(query.astype(float), 5)
    )
    found = NeighbourSearch(points)(query, 5)
    assert found.distance.dtype == torch.float64
    np.testing.assert_allclose(found.distance.numpy(), expected, rtol=1e-7)
    np.testing.assert_array_equal(found.index.numpy(), index)


@pytest.mark.parametrize("dimensions", [3, 20])
def test_search_finds_equal_points_and_all_points(dimensions):
    points = np.repeat(normal(10, dimensions).double().numpy(), 3, axis=0)
    found = NeighbourSearch(points)(points[4:5], len(points))
    assert sorted(found.index[0].tolist()) == list(range(30))
    assert sorted(found.index[0, :3].tolist()) == [3, 4, 5]
    assert found.distance[0, :3].tolist() == [0, 0, 0]
    assert bool((found.distance[0].diff() >= 0).all())


@pytest.mark.parametrize("k", [0, 31])
def test_invalid_k_is_refused(k):
    with raises_code("too-few-latents"):
        nearest(normal(30, 2), normal(3, 2), k)


def test_latents_that_are_not_finite_are_refused():
    with raises_code("not-finite"):
        nearest(normal(30, 2) / 0, normal(3, 2))


def test_accuracy_equals_a_majority_vote():
    train, test = normal(120, 3), normal(50, 3, seed=1)
    train_y = (train[:, 0] > 0).long() + (train[:, 1] > 0).long()
    test_y = (test[:, 0] > 0).long() + (test[:, 1] > 0).long()
    votes = torch.nn.functional.one_hot(train_y[nearest(train, test, 5).index], 3).sum(1)
    hits = int((votes.argmax(1) == test_y).sum())
    found = knn_accuracy(train, train_y, test, test_y, k=5)
    assert found.value == hits / 50
    assert found.interval == clopper_pearson(hits / 50, 50)
    assert found.protocol == "knn-accuracy-k5-train120"


def test_accuracy_is_one_for_separated_classes_and_chance_for_random_labels():
    labels = torch.arange(400) % 4
    apart = normal(400, 2) + 50 * torch.stack([labels // 2, labels % 2], 1)
    assert knn_accuracy(apart, labels, apart + 0.1, labels).value == 1
    blind = knn_accuracy(normal(400, 2), labels, normal(400, 2, seed=1), labels)
    assert blind.interval is not None
    assert blind.interval[0] < 0.25 < blind.interval[1]
