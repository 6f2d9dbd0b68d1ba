"""The rule of trust: noise, blurs and changed classes are flagged, and unknown is not real."""

import numpy as np
import pytest
import torch

import latentarium as la
from latentarium import presets
from latentarium.classifier import lookup
from latentarium.classifier.classifier import Classifier
from latentarium.classifier.lookup import classifier_for
from latentarium.latent.calibration import (
    OFF_LEVEL,
    SCORE_COLUMNS,
    Calibration,
    Scores,
    share_off_data,
)
from latentarium.latent.corruptions import CORRUPTIONS, blur, corrupt, soften
from latentarium.latent.discriminator import Discriminator
from latentarium.latent.latent_map import LatentMap
from latentarium.latent.realism import RealismScorer
from latentarium.latent.texture import texture_statistics
from latentarium.models.build import build
from support.tiny import tiny_arrays

SIDE = 16


def tiles(n, seed=0, shape=(1, SIDE, SIDE)):
    """Return images of a bright square on a dark, slightly noisy background."""
    rng = np.random.default_rng(seed)
    images = rng.normal(40, 6, (n, *shape))
    for image in images:
        i, j = rng.integers(2, 7, 2)
        image[:, i : i + 6, j : j + 6] += 150
    return images.clip(0, 255).astype(np.uint8)


def pixels(values):
    return torch.as_tensor(np.asarray(values)).clamp(0, 255).to(torch.uint8)


@pytest.fixture(scope="module")
def data():
    return la.load_data(tiles(1500))


@pytest.fixture(scope="module")
def scorer(data):
    return RealismScorer(data, None)


def judge(scorer, images):
    return scorer.calibration.judge(scorer.score(images))


def test_held_out_images_are_flagged_about_once_in_a_hundred(scorer):
    levels = judge(scorer, pixels(tiles(1000, seed=1)))
    # 150 images calibrate three measures, so 3 in 151 are expected
    assert share_off_data(levels).share <= 0.05
    assert not bool(levels.isnan().any())


@pytest.mark.parametrize("shape", [(1, SIDE, SIDE), (3, SIDE, SIDE)])
def test_noise_constants_and_blurs_are_flagged(scorer, shape):
    if shape[0] == 3:
        scorer = RealismScorer(la.load_data(tiles(400, shape=shape)), None)
    noise, n = torch.Generator().manual_seed(3), 20
    real = torch.from_numpy(tiles(n, seed=2, shape=shape))
    black_and_white = torch.randint(0, 2, (n, *shape), generator=noise)
    bad = {
        "white noise": torch.randint(0, 256, (n, *shape), generator=noise),
        "black and white": 255 * black_and_white,
        "added noise": real + 40 * torch.randn((n, *shape), generator=noise),
        "constant": torch.arange(n)[:, None, None, None].expand(n, *shape) * 12,
        "blur": 255 * blur(real / 255, 4.0),
        "checkerboard": 255 * (torch.arange(SIDE)[:, None] + torch.arange(SIDE)).remainder(2)
        .expand(n, *shape),
        "mean of two": (real.float() + real.roll(1, 0)) / 2,
    }  # fmt: skip
    for name, images in bad.items():
        assert float((judge(scorer, pixels(images)) < OFF_LEVEL).double().mean()) >= 0.95, name


def test_mild_softness_is_not_flagged(scorer):
    soft = soften(pixels(tiles(300, seed=4)), 0)
    assert share_off_data(judge(scorer, soft)).share <= 0.07


def test_samples_of_an_untrained_gan_are_never_called_real():
    data = la.load_data(tiles(400))
    model = build(presets.get("gan_debug").model, data.card).eval()
    z, _ = model.latents(36, seed=0)
    levels = LatentMap(model, data).decode_scored(z).scores[:, SCORE_COLUMNS.index("level")]
    assert (levels < OFF_LEVEL).all()


