"""Generated samples follow the training data, by class, and in its units."""

import numpy as np
import pytest
from sklearn.datasets import make_blobs

import latentarium as la
from latentarium.estimators import ImageGenerator
from support.errors import raises_code


@pytest.fixture(scope="module")
def blobs():
    x, y = make_blobs([150, 50], n_features=3, centers=[[0, 0, 0], [8, 8, -8]], random_state=0)
    return 100 * x + 1000, np.where(y == 1, "rare", "usual")


@pytest.fixture(scope="module")
def generator(blobs):
    return ImageGenerator(steps=300, random_state=0).fit(*blobs)


def test_samples_of_a_class_have_its_mean_and_spread(generator, blobs):
    x, y = blobs
    for name in ("rare", "usual"):
        samples, real = generator.sample(500, y=name), x[y == name]
        assert samples.shape == (500, 3)
        np.testing.assert_allclose(samples.mean(0), real.mean(0), atol=40)
        np.testing.assert_allclose(samples.std(0), real.std(0), rtol=0.35)


def test_samples_without_a_class_have_the_shares_of_the_classes(generator):
    samples = generator.sample(1000)
    assert 0.2 < (samples[:, 0] > 1400).mean() < 0.3


def test_a_class_for_each_sample(generator):
    samples = generator.sample(4, y=["rare", "usual", "rare", "usual"])
    assert list(samples[:, 0] > 1400) == [True, False, True, False]


def test_the_seed_decides(generator):
    assert np.array_equal(generator.sample(3), generator.sample(3))
    assert not np.array_equal(generator.sample(3), generator.sample(3, random_state=5))


def test_fitting_again_without_classes_forgets_them(blobs):
    x, y = blobs
    generator = ImageGenerator(steps=2, random_state=0).fit(x, y)
    generator.fit(x)
    assert not hasattr(generator, "classes_")
    with raises_code("label-not-taken"):
        generator.sample(2, y="rare")


def test_rare_classes_share_a_prior(blobs):
    x, _ = blobs
    y = np.array([0, 1, 2] + [3] * (len(x) - 3))
    generator = ImageGenerator(steps=2, random_state=0).fit(x, y)
    assert generator.model_.fitted_prior == "mixture"
    assert generator.sample(5, y=1).shape == (5, 3)


@pytest.mark.parametrize("prior", ["gaussian", "class-gaussian", "mixture", "trained"])
def test_priors(blobs, prior):
    x, y = blobs
    generator = ImageGenerator(prior=prior, steps=2, random_state=0).fit(x, y)
    assert generator.model_.fitted_prior == (None if prior == "trained" else prior)
    assert np.isfinite(generator.sample(5)).all()


@pytest.mark.parametrize("labels", [None, "yes"])
def test_images_are_generated_by_a_gan(labels):
    x = np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), dtype=np.uint8)
    y = None if labels is None else np.arange(20) % 2 == 0
    generator = ImageGenerator(steps=2, random_state=0).fit(x, y)
    assert generator.config_.model.kind == ("GAN" if labels is None else "conditional GAN")
    samples = generator.sample(3, y=None if labels is None else True)
    assert samples.dtype == np.uint8
    assert samples.shape == (3, 8, 8, 3)


def test_what_can_not_be_generated_is_refused(generator, blobs):
    for n, y, code in (
        (0, None, "invalid-count"),
        (2, "never", "unknown-class"),
        (2, ["rare"], "label-shape"),
    ):
        with raises_code(code):
            generator.sample(n, y)
    x, _ = blobs
    with raises_code("wrong-type"):
        ImageGenerator().fit(x, x[:, 0] + 0.5)
    with raises_code("no-encoder"):
        ImageGenerator("gan", prior="mixture", steps=1).fit(x)
    with raises_code("unknown-prior"):
        ImageGenerator(prior="mixtures", steps=1).fit(x)
    with raises_code("labels-missing"):
        ImageGenerator(la.presets.cgan_debug(), image_shape=(12, 12)).fit(np.zeros((20, 144)))
