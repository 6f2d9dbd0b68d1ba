"""The scores are bounds of densities, anomalies are found, and heat maps show where they are."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.datasets import load_digits

import latentarium as la
from latentarium.config import AutoencoderConfig, Config, NetConfig, OptimizerConfig, TrainConfig
from latentarium.estimators import AnomalyDetector, LatentEncoder

LINEAR = NetConfig(kind="mlp", width=32, depth=1)


@pytest.fixture(scope="module")
def digits():
    return load_digits().images / 16


@pytest.fixture(scope="module")
def correlated():
    """Points of a Gaussian, whose density is known, and in units far from 1."""
    covariance = np.array([[1.0, 0.9, 0.2], [0.9, 1.0, 0.1], [0.2, 0.1, 1.0]]) * 400
    x = np.random.default_rng(0).multivariate_normal([10, -20, 30], covariance, 2000)
    return x, multivariate_normal([10, -20, 30], covariance).logpdf(x)


def test_the_elbo_of_a_table_is_a_bound_of_its_density_in_its_units(correlated):
    x, log_density = correlated
    config = Config(
        model=AutoencoderConfig(
            latent_dim=3, likelihood="gaussian", likelihood_std=0.3, encoder=LINEAR, decoder=LINEAR
        ),
        optimizer=OptimizerConfig(learning_rate=1e-2),
        train=TrainConfig(steps=300),
    )
    score = LatentEncoder(config, random_state=0).fit(x[:1000]).score(x[1000:])
    truth = log_density[1000:].mean()
    assert truth - 0.5 < score < truth + 0.05


def test_a_change_of_units_changes_the_elbo_by_the_volume(correlated):
    x, _ = correlated
    first, second = (
        LatentEncoder(steps=20, random_state=0).fit(data).score_samples(data)
        for data in (x, 1000 * x)
    )
    np.testing.assert_allclose(first - second, 3 * np.log(1000), atol=1e-3)


def test_the_score_of_an_autoencoder_is_minus_the_mean_of_its_heat_map(digits):
    detector = AnomalyDetector("ae", steps=20, random_state=0).fit(digits[:100])
    heat = detector.explain(digits[:20])
    assert heat.shape == (20, 8, 8)
    assert heat.min() >= 0
    np.testing.assert_allclose(-heat.mean((1, 2)), detector.score_samples(digits[:20]), rtol=1e-5)


@pytest.mark.parametrize("config", ["ae", "vae"])
def test_damaged_digits_are_outliers_and_the_heat_map_shows_the_damage(digits, config):
    detector = AnomalyDetector(config, contamination=0.05, steps=300, random_state=0)
    detector.fit(digits[:600])
    damaged = digits[600:700].copy()
    damaged[:, 2:5, 0:2] = 1  # a block in the margin, where digits have no ink
    assert (detector.predict(damaged) == -1).mean() > 0.9
    assert (detector.predict(digits[600:700]) == -1).mean() < 0.5
    heat = detector.explain(damaged)
    inside = heat[:, 2:5, 0:2].sum((1, 2)) / heat.sum((1, 2))
    assert np.median(inside) > 0.4


def test_the_threshold_is_the_share_of_the_contamination(digits):
    detector = AnomalyDetector(contamination=0.2, steps=5, random_state=0).fit(digits[:100])
    assert (detector.predict(digits[:100]) == -1).sum() == 20


def test_a_table_is_explained_by_feature():
    x = np.random.default_rng(0).normal(size=(200, 1)) * np.ones(6) + 0.05
    detector = AnomalyDetector(steps=200, latent_dim=1, random_state=0).fit(x)
    wrong = x[:20].copy()
    wrong[:, 4] += 5
    heat = detector.explain(wrong)
    assert heat.shape == (20, 6)
    assert (heat.argmax(1) == 4).mean() > 0.9


def test_the_score_of_a_row_does_not_depend_on_other_rows(digits):
    detector = AnomalyDetector(steps=5, random_state=0).fit(digits[:50])
    together = detector.score_samples(digits[:50])
    alone = np.concatenate([detector.score_samples(digits[i : i + 1]) for i in range(50)])
    np.testing.assert_allclose(together, alone, rtol=1e-5)


def test_the_model_can_be_used_directly(digits):
    encoder = LatentEncoder(steps=5, random_state=0).fit(digits[:50])
    assert encoder.model_.sample(3).shape == (3, 1, 8, 8)
    assert isinstance(encoder.model_, la.LatentModel)
