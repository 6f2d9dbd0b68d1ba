import pytest
import torch

from latentarium.errors import UserError
from latentarium.latent.neighbours import knn_accuracy, nearest
from latentarium.stats.intervals import wilson


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("dimensions", [2, 32])  # a tree and brute force
def test_nearest_is_the_sorted_distance_table(dimensions):
    codes, query = normal(300, dimensions), normal(40, dimensions, seed=1)
    table = (query[:, None].double() - codes.double()).norm(dim=2)
    expected = table.topk(7, largest=False)
    found = nearest(codes, query, 7)
    torch.testing.assert_close(found.distance, expected.values)
    assert torch.equal(found.index, expected.indices)


def test_a_code_is_its_own_nearest():
    codes = normal(30, 4)
    found = nearest(codes, codes, 1)
    assert found.index[:, 0].tolist() == list(range(30))
    assert float(found.distance.max()) == 0


@pytest.mark.parametrize("k", [0, 31])
def test_more_neighbours_than_codes_give_a_sentence(k):
    with pytest.raises(UserError, match="give 1 to 30"):
        nearest(normal(30, 2), normal(3, 2), k)


def test_latents_that_are_not_finite_give_a_sentence():
    with pytest.raises(UserError, match="not finite"):
        nearest(normal(30, 2) / 0, normal(3, 2))


def test_accuracy_is_that_of_a_vote_by_hand():
    train, test = normal(120, 3), normal(50, 3, seed=1)
    train_y = (train[:, 0] > 0).long() + (train[:, 1] > 0).long()
    test_y = (test[:, 0] > 0).long() + (test[:, 1] > 0).long()
    votes = torch.nn.functional.one_hot(train_y[nearest(train, test, 5).index], 3).sum(1)
    hits = int((votes.argmax(1) == test_y).sum())
    found = knn_accuracy(train, train_y, test, test_y, k=5)
    assert found.value == hits / 50
    assert found.interval == wilson(hits, 50)
    assert found.protocol == "knn-accuracy-k5-train120"


def test_accuracy_is_one_for_classes_apart_and_chance_for_labels_that_say_nothing():
    labels = torch.arange(400) % 4
    apart = normal(400, 2) + 50 * torch.stack([labels // 2, labels % 2], 1)
    assert knn_accuracy(apart, labels, apart + 0.1, labels).value == 1
    blind = knn_accuracy(normal(400, 2), labels, normal(400, 2, seed=1), labels)
    assert blind.interval is not None
    assert blind.interval[0] < 0.25 < blind.interval[1]