def test_images_of_noise_are_unknown():
    """Real images that are noise can't be told from corrupted ones."""
    noise = np.random.default_rng(0).integers(0, 256, (400, 1, SIDE, SIDE)).astype(np.uint8)
    scorer = RealismScorer(la.load_data(noise), None)
    assert not scorer.can_tell
    levels = judge(scorer, pixels(np.random.default_rng(1).integers(0, 256, (50, 1, SIDE, SIDE))))
    assert not bool((levels >= OFF_LEVEL).any())
    assert float(levels.isnan().double().mean()) > 0.8
    row = scorer.calibration.table(scorer.score(pixels(noise[:1])))[0]
    assert np.isfinite(row[SCORE_COLUMNS.index("texture_rarity")])


class Failing:
    """A classifier whose outputs are not finite, or equal for all images."""

    def __init__(self, value):
        self.value = value

    def probabilities(self, images):
        return torch.full((len(images), 3), self.value)


@pytest.mark.parametrize("kind", ["untrained", "nan", "constant"])
def test_failing_classifier_never_calls_an_image_real(kind):
    images, labels = tiny_arrays(400)
    data = la.load_data(images, labels)
    torch.manual_seed(0)
    classifier = {
        "untrained": Classifier(data.card.image_shape, data.card.classes),
        "nan": Failing(torch.nan),
        "constant": Failing(1 / 3),
    }[kind]
    scorer = RealismScorer(data, classifier)
    assert not scorer.can_tell
    assert not bool((judge(scorer, data.test.images) >= OFF_LEVEL).any())
    assert float(judge(scorer, corrupt(data.test.images, 0)).nan_to_num(1).median()) < OFF_LEVEL


# -------------------------------------------------------------------------------- classes


class RowClassifier:
    """Classifies tiny images by their bright rows; grey images give no class."""

    def probabilities(self, images):
        rows = images.float().mean((1, 3)) / 255
        sums = torch.stack([rows[:, 3 * k : 3 * k + 3].mean(1) for k in range(3)], 1)
        return (20 * sums).softmax(1)


@pytest.fixture(scope="module")
def labelled():
    return la.load_data(*tiny_arrays(400))


@pytest.fixture(scope="module")
def autoencoder(labelled):
    return build(presets.get("ae_debug").model, labelled.card).eval()


@pytest.mark.parametrize("reads", ["another class", "no class"])
def test_reconstruction_that_loses_its_class_is_flagged(labelled, autoencoder, monkeypatch, reads):
    originals = labelled.test.images
    classes = RowClassifier().probabilities(originals).argmax(1)
    first = originals[classes == 0][:8]
    shown = originals[classes == 1][:1].float() / 127.5 - 1
    if reads == "no class":
        shown = torch.full_like(shown, 0.0)
    latent_map = LatentMap(autoencoder, labelled, classifier=RowClassifier())
    _ = latent_map.decoder.reconstruction_calibration
    monkeypatch.setattr(
        type(autoencoder), "decode", lambda self, z, y=None: shown.expand(len(z), -1, -1, -1)
    )
    scores = latent_map.decoder.reconstruct_scored(first).scores
    assert (scores[:, SCORE_COLUMNS.index("level")] == 0).all()
    assert (scores[:, SCORE_COLUMNS.index("original")] == 0).all()
    read = 1 if reads == "another class" else -1
    assert (scores[:, SCORE_COLUMNS.index("read")] == read).all()


def test_unreadable_original_is_no_change_of_class():
    values = {"distance": torch.arange(100).double()}
    held_out = Scores(values=values, nearest=torch.arange(100), probabilities=None)
    confident, unsure = torch.tensor([0.9, 0.1]), torch.tensor([0.45, 0.45])
    scores = Scores(
        values={"distance": torch.zeros(4).double()},
        nearest=torch.zeros(4).long(),
        probabilities=torch.stack([confident, confident, unsure, unsure]),
        original=torch.tensor([0, 1, 0, -1]),
    )
    assert (Calibration(held_out).judge(scores) == 0).tolist() == [False, True, True, False]


