import math

import pytest
import torch
from sklearn.metrics import roc_auc_score

from latentarium.metrics.conditional import confusion, label_histogram
from latentarium.metrics.wrong_label import wrong_label_auc
from latentarium.stats.shares import clopper_pearson, mean_over_pairs
from support.errors import raises_code

N, K = 120, 3


@pytest.fixture(scope="module")
def pictures():
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(N) % K
    # one pixel that depends on the class, rounded so that scores tie
    images = (labels + torch.randn(N, generator=generator)).round().reshape(N, 1, 1, 1) / 5
    return images, labels


def class_score(images, labels):
    return -(5 * images.flatten() - labels).abs()


def test_confusion_counts_requested_against_predicted_classes():
    requested = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2, 2, 2])
    predicted = torch.tensor([0, 0, 1, 1, 1, 0, 2, 2, 1, 1])
    result = confusion(requested, predicted, 3)
    assert result.table.tolist() == [[2, 1, 0], [0, 2, 0], [1, 2, 2]]
    assert result.shares == pytest.approx((2 / 3, 1, 2 / 5))
    assert result.intervals[2] == clopper_pearson(2 / 5, 5)
    assert (result.adherence, result.worst_class, result.n) == (0.6, 2, 10)
    assert result.adherence_interval == clopper_pearson(6 / 10, 10)


def test_confusion_ignores_order_and_transposes_if_the_arguments_swap():
    generator = torch.Generator().manual_seed(1)
    requested, predicted = torch.randint(4, (2, 200), generator=generator)
    result = confusion(requested, predicted, 4)
    order = torch.randperm(200, generator=generator)
    assert confusion(requested[order], predicted[order], 4).adherence == result.adherence
    assert torch.equal(confusion(predicted, requested, 4).table, result.table.T)


def test_class_never_requested_has_no_share_and_is_not_the_worst():
    result = confusion(torch.tensor([1, 1]), torch.tensor([1, 0]), 3)
    assert result.shares == (None, 0.5, None)
    assert result.worst_class == 1


def test_interval_of_the_worst_class_is_simultaneous_over_the_requested_classes():
    requested = torch.arange(400) % 4  # of five classes, four are requested
    predicted = requested.clone()
    predicted[requested == 2] = (torch.arange(100) < 90).long() * 2
    result = confusion(requested, predicted, 5)
    assert result.worst_class == 2
    assert result.worst_interval == clopper_pearson(0.9, 100, 1 - 0.05 / 4)
    alone = result.intervals[2]
    assert alone is not None
    assert result.worst_interval[0] < alone[0] < alone[1] < result.worst_interval[1]


def test_intervals_of_the_rarest_and_commonest_class_are_simultaneous():
    result = label_histogram(torch.tensor([0] * 10 + [1] * 30 + [2] * 60), 3)
    for alone, together in zip(result.intervals, result.simultaneous_intervals, strict=True):
        assert together[0] < alone[0] < alone[1] < together[1]
    assert result.simultaneous_intervals[0] == clopper_pearson(0.1, 100, 1 - 0.05 / 3)


def test_interval_of_the_hardest_pair_is_simultaneous_over_all_pairs(pictures):
    images, labels = pictures
    result = wrong_label_auc(class_score, images, labels, K)
    assert result.minimum_interval == mean_over_pairs(result.minimum, 40, 40, 1 - 0.05 / 6)


@pytest.mark.parametrize("labels", [torch.tensor([], dtype=torch.long), torch.tensor([3])])
def test_missing_or_invalid_labels_are_refused(labels):
    for count in (lambda: confusion(labels, labels, 3), lambda: label_histogram(labels, 3)):
        with raises_code("invalid-label" if len(labels) else "no-images"):
            count()


