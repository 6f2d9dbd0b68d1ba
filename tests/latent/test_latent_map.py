"""LatentMap: its points, decoding, scores and gap layers."""

import numpy as np
import pytest
import torch

import latentarium as la
from latentarium import presets
from latentarium.classifier.classifier import as_pixels
from latentarium.data.dataset import to_float, to_uint8
from latentarium.latent import explained_variance as explained_variance_module
from latentarium.latent.calibration import SCORE_COLUMNS
from latentarium.latent.corruptions import soften
from latentarium.latent.latent_map import LatentMap
from latentarium.latent.realism import CONTROL_SEED
from latentarium.models.inference import decode, encode
from support.errors import raises_code
from support.tiny import tiny_arrays

FAMILIES = ("ae_debug", "vae_debug", "vae_class_debug", "gan_debug", "cgan_debug")


@pytest.fixture(scope="module")
def data():
    images, labels = tiny_arrays(600)
    return la.load_data(images, labels)


@pytest.fixture(scope="module")
def latent_maps(data, tmp_path_factory):
    maps = {}
    for name in FAMILIES:
        run = la.train(presets.get(name), tmp_path_factory.mktemp(name) / "r", data)
        maps[name] = LatentMap(run.load(), data)
    return maps


def column(scored, name):
    return scored.scores[:, SCORE_COLUMNS.index(name)]


def decode_points(latent_map, points, weights=None):
    z = latent_map.unproject(torch.as_tensor(points, dtype=torch.float64))
    weights = None if weights is None else torch.tensor(weights, dtype=torch.float32)
    return latent_map.decode_scored(z, weights)


@pytest.mark.parametrize("name", ["ae_debug", "vae_debug", "vae_class_debug"])
def test_map_has_a_point_for_each_image_and_ellipses_of_each_class(name, latent_maps, data):
    latent_map = latent_maps[name]
    points = latent_map.points()
    assert points.shape == (len(data.train) + len(data.validation), 2)
    assert points.dtype == np.float32
    one_sigma, two_sigma = latent_map.ellipses()
    assert len(one_sigma) == len(two_sigma) == 3
    for inner, outer in zip(one_sigma, two_sigma, strict=True):
        assert outer.major == pytest.approx(2 * inner.major)


def test_decoded_images_are_those_of_the_model(latent_maps):
    latent_map = latent_maps["ae_debug"]
    points = torch.tensor([[0.3, -0.2], [1.0, 2.0]])
    expected = decode(latent_map.model, latent_map.plane.unproject(points).float())
    pixels = torch.from_numpy(decode_points(latent_map, points).pixels)
    assert torch.equal(pixels, to_uint8(expected))
    z = torch.randn(3, latent_map.model.latent_dim)
    assert torch.equal(latent_map.decode(z), decode(latent_map.model, z))
    assert torch.equal(latent_map.decode(z.numpy()), decode(latent_map.model, z))


def test_decode_at_shows_the_pixels_of_decode_scored(latent_maps):
    for name, label, weights in (("ae_debug", None, None), ("cgan_debug", "1", [[0, 1, 0]])):
        latent_map = latent_maps[name]
        pixels = decode_points(latent_map, [[0.25, -0.5]], weights).pixels
        image = latent_map.decode_at(0.25, -0.5, label)
        assert np.array_equal(to_uint8(image).numpy(), pixels)
        assert torch.equal(image, to_float(to_uint8(image)))


def test_levels_fall_with_the_distance_to_the_data(latent_maps):
    latent_map = latent_maps["ae_debug"]
    latents = latent_map.latents
    inside = latent_map.decode_scored(latents[:40])
    assert np.array_equal(column(inside, "nearest"), np.arange(40))  # each is its own nearest
    far = latents[:40] + 30 * torch.ones(latents.shape[1])
    outside = latent_map.decode_scored(far)
    assert column(inside, "distance_rarity").mean() < 0.7
    assert np.all(column(outside, "distance_rarity") == 1)
    assert np.all(column(outside, "level") == 0)
    assert np.all(column(outside, "distance") > column(inside, "distance"))
    distance = torch.cdist(far.double(), latents.double()).sort(1)
    np.testing.assert_allclose(column(outside, "distance"), distance.values[:, 4], rtol=1e-5)
    assert np.array_equal(column(outside, "nearest"), distance.indices[:, 0])