def test_classifier_that_evaluate_kept_is_used(labelled, tmp_path, monkeypatch, autoencoder):
    monkeypatch.setenv("LATENTARIUM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(lookup, "MIN_STEPS", 2)
    latent_map = LatentMap(autoencoder, labelled)
    latent_map.look_for_classifier()
    assert latent_map.classifier is None
    assert "doubt" not in latent_map.calibration.values
    kept = classifier_for(labelled)
    assert latent_map.classifier is None  # a map does not change by itself
    latent_map.look_for_classifier()
    again = LatentMap(autoencoder, labelled)
    for classifier in (latent_map.classifier, again.classifier):
        assert isinstance(classifier, Classifier)
        assert classifier.hash == kept.hash


def test_colour_images_with_a_covered_part_are_flagged_and_real_ones_are_not():
    tinted = np.array([1.0, 0.8, 0.5])[:, None, None]
    shape = (3, SIDE, SIDE)
    scorer = RealismScorer(
        la.load_data((tiles(1500, shape=shape) * tinted).astype(np.uint8)), None
    )
    fresh = (tiles(200, seed=1, shape=shape) * tinted).astype(np.uint8)
    covered = fresh.copy()
    covered[:, :, 4:-4, 4:-4] = 128
    assert share_off_data(judge(scorer, pixels(covered))).share > 0.95
    assert share_off_data(judge(scorer, pixels(fresh))).share < 0.05


# ------------------------------------------------------------------- statistics and corruptions


def test_discriminator_averages_the_log_odds_of_its_networks():
    noise = torch.Generator().manual_seed(0)
    real, bad, fresh = (torch.randn(n, 7, generator=noise) + m for n, m in
                        ((300, 0.0), (200, 1.0), (50, 0.5)))  # fmt: skip
    single = [Discriminator(real, bad, seed, dropout=0.3)(fresh) for seed in (4, 5)]
    both = Discriminator(real, bad, 4, networks=2, dropout=0.3)(fresh)
    torch.testing.assert_close(both, torch.stack(single).mean(0))
    assert not torch.allclose(single[0], single[1])
    assert not torch.allclose(single[0], Discriminator(real, bad, 4)(fresh))


@pytest.mark.parametrize("shape", [(1, 4, 4), (1, 28, 28), (3, 33, 20), (5, 8, 64)])
def test_statistics_are_finite_and_do_not_depend_on_the_batch(shape):
    noise = torch.randint(0, 256, (7, *shape), generator=torch.Generator().manual_seed(0))
    images = torch.cat([noise.to(torch.uint8), torch.zeros(1, *shape, dtype=torch.uint8)])
    statistics = texture_statistics(images)
    assert bool(statistics.isfinite().all())
    assert bool((statistics.std(0) > 0).any())
    torch.testing.assert_close(texture_statistics(images, batch_size=3), statistics)


def test_statistics_see_noise_that_is_small(data):
    real = data.test.images[:100]
    noisy = pixels(real + 15 * torch.randn(real.shape, generator=torch.Generator().manual_seed(0)))
    clean, changed = (texture_statistics(images) for images in (real, noisy))
    shift = (changed.mean(0) - clean.mean(0)).abs() / (clean.std(0) + 1e-6)
    assert float(shift.max()) > 5


def test_statistics_see_hues_that_change_at_constant_brightness_and_saturation():
    red, green = torch.tensor([200, 50, 80]), torch.tensor([50, 200, 80])
    plain = red.view(1, 3, 1, 1).expand(1, 3, SIDE, SIDE).to(torch.uint8).clone()
    striped = plain.clone()
    striped[..., ::2] = green.view(1, 3, 1, 1).to(torch.uint8)
    shift = (texture_statistics(plain) - texture_statistics(striped)).abs()
    assert float(shift.max()) > 1
    grey = texture_statistics(plain.float().mean(1, keepdim=True).to(torch.uint8))
    assert 4 * grey.shape[1] == shift.shape[1]  # brightness, saturation and two differences


@pytest.mark.parametrize("name", list(CORRUPTIONS))
def test_corruptions_change_images_and_keep_their_shape(name):
    x = torch.rand(9, 3, 13, 17, generator=torch.Generator().manual_seed(0))
    changed = CORRUPTIONS[name](x, torch.Generator().manual_seed(1))
    assert changed.shape == x.shape
    assert bool((changed - x).abs().flatten(1).amax(1).gt(0.05).all())
    again = CORRUPTIONS[name](x, torch.Generator().manual_seed(1))
    assert torch.equal(changed, again)


def test_corruption_of_few_images_works():
    for n in range(3):
        images = torch.from_numpy(tiles(n + 1))
        assert corrupt(images, 0).shape == images.shape


# -------------------------------------------------------------------------------- small images


def small_tiles(n, side, seed=0):
    """Return images of a bright square of random size and brightness."""
    rng = np.random.default_rng(seed)
    images = rng.normal(20, 4, (n, 1, side, side))
    for image in images:
        size = rng.integers(1 + side // 8, side // 2 + 1)
        i, j = rng.integers(0, side - size + 1, 2)
        image[:, i : i + size, j : j + size] += rng.integers(100, 220)
    return images.clip(0, 255).astype(np.uint8)


def level(scored):
    return scored.scores[:, SCORE_COLUMNS.index("level")]


@pytest.mark.parametrize("side", [8, 12])
@pytest.mark.parametrize("name", ["vae_debug", "ae_debug"])
def test_small_images_of_an_untrained_model_are_never_called_real(side, name):
    data = la.load_data(small_tiles(400, side))
    model = build(presets.get(name).model, data.card).eval()
    z, _ = model.latents(50, seed=0)
    decoder = LatentMap(model, data).decoder
    for scored in (decoder.decode_scored(z), decoder.reconstruct_scored(data.test.images)):
        assert not bool((level(scored) >= OFF_LEVEL).any())


def test_small_images_of_a_model_that_reconstructs_are_rated(monkeypatch):
    data = la.load_data(small_tiles(1000, 8))
    model = build(presets.get("ae_debug").model, data.card).eval()
    kept = {}  # decodes each latent into the image that it was encoded from
    encode, fallback = type(model).encode, torch.full((1, 8, 8), -1.0)

    def encode_and_keep(self, x, y=None):
        posterior = encode(self, x, y)
        kept.update(zip(map(str, posterior.mean.tolist()), x, strict=True))
        return posterior

    def decode(self, z, y=None):
        return torch.stack([kept.get(str(row), fallback) for row in z.tolist()])

    monkeypatch.setattr(type(model), "encode", encode_and_keep)
    monkeypatch.setattr(type(model), "decode", decode)
    levels = level(LatentMap(model, data).decoder.reconstruct_scored(data.test.images))
    assert np.mean(levels < OFF_LEVEL) <= 0.05
    assert not np.isnan(levels).any()


def test_small_images_are_unknown_if_reconstructions_are_no_better_than_the_mean(monkeypatch):
    data = la.load_data(small_tiles(1000, 8))
    model = build(presets.get("vae_debug").model, data.card).eval()
    shown = data.test.images[:1].float() / 127.5 - 1  # a real image, but always the same
    monkeypatch.setattr(
        type(model), "decode", lambda self, z, y=None: shown.expand(len(z), -1, -1, -1)
    )
    latent_map = LatentMap(model, data)
    assert latent_map.decoder.realism.can_tell
    levels = level(latent_map.decode_scored(latent_map.encode(data.test.images)))
    assert not bool((levels >= OFF_LEVEL).any())
    assert np.isnan(levels).any()


def test_corruptions_of_small_images_change_them_as_those_of_large_ones_do():
    x = pixels(small_tiles(200, 8)).float() / 255
    mosaic = CORRUPTIONS["mosaic"](x, torch.Generator())
    assert bool((mosaic[..., ::2] == mosaic[..., 1::2]).all())  # of at most 4 pixels per side
    softened = (soften(pixels(255 * x), 0).float() / 255 - x).abs()
    assert float(softened.flatten(1).amax(1).median()) > 0.05
