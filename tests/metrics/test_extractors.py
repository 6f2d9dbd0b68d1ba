import warnings

import pytest
import torch

from latentarium.classifier.classifier import Classifier, load_classifier
from latentarium.data.dataset import to_float, to_uint8
from latentarium.data.sources import load_data
from latentarium.metrics.distances import frechet, frechet_reference
from latentarium.metrics.extractors import (
    Extractor,
    PixelPCA,
    RandomConvolutions,
    describe,
)
from support.errors import raises_code

SHAPE = (3, 12, 10)


def pixels(n, shape=SHAPE, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(256, (n, *shape), generator=generator).to(torch.uint8)


def make_extractors():
    return {
        "classifier": Classifier(SHAPE, ("a", "b")).eval(),
        "random": RandomConvolutions(SHAPE, num_features=40),
        "pca": PixelPCA.fit(pixels(80), num_features=16),
    }


@pytest.fixture(params=["classifier", "random", "pca"])
def extractor(request):
    return make_extractors()[request.param]


@pytest.fixture(scope="module")
def mnist():
    return load_data("mnist")


# ----------------------------------------------------------------------------- every extractor


def test_extractor_has_a_name_a_hash_and_its_number_of_features(extractor):
    assert isinstance(extractor, Extractor)
    result = extractor.features(pixels(7))
    assert result.shape == (7, extractor.num_features)
    assert result.dtype == torch.float32
    assert not result.requires_grad
    assert len(bytes.fromhex(extractor.hash)) == 32
    assert describe(extractor) == f"{extractor.name} {extractor.hash[:12]}"
    assert extractor.features(pixels(0)).shape == (0, extractor.num_features)


def test_features_are_the_same_before_and_after_saving(extractor):
    images = torch.randn(9, *SHAPE, generator=torch.Generator().manual_seed(1))  # exceeds [-1, 1]
    saved = to_uint8(images)
    assert not torch.equal(to_float(saved), images)
    assert torch.equal(extractor.features(images), extractor.features(saved))


def test_batch_size_does_not_matter(extractor):
    x = pixels(11)
    single, parts = extractor.features(x), extractor.features(x, batch_size=4)
    torch.testing.assert_close(single, parts, rtol=1e-4, atol=1e-4)


def test_hash_depends_on_everything_that_defines_the_extractor():
    for name, first in make_extractors().items():
        if name != "classifier":  # whose weights are not seeded here
            assert make_extractors()[name].hash == first.hash
    others = [
        RandomConvolutions(SHAPE),
        RandomConvolutions(SHAPE, seed=1),
        RandomConvolutions(SHAPE, num_features=40),
        RandomConvolutions((3, 12, 9)),
        PixelPCA.fit(pixels(80), 16),
        PixelPCA.fit(pixels(80), 15),
        PixelPCA.fit(pixels(80, seed=1), 16),
        PixelPCA.fit(pixels(80), 16, max_images=60),
    ]
    assert len({e.hash for e in others}) == len(others)


def test_other_shapes_and_non_finite_images_are_refused(extractor):
    with raises_code("shape-mismatch"):
        extractor.features(pixels(2, (3, 9, 9)))
    broken = to_float(pixels(3))
    broken[1, 0, 0, 0] = torch.nan
    with raises_code("not-finite"):
        extractor.features(broken)


# ------------------------------------------------------------------------- random convolutions


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 33, 9), (2, 1, 1), (4, 64, 64)])
def test_random_convolutions_take_any_shape_and_preserve_the_scale(shape):
    e = RandomConvolutions(shape)
    result = e.features(torch.randn(20, *shape, generator=torch.Generator().manual_seed(0)))
    assert result.shape == (20, 128)
    assert 0.01 < float(result.std(0).mean()) < 10


def test_random_convolutions_do_not_change_the_global_generator():
    state = torch.random.get_rng_state()
    RandomConvolutions(SHAPE)
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("name", ["random", "pca", "classifier"])
def test_degraded_real_images_exceed_the_reference(name, mnist):
    order = torch.randperm(10_000, generator=torch.Generator().manual_seed(0))
    x = mnist.test.images[order[:2000]]
    e = {
        "random": lambda: RandomConvolutions((1, 28, 28)),
        "pca": lambda: PixelPCA.fit(mnist.train.images, max_images=3000),
        "classifier": load_classifier,
    }[name]()
    real, other = e.features(x[:1000]), e.features(x[1000:])
    reference = frechet_reference(real, 1000).value
    blurred = torch.nn.functional.avg_pool2d(to_float(x[1000:]), 3, 1, 1)
    assert frechet(real, other) < 1.5 * reference
    assert frechet(real, e.features(blurred)) > 3 * reference
    one_class = other[mnist.test.labels[order[1000:2000]] != 1]
    assert frechet(real, one_class) > 1.5 * reference


# ----------------------------------------------------------------------------------- pixel PCA


def test_pixel_pca_finds_the_plane_of_the_images():
    generator = torch.Generator().manual_seed(0)
    axes = torch.linalg.qr(torch.randn(48, 2, generator=generator)).Q
    coordinates = torch.randn(400, 2, generator=generator) * torch.tensor([0.9, 0.3])
    images = (coordinates @ axes.T).view(400, 3, 4, 4)
    e = PixelPCA.fit(images, num_features=2)
    result, stored = e.features(images), to_float(to_uint8(images)).flatten(1)
    # within the plane, feature and pixel distances agree up to the rounding of pixels
    torch.testing.assert_close(torch.cdist(result, result), torch.cdist(stored, stored),
                               rtol=0, atol=0.05)  # fmt: skip
    torch.testing.assert_close(result.mean(0), torch.zeros(2), rtol=0, atol=1e-4)
    assert float(result[:, 0].var()) > float(result[:, 1].var())
    covariance = torch.cov(stored.T.double())
    largest = torch.linalg.eigvalsh(covariance)[-2:].flip(0)
    torch.testing.assert_close(result.double().var(0), largest, rtol=1e-3, atol=0)


def test_number_of_axes_is_limited_by_pixels_and_images():
    assert PixelPCA.fit(pixels(100, (1, 2, 3))).num_features == 6
    few = PixelPCA.fit(pixels(5))
    assert (few.num_features, few.name) == (4, "pixel-pca-4")
    with raises_code("too-few-images"):
        PixelPCA.fit(pixels(1))


def test_identical_images_have_zero_features():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # sklearn divides by the zero variance
        e = PixelPCA.fit(torch.zeros(10, *SHAPE))
    assert bool((e.features(torch.zeros(2, *SHAPE)) == 0).all())