def test_levels_of_held_out_images_are_uniform(latent_maps, data):
    latent_map = latent_maps["vae_debug"]
    scored = latent_map.decode_scored(encode(latent_map.model, data.validation, 0))
    assert column(scored, "distance_rarity").mean() == pytest.approx(0.5, abs=0.05)
    assert float(latent_map.calibration.levels.mean()) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("name", ["gan_debug", "cgan_debug"])
def test_lattice_of_a_model_without_encoder_is_continuous_and_standard_normal(name, latent_maps):
    latent_map = latent_maps[name]
    weights = [[0, 1, 0]] * 2 if name == "cgan_debug" else None
    scored = decode_points(latent_map, [[0, 0], [0.5, 0.5]], weights)
    for measure in ("distance", "round_trip", "doubt_rarity", "error_rarity"):
        assert np.isnan(column(scored, measure)).all()
    assert np.isfinite(column(scored, "level")).all()
    points = torch.rand(4000, 2, dtype=torch.float64) * 400
    z = latent_map.unproject(points)
    assert float(z.var()) == pytest.approx(1, abs=0.03)
    assert float(z.mean()) == pytest.approx(0, abs=0.03)
    corner = latent_map.unproject(torch.tensor([[3.0, -2.0]], dtype=torch.float64))
    near = latent_map.unproject(torch.tensor([[3.0 + 1e-4, -2.0]], dtype=torch.float64))
    assert float((corner - near).abs().max()) < 0.01


def test_label_is_required_exactly_if_the_decoder_sees_it(latent_maps):
    with raises_code("label-missing"):
        latent_maps["cgan_debug"].decode_at(0.0, 0.0)
    with raises_code("label-not-taken"):
        latent_maps["vae_class_debug"].decode_at(0.0, 0.0, "1")
    one, other = (latent_maps["cgan_debug"].decode_at(0.0, 0.0, label) for label in (0, "1"))
    assert not torch.equal(one, other)
    blend = latent_maps["cgan_debug"].decode_at(0.0, 0.0, "0:1,1:0")
    assert torch.equal(blend, one)


def test_what_needs_an_encoder_is_refused_without_one(latent_maps, data):
    latent_map, images = latent_maps["gan_debug"], data.validation.images[:1]
    for call in (
        lambda: latent_map.points(),
        lambda: latent_map.encode(images),
        lambda: latent_map.reconstruct(images),
        lambda: latent_map.locate(images),
        lambda: latent_map.class_latents(0),
        lambda: latent_map.gaussian_latents(),
        lambda: latent_map.named_latent("i0"),
        lambda: latent_map.named_plane("c0_c1_c2"),
        lambda: latent_map.gap_layer("distance", (0.0, 1.0, 0.0, 1.0)),
    ):
        with raises_code("no-encoder"):
            call()


@pytest.mark.parametrize("measure", ["rarity", "distance", "round_trip", "stretch"])
def test_gap_layer_has_the_rarity_of_each_cell(measure, latent_maps):
    latent_map = latent_maps["ae_debug"]
    grid = latent_map.gap_layer(measure, (-2.0, 2.0, -1.0, 3.0), 8)
    assert grid.shape == (8, 8)
    assert 0 <= grid.min() <= grid.max() <= 1
    # the cell in the third row from above and the sixth column
    scored = decode_points(latent_map, [[-2 + 4 * 5.5 / 8, 3 - 4 * 2.5 / 8]])
    if measure == "rarity":
        assert grid[2, 5] == pytest.approx(1 - column(scored, "level")[0], abs=1e-6)
    elif measure != "stretch":
        assert grid[2, 5] == pytest.approx(column(scored, f"{measure}_rarity")[0], abs=1e-6)
    far = latent_map.gap_layer(measure, (500.0, 501.0, 500.0, 501.0), 2)
    if measure != "stretch":
        assert np.all(far == 1)


