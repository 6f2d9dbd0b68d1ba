import math

import pytest
import torch
from sklearn.metrics import roc_auc_score

from latentarium.errors import UserError
from latentarium.metrics.conditional import confusion, label_histogram, wrong_label_auc
from latentarium.stats.intervals import wilson

N, K = 120, 3


@pytest.fixture(scope="module")
def pictures():
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(N) % K
    # one pixel that tells the class, coarse enough that scores tie
    images = (labels + torch.randn(N, generator=generator)).round().reshape(N, 1, 1, 1) / 5
    return images, labels


def near_its_class(images, labels):
    return -(5 * images.flatten() - labels).abs()


def test_confusion_counts_asked_against_judged():
    asked = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2, 2, 2])
    judged = torch.tensor([0, 0, 1, 1, 1, 0, 2, 2, 1, 1])
    found = confusion(asked, judged, 3)
    assert found.table.tolist() == [[2, 1, 0], [0, 2, 0], [1, 2, 2]]
    assert found.shares == pytest.approx((2 / 3, 1, 2 / 5))
    assert found.intervals[2] == wilson(2, 5)
    assert (found.adherence, found.worst_class, found.n) == (0.6, 2, 10)
    assert found.adherence_interval == wilson(6, 10)


def test_confusion_does_not_depend_on_order_and_its_transpose_swaps_the_roles():
    generator = torch.Generator().manual_seed(1)
    asked, judged = torch.randint(4, (2, 200), generator=generator)
    found = confusion(asked, judged, 4)
    order = torch.randperm(200, generator=generator)
    assert confusion(asked[order], judged[order], 4).adherence == found.adherence
    assert torch.equal(confusion(judged, asked, 4).table, found.table.T)


def test_a_class_never_asked_for_has_no_share_and_is_not_the_worst():
    found = confusion(torch.tensor([1, 1]), torch.tensor([1, 0]), 3)
    assert found.shares == (None, 0.5, None)
    assert found.worst_class == 1


@pytest.mark.parametrize("labels", [torch.tensor([], dtype=torch.long), torch.tensor([3])])
def test_labels_that_are_none_give_a_sentence(labels):
    for count in (lambda: confusion(labels, labels, 3), lambda: label_histogram(labels, 3)):
        with pytest.raises(UserError, match="give"):
            count()


def test_auc_is_scikit_learns_for_every_pair_ties_included(pictures):
    images, labels = pictures
    found = wrong_label_auc(near_its_class, images, labels, K, resamples=10, batch_size=50)
    for c in range(K):
        scores = near_its_class(images, torch.full((N,), c))
        for k in range(K):
            if k == c:
                assert found.table[c, k] == 0.5
                continue
            pair = (labels == c) | (labels == k)
            expected = roc_auc_score((labels[pair] == c).numpy(), scores[pair].numpy())
            assert float(found.table[c, k]) == pytest.approx(expected, abs=1e-12)
    pairs = [float(found.table[c, k]) for c in range(K) for k in range(K) if c != k]
    assert found.mean == pytest.approx(sum(pairs) / 6)
    assert found.minimum == min(pairs) == float(found.table[found.minimum_pair])
    assert found.counts.tolist() == [40, 40, 40]


def test_the_auc_interval_is_as_wide_as_fresh_draws_spread(pictures):
    images, labels = pictures
    found = wrong_label_auc(near_its_class, images, labels, K, resamples=400)
    low, high = found.mean_interval
    assert low < found.mean < high
    generator, means = torch.Generator().manual_seed(7), []
    for _ in range(60):
        fresh = (labels + torch.randn(N, generator=generator)).round().reshape(N, 1, 1, 1) / 5
        means.append(wrong_label_auc(near_its_class, fresh, labels, K, resamples=2).mean)
    spread = float(torch.tensor(means).std())
    assert high - low == pytest.approx(2 * 1.96 * spread, rel=0.35)
    assert found.minimum_interval[0] <= found.minimum


def test_auc_is_one_for_a_perfect_discriminator_and_half_for_a_blind_one(pictures):
    _, labels = pictures
    images = labels.float().reshape(N, 1, 1, 1) / 5
    perfect = wrong_label_auc(near_its_class, images, labels, K, resamples=20)
    assert (perfect.mean, perfect.minimum) == pytest.approx((1, 1))
    assert perfect.mean_interval == pytest.approx((1, 1))
    blind = wrong_label_auc(lambda x, y: torch.zeros(len(x)), images, labels, K, resamples=20)
    assert blind.mean == pytest.approx(0.5)
    # and one that sees only realism, the same under every label, can't be above 1/2 both ways
    realism = wrong_label_auc(lambda x, y: x.flatten(), images, labels, K, resamples=20)
    torch.testing.assert_close(realism.table + realism.table.T, torch.ones(K, K).double())


def test_stored_pixels_reach_the_score_as_models_see_them(pictures):
    _, labels = pictures
    pixels = torch.full((N, 1, 2, 2), 255, dtype=torch.uint8)
    seen = []

    def score(images, asked):
        seen.append((float(images.max()), images.dtype, asked.tolist()))
        return images.flatten(1).sum(1)

    wrong_label_auc(score, pixels, labels, K, resamples=2, batch_size=N)
    assert seen == [(1.0, torch.float32, [c] * N) for c in range(K)]


def test_auc_leaves_out_a_class_without_images(pictures):
    images, labels = pictures
    whole = wrong_label_auc(near_its_class, images, labels, K, resamples=10)
    found = wrong_label_auc(near_its_class, images, labels, K + 1, resamples=10)
    assert (found.mean, found.minimum_pair) == (whole.mean, whole.minimum_pair)
    assert torch.equal(found.table[:K, :K], whole.table)
    assert bool(found.table[K].isnan().all())


def test_auc_where_classes_are_missing_or_a_score_is_broken_gives_a_sentence(pictures):
    images, labels = pictures
    with pytest.raises(UserError, match="at least 2 classes"):
        wrong_label_auc(near_its_class, images, torch.zeros_like(labels), 3)
    with pytest.raises(UserError, match="at least 2 classes"):
        wrong_label_auc(near_its_class, images, torch.zeros_like(labels), 1)
    with pytest.raises(UserError, match="condition 0 are not finite"):
        wrong_label_auc(lambda x, y: x.flatten() / 0, images, labels, K)


def test_histogram_has_the_entropy_of_its_shares():
    even = label_histogram(torch.arange(40) % 4, 4)
    assert even.entropy == pytest.approx(math.log(4)) == pytest.approx(even.max_entropy)
    assert even.intervals[0] == wilson(10, 40)
    one = label_histogram(torch.full((9,), 2), 4)
    assert (one.counts, one.entropy) == ((0, 0, 9, 0), 0)
    three_to_one = label_histogram(torch.tensor([0, 0, 0, 1]), 2)
    assert three_to_one.entropy == pytest.approx(math.log(4) - 0.75 * math.log(3))