def test_auc_agrees_with_scikit_learn_for_every_pair_including_ties(pictures):
    images, labels = pictures
    result = wrong_label_auc(class_score, images, labels, K, batch_size=50)
    for c in range(K):
        scores = class_score(images, torch.full((N,), c))
        for k in range(K):
            if k == c:
                assert result.table[c, k] == 0.5
                continue
            pair = (labels == c) | (labels == k)
            expected = roc_auc_score((labels[pair] == c).numpy(), scores[pair].numpy())
            assert float(result.table[c, k]) == pytest.approx(expected, abs=1e-12)
    pairs = [float(result.table[c, k]) for c in range(K) for k in range(K) if c != k]
    assert result.mean == pytest.approx(sum(pairs) / 6)
    assert result.minimum == min(pairs) == float(result.table[result.minimum_pair])
    assert result.counts.tolist() == [40, 40, 40]


def test_auc_interval_is_as_wide_as_the_spread_of_new_samples(pictures):
    images, labels = pictures
    result = wrong_label_auc(class_score, images, labels, K)
    low, high = result.mean_interval
    assert low < result.mean < high
    generator, means = torch.Generator().manual_seed(7), []
    for _ in range(60):
        fresh = (labels + torch.randn(N, generator=generator)).round().reshape(N, 1, 1, 1) / 5
        means.append(wrong_label_auc(class_score, fresh, labels, K).mean)
    spread = float(torch.tensor(means).std())
    assert high - low == pytest.approx(2 * 1.96 * spread, rel=0.35)
    assert result.minimum_interval[0] <= result.minimum


def test_auc_is_one_for_a_perfect_discriminator_and_half_for_a_blind_one(pictures):
    _, labels = pictures
    images = labels.float().reshape(N, 1, 1, 1) / 5
    perfect = wrong_label_auc(class_score, images, labels, K)
    assert (perfect.mean, perfect.minimum) == pytest.approx((1, 1))
    # an image that loses all of its comparisons would have been missed with a chance of 2.5 %
    assert perfect.mean_interval == pytest.approx((0.025 ** (2 / (K * 40)), 1))
    blind = wrong_label_auc(lambda x, y: torch.zeros(len(x)), images, labels, K)
    assert blind.mean == pytest.approx(0.5)
    # a score that ignores the label can't exceed 1/2 for both orders of a pair
    realism = wrong_label_auc(lambda x, y: x.flatten(), images, labels, K)
    torch.testing.assert_close(realism.table + realism.table.T, torch.ones(K, K).double())


def test_uint8_images_reach_the_score_as_floats(pictures):
    _, labels = pictures
    pixels = torch.full((N, 1, 2, 2), 255, dtype=torch.uint8)
    calls = []

    def score(images, y):
        calls.append((float(images.max()), images.dtype, y.tolist()))
        return images.flatten(1).sum(1)

    wrong_label_auc(score, pixels, labels, K, batch_size=N)
    assert calls == [(1.0, torch.float32, [c] * N) for c in range(K)]


def test_auc_leaves_out_classes_without_images(pictures):
    images, labels = pictures
    expected = wrong_label_auc(class_score, images, labels, K)
    result = wrong_label_auc(class_score, images, labels, K + 1)
    assert (result.mean, result.minimum_pair) == (expected.mean, expected.minimum_pair)
    assert torch.equal(result.table[:K, :K], expected.table)
    assert bool(result.table[K].isnan().all())


def test_auc_refuses_a_single_class_and_non_finite_scores(pictures):
    images, labels = pictures
    with raises_code("too-few-classes"):
        wrong_label_auc(class_score, images, torch.zeros_like(labels), 3)
    with raises_code("too-few-classes"):
        wrong_label_auc(class_score, images, torch.zeros_like(labels), 1)
    with raises_code("not-finite"):
        wrong_label_auc(lambda x, y: x.flatten() / 0, images, labels, K)


def test_histogram_entropy_is_that_of_its_shares():
    even = label_histogram(torch.arange(40) % 4, 4)
    assert even.entropy == pytest.approx(math.log(4)) == pytest.approx(even.max_entropy)
    assert even.intervals[0] == clopper_pearson(10 / 40, 40)
    single = label_histogram(torch.full((9,), 2), 4)
    assert (single.counts, single.entropy) == ((0, 0, 9, 0), 0)
    three_to_one = label_histogram(torch.tensor([0, 0, 0, 1]), 2)
    assert three_to_one.entropy == pytest.approx(math.log(4) - 0.75 * math.log(3))