def test_invalid_gap_layers_are_refused_and_the_cache_is_bounded(latent_maps):
    latent_map = latent_maps["ae_debug"]
    assert "doubt" not in latent_map.gap_layers.measures  # no classifier of these images
    with raises_code("unknown-measure"):
        latent_map.gap_layer("doubt", (0.0, 1.0, 0.0, 1.0))
    for box in ((1.0, 0.0, 0.0, 1.0), (0.0, float("nan"), 0.0, 1.0)):
        with raises_code("invalid-box"):
            latent_map.gap_layer("distance", box)
    for i in range(40):
        latent_map.gap_layer("distance", (0.0, 1.0 + i, 0.0, 1.0), 2)
    assert len(latent_map.gap_layers._cache) <= 16


class DarknessClassifier:
    """A classifier that is right, and the less certain, the darker an image is."""

    def probabilities(self, images):
        pixels = as_pixels(images)[:, 0].double()
        classes = pixels[:, :9].unflatten(1, (3, 3)).mean((2, 3)).argmax(1)  # see `tiny_arrays`
        certainty = 0.5 + pixels.mean((1, 2))[:, None] / 512
        right = torch.nn.functional.one_hot(classes, 3)
        return certainty * right + (1 - certainty) / 2 * (1 - right)


def test_doubt_is_calibrated_on_sharp_and_blurred_held_out_images(latent_maps):
    latent_map = latent_maps["ae_debug"]
    assert np.isnan(column(decode_points(latent_map, [[0, 0]]), "doubt_rarity")).all()
    with_classifier = LatentMap(latent_map.model, latent_map.data)
    with_classifier.decoder.classifier = DarknessClassifier()
    assert not with_classifier.is_prepared
    with_classifier.prepare()
    assert with_classifier.is_prepared
    held_out = with_classifier.data.validation.images
    both = torch.cat([held_out, soften(held_out, CONTROL_SEED)])
    reference = both.double().flatten(1).mean(1)
    scored = decode_points(with_classifier, with_classifier.points()[:64])
    brightness = torch.from_numpy(scored.pixels).double().flatten(1).mean(1)
    brighter = (reference[None] > brightness[:, None]).double().mean(1)
    assert column(scored, "doubt_rarity") == pytest.approx(brighter.numpy(), abs=1e-6)
    real = with_classifier.decoder.realism.score(with_classifier.data.test.images)
    table = with_classifier.calibration.table(real)
    assert np.ptp(table[:, SCORE_COLUMNS.index("doubt_rarity")]) > 0.3


def test_explained_variance_is_r_squared_of_the_reconstructions(latent_maps, data, monkeypatch):
    latent_map = LatentMap(latent_maps["ae_debug"].model, data)
    assert latent_map.explained_variance is not None
    assert latent_map.explained_variance < 1
    real = to_float(data.validation.images)
    monkeypatch.setattr(explained_variance_module, "scattered", lambda split, _: split)
    for reconstructions, expected in (
        (real, 1.0), (real.mean(0).expand_as(real), 0.0), (-real * 9, None),
    ):  # fmt: skip
        monkeypatch.setattr(
            explained_variance_module, "reconstruct", lambda *_, x=reconstructions: x
        )
        value = LatentMap(latent_map.model, data).explained_variance
        assert value is not None
        if expected is None:
            assert value < 0  # worse than the mean image
        else:
            assert value == pytest.approx(expected, abs=1e-5)
    assert latent_maps["gan_debug"].explained_variance is None


def test_locate_finds_a_training_image_at_its_point(latent_maps, data):
    latent_map = latent_maps["ae_debug"]
    location = latent_map.locate(data.train.images[7:8])
    np.testing.assert_allclose(location.point, latent_map.points()[7], atol=1e-4)
    assert int(location.neighbours.index[0, 0]) == 7
    pixels = to_uint8(latent_map.reconstruct(data.train.images[7:8].numpy()))
    assert torch.equal(location.reconstruction, pixels)
