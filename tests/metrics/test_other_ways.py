"""Quantities that no library has in our form, beside a second way to compute them from scratch."""

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.spatial import KDTree
from sklearn.metrics import accuracy_score
from sklearn.neighbors import KNeighborsClassifier
from torch import nn

import latentarium as la
from conftest import Mute, tiny_arrays, tiny_data
from latentarium import presets
from latentarium.config import DataCard, OptimizerConfig
from latentarium.data.dataset import to_float, to_uint8
from latentarium.evaluation import gan_train as module
from latentarium.evaluation.duality_gap import exploitability
from latentarium.evaluation.likelihood import active_units
from latentarium.latent.gaps import distance_to_data, gap_share
from latentarium.metrics.coverage import mode_coverage
from latentarium.models.build import build
from latentarium.models.game import Loss, Player


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_the_reverse_kl_of_modes_is_scipys_entropy():
    rng = np.random.default_rng(0)
    target = rng.dirichlet(np.ones(30))
    modes = rng.choice(30, size=400, p=rng.dirichlet(np.ones(30)))
    found = mode_coverage(torch.from_numpy(modes), 30, torch.from_numpy(target))
    counts = np.bincount(modes, minlength=30)
    assert found.reverse_kl == pytest.approx(stats.entropy(counts / 400, target))
    assert found.modes == len(np.unique(modes))


def test_the_gap_share_is_that_of_a_tree_and_a_count():
    codes, held, prior = draw(800, 4), draw(500, 4, seed=1), 1.4 * draw(700, 4, seed=2)
    tree = KDTree(codes.numpy())
    near, far = (tree.query(z.numpy(), k=5)[0][:, -1] for z in (held, prior))
    ours = [distance_to_data(codes, z) for z in (held, prior)]
    for mine, theirs in zip(ours, (near, far), strict=True):
        np.testing.assert_allclose(mine.numpy(), theirs, rtol=1e-6)
    found = gap_share(ours[1], ours[0], 0.95)
    assert found.share == np.mean(far > np.quantile(near, 0.95))


def test_active_units_are_numpys_variances_of_the_means():
    card = DataCard(source="x", fingerprint="x", image_shape=(1, 8, 8))
    vae = build(presets.get("vae_debug").model, card).eval()
    images = torch.rand(120, 1, 8, 8) * 2 - 1
    with torch.no_grad():
        means = vae.encode(images).mean.numpy()
    threshold = float(np.median(means.var(0, ddof=1)))
    found = active_units(vae, images, threshold=threshold)
    assert found.count == np.sum(means.astype(np.float64).var(0, ddof=1) > threshold)


class Least(Mute):
    """One player, whose loss is a least-squares problem: w predicts the mean pixel of each row
    of an image from the others."""

    def __init__(self) -> None:
        super().__init__(presets.get("gan_debug").model, tiny_data().card)
        self.part = nn.Linear(9, 1).double()

    @staticmethod
    def table(x):
        rows = x.double().mean((1, 3))
        return rows[:, :9], rows[:, 9:10]

    def players(self) -> list[Player]:
        def loss(batch, noise) -> Loss:
            given, asked = self.table(batch.x)
            return Loss((self.part(given) - asked).square().mean(), {})

        return [Player("fit", self.part, loss)]


def test_the_optimality_gap_of_least_squares_is_numpys():
    torch.manual_seed(0)
    split, model = tiny_data().train, Least()
    given, asked = model.table(to_float(split.images))
    with torch.no_grad():
        here = float((model.part(given) - asked).square().mean())
    design = np.hstack([given.numpy(), np.ones((len(given), 1))])
    best = np.linalg.lstsq(design, asked.numpy(), rcond=None)[0]
    least = float(np.square(design @ best - asked.numpy()).mean())
    found = exploitability(
        model, split, split, optimizer=OptimizerConfig(learning_rate=0.03),
        response_steps=1500, batch_size=len(split), num_batches=2,
    )  # fmt: skip
    assert found.gains[0].before == pytest.approx(here)
    assert found.total == pytest.approx(here - least, rel=0.02)
    assert found.total <= here - least + 1e-9  # a lower bound


def test_gan_train_is_the_accuracy_of_a_classifier_of_the_samples_alone(monkeypatch):
    """With scikit-learn's nearest neighbour in the place of the network."""
    images, labels = tiny_arrays(600)
    data = la.load_data(images, labels)

    class Nearest:
        def __init__(self, train):
            self.fitted = KNeighborsClassifier(1).fit(train.images.flatten(1), train.labels)

        def predict(self, images):
            return torch.from_numpy(self.fitted.predict(images.flatten(1)))

    monkeypatch.setattr(module, "train_judge", lambda data, **_: Nearest(data.train))

    def sample(y):  # whatever was asked for
        return to_float(torch.from_numpy(tiny_arrays(len(y), seed=3)[0]))

    found = module.gan_train(sample, data, n=90)
    asked = torch.arange(90) % 3
    theirs = KNeighborsClassifier(1).fit(to_uint8(sample(asked)).flatten(1), asked)
    expected = accuracy_score(data.test.labels, theirs.predict(data.test.images.flatten(1)))
    assert found.accuracy == pytest.approx(expected)
    assert found.ceiling > 0.95 > found.accuracy
