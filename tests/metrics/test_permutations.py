"""Invariances: the order of images and the numbering of modes don't matter; pairings do."""

import pytest
import torch

from latentarium import presets
from latentarium.config import DataCard
from latentarium.data.dataset import Split
from latentarium.data.subsets import scattered
from latentarium.data.toy import ring
from latentarium.evaluation.active_units import active_units
from latentarium.evaluation.likelihood import elbo, importance_nll
from latentarium.latent.gaps import classifier_entropy, distance_to_data, gap_share
from latentarium.metrics.coverage import mixture_quality, mode_coverage
from latentarium.metrics.distances import kernel_distance
from latentarium.metrics.fidelity import precision_recall
from latentarium.metrics.parzen import parzen_log_likelihood
from latentarium.metrics.reconstruction import measure_reconstruction
from latentarium.metrics.wrong_label import wrong_label_auc
from latentarium.models.build import build


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def permutation(n, seed=7):
    return torch.randperm(n, generator=torch.Generator().manual_seed(seed))


def random_images(n, seed=0):
    return torch.rand(n, 1, 8, 8, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_reconstruction_depends_on_pairs_but_not_on_their_order():
    x = random_images(60)
    y = (x + 0.1 * draw(60, 1, 8, 8)).clamp(-1, 1)
    order = permutation(60)
    expected, again, wrong = (
        measure_reconstruction(a, b) for a, b in ((x, y), (x[order], y[order]), (x, y[order]))
    )
    for key in ("mse", "psnr", "ssim"):
        result = getattr(expected, key).value
        assert getattr(again, key).value == pytest.approx(result, rel=1e-5)
    assert wrong.mse.value > 5 * expected.mse.value
    assert wrong.ssim.value < expected.ssim.value - 0.3
    single = measure_reconstruction(x[:1], x[:1])
    assert (single.mse.value, single.ssim.value) == (0, pytest.approx(1))


def test_kernel_distance_of_permuted_rows_agrees_within_its_error():
    a, b = draw(800, 6), 0.8 * draw(800, 6, seed=1)
    result = kernel_distance(a, b, subset_size=200)
    again = kernel_distance(a[permutation(800)], b[permutation(800, 8)], subset_size=200)
    error = (result.interval[1] - result.interval[0]) / 4
    assert again.value == pytest.approx(result.value, abs=2 * error)
    assert result.interval[0] > 0  # the sets differ
    same = kernel_distance(a, draw(800, 6, seed=3), subset_size=200)
    assert same.interval[0] < 0 < same.interval[1]


def test_precision_of_each_image_follows_a_permutation():
    real, fake = draw(300, 5), draw(200, 5, seed=1) + 0.5
    order = permutation(200)
    expected, again = (
        precision_recall(real, fake),
        precision_recall(real[permutation(300)], fake[order]),
    )
    assert (again.precision, again.recall) == (expected.precision, expected.recall)
    assert torch.equal(again.precise, expected.precise[order])


def test_wrong_label_auc_ignores_order_and_is_half_for_mixed_labels():
    x, labels = random_images(90), torch.arange(90) % 3
    x += 0.4 * labels.view(-1, 1, 1, 1)

    def score(images, y):
        return -(images.mean((1, 2, 3)) - 0.4 * y).abs()

    order = permutation(90)
    expected = wrong_label_auc(score, x, labels, 3)
    again = wrong_label_auc(score, x[order], labels[order], 3)
    torch.testing.assert_close(again.table, expected.table)
    mixed = wrong_label_auc(score, x, labels[order], 3)
    assert expected.mean > 0.9
    assert mixed.mean == pytest.approx(0.5, abs=0.15)


def test_gap_share_ignores_the_order_of_latents():
    latents, held, prior = draw(500, 3), draw(300, 3, seed=1), 1.5 * draw(400, 3, seed=2)
    order = permutation(500)
    near, far = distance_to_data(latents, held), distance_to_data(latents, prior)
    torch.testing.assert_close(distance_to_data(latents[order], prior), far)
    again = gap_share(far[permutation(400)], near[permutation(300)])
    expected = gap_share(far, near)
    assert (again.share, again.threshold) == (expected.share, expected.threshold)
    assert again.interval == expected.interval
    scores = torch.softmax(draw(50, 4), 1)
    torch.testing.assert_close(
        classifier_entropy(scores[:, permutation(4)]), classifier_entropy(scores)
    )


def test_mode_coverage_ignores_the_numbering_of_modes():
    modes = torch.multinomial(torch.tensor([0.5, 0.3, 0.2, 0.0]), 600, replacement=True,
                              generator=torch.Generator().manual_seed(0))  # fmt: skip
    numbers = torch.tensor([2, 0, 3, 1])
    expected, renumbered = mode_coverage(modes, 4), mode_coverage(numbers[modes], 4)
    ordered = mode_coverage(modes.sort().values, 4)
    assert renumbered.reverse_kl == pytest.approx(expected.reverse_kl)
    assert renumbered.modes == expected.modes == 3
    assert renumbered.reference == pytest.approx(
        expected.reference, rel=0.05
    )  # resampled differently
    assert ordered == expected
    points = ring().sample(500)
    result, again = (
        mixture_quality(points, ring()),
        mixture_quality(points[permutation(500)], ring()),
    )
    assert result == again


def test_parzen_log_likelihood_ignores_the_order_of_samples():
    samples, valid, test = (draw(200, 1, 3, 3, seed=s) / 3 for s in range(3))
    expected = parzen_log_likelihood(samples, valid, test)
    again = parzen_log_likelihood(samples[permutation(200)], valid[permutation(200)], test)
    assert again.sigma == expected.sigma
    assert again.log_likelihood == pytest.approx(expected.log_likelihood, rel=1e-5)


@pytest.fixture(scope="module")
def vae():
    torch.manual_seed(0)
    card = DataCard(source="x", fingerprint="x", image_shape=(1, 8, 8), classes=())
    return build(presets.get("vae_debug").model, card).eval()


def test_likelihood_of_an_image_does_not_depend_on_its_position(vae):
    """Up to Monte Carlo error, since the noise depends on the position."""
    x, order = random_images(40), permutation(40)
    for measure, error in (
        (lambda images: elbo(vae, images, samples=200).per_image, 0.05),
        (lambda images: importance_nll(vae, images, samples=400).per_image, 0.05),
    ):
        torch.testing.assert_close(measure(x)[order], measure(x[order]), rtol=error, atol=0)
    expected, again = active_units(vae, x), active_units(vae, x[order])
    torch.testing.assert_close(again.variances, expected.variances)
    assert again.count == expected.count


def test_identical_images_activate_no_unit(vae):
    result = active_units(vae, random_images(1).repeat(30, 1, 1, 1))
    assert result.count == 0
    assert result.interval == (0, 0)


def test_subset_keeps_each_label_with_its_image():
    split = Split(torch.arange(10, dtype=torch.uint8).view(10, 1, 1, 1), torch.arange(10))
    subset = scattered(split, 6)
    assert subset.labels is not None
    assert torch.equal(subset.images.flatten().long(), subset.labels)
