"""Tables and images of all shapes and types reach the model, and come back in their own form."""

import numpy as np
import pytest

import latentarium as la
from latentarium.estimators import AnomalyDetector, ImageGenerator, LatentEncoder
from latentarium.estimators.data_format import flatten, measure_format
from support.errors import raises_code, untyped

SHAPES = [(5, 7), (1, 5, 7), (3, 5, 7), (5, 7, 3), (5, 7, 1), (5, 7, 4), (3, 3, 3)]


def pictures(shape, n=12, dtype=np.uint8):
    x = np.random.default_rng(0).integers(0, 256, (n, *shape), dtype=np.uint8)
    return x if dtype == np.uint8 else (x / 255).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES)
def test_images_survive_the_way_to_the_model_and_back(shape, dtype):
    x = pictures(shape, dtype=dtype)
    rows, image_shape, is_nested = flatten(x, None)
    data_format = measure_format(rows, image_shape, is_nested=is_nested)
    back = data_format.from_model(data_format.to_model(rows))
    assert back.shape == x.shape
    assert back.dtype == dtype
    np.testing.assert_allclose(back, x, atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((5, 7), (1, 5, 7)), ((3, 5, 7), (3, 5, 7)), ((5, 7, 3), (3, 5, 7)), ((3, 3, 3), (3, 3, 3))],
)
def test_channels_are_found(shape, expected):
    encoder = LatentEncoder("ae", steps=1, random_state=0).fit(pictures(shape))
    assert encoder.model_.image_shape == expected


def test_a_colour_pixel_stays_at_its_place():
    x = np.zeros((4, 5, 7, 3), np.uint8)
    x[:, 2, 6, 1] = 255
    rows, shape, is_nested = flatten(x, None)
    images = measure_format(rows, shape, is_nested=is_nested).to_model(rows)
    assert images[0, 1, 2, 6] == 1
    assert (images == 1).sum() == 4


def test_a_table_has_standardized_features_and_its_own_units():
    x = np.random.default_rng(0).normal([1e6, -3, 5], [1e3, 1e-3, 1], (50, 3))
    x[:, 2] = 5  # a constant feature
    data_format = measure_format(x, None, is_nested=False)
    images = data_format.to_model(x)
    assert images.shape == (50, 3, 1, 1)
    assert images.mean((0, 2, 3)).abs().max() < 1e-5
    np.testing.assert_allclose(images.std((0, 2, 3), unbiased=False), [1, 1, 0], atol=1e-5)
    np.testing.assert_allclose(data_format.from_model(images), x, rtol=1e-6)


def test_nested_images_equal_their_rows():
    x = pictures((6, 6))
    nested = LatentEncoder(steps=2, random_state=0).fit(x)
    rows = LatentEncoder(steps=2, random_state=0, image_shape=(6, 6)).fit(x.reshape(12, 36))
    assert np.array_equal(nested.transform(x), rows.transform(x.reshape(12, 36)))
    assert nested.inverse_transform(nested.transform(x)).shape == (12, 6, 6)
    assert rows.inverse_transform(rows.transform(x.reshape(12, 36))).shape == (12, 36)


def test_boolean_images_and_integers_are_pixels():
    x = pictures((6, 6)) > 127
    encoder = LatentEncoder(steps=2, random_state=0).fit(x)
    assert encoder.format_.maximum == 1
    encoder.fit(pictures((6, 6)).astype(np.int64))
    assert encoder.format_.maximum == 255


@pytest.mark.parametrize("preset", ["ae_debug", "vae_debug", "gan_debug", "cgan_debug"])
def test_presets_and_configurations_are_taken(preset):
    x, y = pictures((12, 12), 20), np.array(["cat", "dog"] * 10)
    config = la.presets.get(preset)
    for choice in (preset, config):
        generator = ImageGenerator(choice, steps=2, prior="trained", random_state=0)
        generator.fit(x, y if config.model.takes_label else None)
        assert generator.config_.name == preset
        assert generator.config_.train.steps == 2
        assert generator.sample(3).shape == (3, 12, 12)


@pytest.mark.parametrize(
    ("options", "x", "code"),
    [
        ({}, pictures((6, 6), dtype=np.float64) * 16, "out-of-range"),
        ({}, pictures((6, 6), dtype=np.float64) - 0.5, "out-of-range"),
        ({"image_shape": (5, 5)}, pictures((6, 6)), "shape-mismatch"),
        ({"image_shape": (5, 5)}, pictures((36,)), "shape-mismatch"),
        ({"image_shape": (0, 5)}, pictures((36,)), "invalid-image-shape"),
        ({"image_shape": (5,)}, pictures((36,)), "invalid-image-shape"),
        ({"image_shape": "8x8"}, pictures((36,)), "invalid-image-shape"),
        ({"config": "vae_mnist"}, pictures((4,), dtype=float), "preset-mismatch"),
        ({"config": "vae_mnistt"}, pictures((4,), dtype=float), "unknown-preset"),
        ({"config": "gan"}, pictures((4,), dtype=float), "no-encoder"),
        ({"config": "cvae_mnist"}, pictures((6, 6)), "label-not-taken"),
        ({"steps": 0}, pictures((4,), dtype=float), "invalid-setting"),
        ({"latent_dim": -1}, pictures((4,), dtype=float), "invalid-setting"),
    ],
)
def test_what_does_not_fit_is_refused(options, x, code):
    with untyped(), raises_code(code):
        LatentEncoder(**options).fit(x)


def test_other_images_than_those_of_the_training_are_refused():
    encoder = LatentEncoder(steps=1, random_state=0).fit(pictures((6, 6), dtype=np.float64))
    with raises_code("shape-mismatch"):
        encoder.transform(pictures((6, 5), dtype=np.float64))
    with raises_code("out-of-range"):
        encoder.transform(pictures((6, 6)))
    with raises_code("shape-mismatch"):
        encoder.inverse_transform(np.zeros((2, 99)))


@pytest.mark.parametrize("contamination", [0, 0.6, -1, True, "auto"])
def test_an_invalid_contamination_is_refused(contamination):
    detector = AnomalyDetector().set_params(contamination=contamination)
    with raises_code("invalid-contamination"):
        detector.fit(np.zeros((9, 3)))
