"""What must not matter does not: the order of images, the names of modes. What must, does."""

import pytest
import torch

from latentarium import presets
from latentarium.config import DataCard
from latentarium.data.dataset import Split
from latentarium.data.toy import ring
from latentarium.evaluation.likelihood import active_units, elbo, importance_nll
from latentarium.evaluation.subject import scattered
from latentarium.latent.gaps import distance_to_data, gap_share, judge_entropy
from latentarium.metrics.conditional import wrong_label_auc
from latentarium.metrics.coverage import mixture_quality, mode_coverage
from latentarium.metrics.distances import kernel_distance
from latentarium.metrics.fidelity import precision_recall
from latentarium.metrics.parzen import parzen
from latentarium.metrics.reconstruction import reconstruction
from latentarium.models.build import build


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def shuffled(n, seed=7):
    return torch.randperm(n, generator=torch.Generator().manual_seed(seed))


def pictures(n, seed=0):
    return torch.rand(n, 1, 8, 8, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_reconstruction_looks_at_pairs_in_any_order_but_at_no_other_pairs():
    x = pictures(60)
    y = (x + 0.1 * draw(60, 1, 8, 8)).clamp(-1, 1)
    order = shuffled(60)
    whole, again, wrong = (
        reconstruction(a, b) for a, b in ((x, y), (x[order], y[order]), (x, y[order]))
    )
    for key in ("mse", "psnr", "ssim"):
        found = getattr(whole, key).value
        assert getattr(again, key).value == pytest.approx(found, rel=1e-5)
    assert wrong.mse.value > 5 * whole.mse.value
    assert wrong.ssim.value < whole.ssim.value - 0.3
    one = reconstruction(x[:1], x[:1])
    assert (one.mse.value, one.ssim.value) == (0, pytest.approx(1))


def test_a_kernel_distance_of_permuted_rows_is_itself_within_its_error():
    a, b = draw(800, 6), 0.8 * draw(800, 6, seed=1)
    found = kernel_distance(a, b, subset_size=200)
    again = kernel_distance(a[shuffled(800)], b[shuffled(800, 8)], subset_size=200)
    error = (found.interval[1] - found.interval[0]) / 4
    assert again.value == pytest.approx(found.value, abs=2 * error)
    assert found.interval[0] > 0  # and the sets do differ
    same = kernel_distance(a, draw(800, 6, seed=3), subset_size=200)
    assert same.interval[0] < 0 < same.interval[1]


def test_precision_and_its_images_follow_a_permutation():
    real, fake = draw(300, 5), draw(200, 5, seed=1) + 0.5
    order = shuffled(200)
    whole, again = precision_recall(real, fake), precision_recall(real[shuffled(300)], fake[order])
    assert (again.precision, again.recall) == (whole.precision, whole.recall)
    assert torch.equal(again.precise, whole.precise[order])


def test_a_wrong_label_auc_follows_its_images_and_a_blind_score_knows_no_label():
    x, labels = pictures(90), torch.arange(90) % 3
    x += 0.4 * labels.view(-1, 1, 1, 1)

    def score(images, asked):
        return -(images.mean((1, 2, 3)) - 0.4 * asked).abs()

    order = shuffled(90)
    whole = wrong_label_auc(score, x, labels, 3)
    again = wrong_label_auc(score, x[order], labels[order], 3)
    torch.testing.assert_close(again.table, whole.table)
    mixed = wrong_label_auc(score, x, labels[order], 3)
    assert whole.mean > 0.9
    assert mixed.mean == pytest.approx(0.5, abs=0.15)


def test_gaps_are_those_of_the_codes_in_any_order():
    codes, held, prior = draw(500, 3), draw(300, 3, seed=1), 1.5 * draw(400, 3, seed=2)
    order = shuffled(500)
    near, far = distance_to_data(codes, held), distance_to_data(codes, prior)
    torch.testing.assert_close(distance_to_data(codes[order], prior), far)
    again = gap_share(far[shuffled(400)], near[shuffled(300)])
    whole = gap_share(far, near)
    assert (again.share, again.threshold) == (whole.share, whole.threshold)
    assert again.interval == whole.interval
    scores = torch.softmax(draw(50, 4), 1)
    torch.testing.assert_close(judge_entropy(scores[:, shuffled(4)]), judge_entropy(scores))


def test_coverage_does_not_know_the_modes_by_name():
    modes = torch.multinomial(torch.tensor([0.5, 0.3, 0.2, 0.0]), 600, replacement=True,
                              generator=torch.Generator().manual_seed(0))  # fmt: skip
    names = torch.tensor([2, 0, 3, 1])
    whole, renamed = mode_coverage(modes, 4), mode_coverage(names[modes], 4)
    ordered = mode_coverage(modes.sort().values, 4)
    assert renamed.reverse_kl == pytest.approx(whole.reverse_kl)
    assert renamed.modes == whole.modes == 3
    assert renamed.floor == pytest.approx(whole.floor, rel=0.05)  # from other draws
    assert ordered == whole
    points = ring().sample(500)
    found, again = mixture_quality(points, ring()), mixture_quality(points[shuffled(500)], ring())
    assert found == again


def test_a_parzen_window_is_the_same_for_samples_in_any_order():
    samples, valid, test = (draw(200, 1, 3, 3, seed=s) / 3 for s in range(3))
    whole = parzen(samples, valid, test)
    again = parzen(samples[shuffled(200)], valid[shuffled(200)], test)
    assert again.sigma == whole.sigma
    assert again.log_likelihood == pytest.approx(whole.log_likelihood, rel=1e-5)


@pytest.fixture(scope="module")
def vae():
    torch.manual_seed(0)
    card = DataCard(source="x", fingerprint="x", image_shape=(1, 8, 8), classes=())
    return build(presets.get("vae_debug").model, card).eval()


def test_likelihoods_are_those_of_the_images_in_any_order(vae):
    """To the error of the draws, which are the image's by its place."""
    x, order = pictures(40), shuffled(40)
    for measure, error in (
        (lambda images: elbo(vae, images, samples=200).per_image, 0.05),
        (lambda images: importance_nll(vae, images, samples=400).per_image, 0.05),
    ):
        torch.testing.assert_close(measure(x)[order], measure(x[order]), rtol=error, atol=0)
    whole, again = active_units(vae, x), active_units(vae, x[order])
    torch.testing.assert_close(again.variances, whole.variances)
    assert again.count == whole.count


def test_one_image_over_and_over_activates_no_unit(vae):
    found = active_units(vae, pictures(1).repeat(30, 1, 1, 1))
    assert found.count == 0
    assert found.interval == (0, 0)


def test_a_split_keeps_labels_beside_their_images():
    split = Split(torch.arange(10, dtype=torch.uint8).view(10, 1, 1, 1), torch.arange(10))
    some = scattered(split, 6)
    assert some.labels is not None
    assert torch.equal(some.images.flatten().long(), some.labels)
