"""Compare measures that no library offers in the same form with a second implementation."""

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.spatial import KDTree
from sklearn.metrics import accuracy_score
from sklearn.neighbors import KNeighborsClassifier
from torch import nn

import latentarium as la
from latentarium import presets
from latentarium.config import DataCard, OptimizerConfig
from latentarium.data.dataset import to_float, to_uint8
from latentarium.evaluation import gan_train as module
from latentarium.evaluation.active_units import active_units
from latentarium.evaluation.duality_gap import estimate_duality_gap
from latentarium.latent.gaps import distance_to_data, gap_share
from latentarium.metrics.coverage import mode_coverage
from latentarium.models.build import build
from latentarium.models.game import Loss, Player
from support.tiny import ModelStub, tiny_arrays, tiny_data


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_reverse_kl_of_modes_agrees_with_scipys_entropy():
    rng = np.random.default_rng(0)
    target = rng.dirichlet(np.ones(30))
    modes = rng.choice(30, size=400, p=rng.dirichlet(np.ones(30)))
    result = mode_coverage(torch.from_numpy(modes), 30, torch.from_numpy(target))
    counts = np.bincount(modes, minlength=30)
    assert result.reverse_kl == pytest.approx(stats.entropy(counts / 400, target))
    assert result.modes == len(np.unique(modes))


def test_gap_share_agrees_with_a_kd_tree_and_counting():
    latents, held, prior = draw(800, 4), draw(500, 4, seed=1), 1.4 * draw(700, 4, seed=2)
    tree = KDTree(latents.numpy())
    near, far = (tree.query(z.numpy(), k=5)[0][:, -1] for z in (held, prior))
    ours = [distance_to_data(latents, z) for z in (held, prior)]
    for distances, theirs in zip(ours, (near, far), strict=True):
        np.testing.assert_allclose(distances.numpy(), theirs, rtol=1e-6)
    result = gap_share(ours[1], ours[0], 0.95)
    assert result.share == np.mean(far > np.quantile(near, 0.95))


def test_active_units_agree_with_numpys_variances_of_the_means():
    card = DataCard(source="x", fingerprint="x", image_shape=(1, 8, 8))
    vae = build(presets.get("vae_debug").model, card).eval()
    images = torch.rand(120, 1, 8, 8) * 2 - 1
    with torch.no_grad():
        means = vae.encode(images).mean.numpy()
    threshold = float(np.median(means.var(0, ddof=1)))
    result = active_units(vae, images, threshold=threshold)
    assert result.count == np.sum(means.astype(np.float64).var(0, ddof=1) > threshold)


class LeastSquaresGame(ModelStub):
    """A game of one player with a least-squares loss: a linear map predicts the mean of an image's
    last row from those of the other rows."""

    def __init__(self) -> None:
        super().__init__(presets.get("gan_debug").model, tiny_data().card)
        self.part = nn.Linear(9, 1).double()

    @staticmethod
    def rows(x):
        rows = x.double().mean((1, 3))
        return rows[:, :9], rows[:, 9:10]

    def players(self) -> list[Player]:
        def loss(batch, noise) -> Loss:
            inputs, targets = self.rows(batch.x)
            return Loss((self.part(inputs) - targets).square().mean(), {})

        return [Player("fit", self.part, loss)]


def test_optimality_gap_of_least_squares_agrees_with_numpy():
    torch.manual_seed(0)
    split, model = tiny_data().train, LeastSquaresGame()
    inputs, targets = model.rows(to_float(split.images))
    with torch.no_grad():
        before = float((model.part(inputs) - targets).square().mean())
    design = np.hstack([inputs.numpy(), np.ones((len(inputs), 1))])
    best = np.linalg.lstsq(design, targets.numpy(), rcond=None)[0]
    optimum = float(np.square(design @ best - targets.numpy()).mean())
    result = estimate_duality_gap(
        model, split, split, optimizer=OptimizerConfig(learning_rate=0.03),
        response_steps=1500, batch_size=len(split), num_batches=2,
    )  # fmt: skip
    assert result.gains[0].before == pytest.approx(before)
    assert result.total == pytest.approx(before - optimum, rel=0.02)
    assert result.total <= before - optimum + 1e-9  # a lower bound


def test_gan_train_is_the_accuracy_of_a_classifier_trained_on_samples_only(monkeypatch):
    """With scikit-learn's nearest neighbour in place of the network."""
    images, labels = tiny_arrays(600)
    data = la.load_data(images, labels)

    class Nearest:
        def __init__(self, train):
            self.fitted = KNeighborsClassifier(1).fit(train.images.flatten(1), train.labels)

        def predict(self, images):
            return torch.from_numpy(self.fitted.predict(images.flatten(1)))

    monkeypatch.setattr(module, "train_classifier", lambda data, **_: Nearest(data.train))

    def sample(y):  # ignores the requested labels
        return to_float(torch.from_numpy(tiny_arrays(len(y), seed=3)[0]))

    result = module.gan_train(sample, data, n=90)
    requested = torch.arange(90) % 3
    theirs = KNeighborsClassifier(1).fit(to_uint8(sample(requested)).flatten(1), requested)
    expected = accuracy_score(data.test.labels, theirs.predict(data.test.images.flatten(1)))
    assert result.accuracy == pytest.approx(expected)
    assert result.ceiling > 0.95 > result.accuracy
