"""The convolutional network that tells corrupted images from real ones, and its cache."""

import warnings

import numpy as np
import pytest
import torch

import latentarium as la
from latentarium.classifier.lookup import CacheWarning
from latentarium.latent import corruption_lookup
from latentarium.latent.corruption_lookup import corruption_network
from latentarium.latent.corruption_network import (
    MAX_SIDE,
    MIN_COLOUR_CHANNELS,
    NUM_SAMPLES,
    CorruptionNetwork,
    load_network,
    reduce,
    save_network,
)
from latentarium.latent.corruption_training import train_network
from latentarium.latent.corruptions import MORE_CORRUPTIONS, corrupt, shuffle_patches
from latentarium.latent.realism import RealismScorer
from support.errors import raises_code

SIDE = 12


def crosses(n, seed=0, channels=1):
    """Return images of one bright cross at a random place."""
    rng = np.random.default_rng(seed)
    images = np.zeros((n, channels, SIDE, SIDE), np.uint8)
    for image in images:
        i, j = rng.integers(3, SIDE - 3, 2)
        image[:, i - 3 : i + 4, j] = image[:, i, j - 3 : j + 4] = rng.integers(180, 256)
    return torch.from_numpy(images)


@pytest.fixture(scope="module")
def trained():
    return train_network(crosses(500), steps=80)


def test_network_learns_to_tell_shuffled_patches_it_has_not_seen(trained):
    fresh = crosses(200, seed=1)
    shuffled = shuffle_patches(fresh.float() / 255, torch.Generator().manual_seed(5)) * 255
    real, bad = trained.log_odds(fresh), trained.log_odds(shuffled.to(torch.uint8))
    better = (bad[:, None] > real[None]).double().mean()  # area under the ROC curve
    assert float(better) > 0.9


def test_training_is_reproducible_and_leaves_the_random_state_alone():
    images = crosses(100)
    torch.manual_seed(3)
    state = torch.random.get_rng_state()
    first, again, other = (train_network(images, steps=3, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(state, torch.random.get_rng_state())
    assert torch.equal(first.log_odds(images), again.log_odds(images))
    assert not torch.equal(first.log_odds(images), other.log_odds(images))


@pytest.mark.parametrize("shape", [(1, 4, 4), (3, 64, 64), (5, 8, 64), (1, 33, 20), (2, 28, 28)])
def test_every_shape_has_a_network(shape):
    images = torch.randint(0, 256, (9, *shape), generator=torch.Generator().manual_seed(0))
    images = images.to(torch.uint8)
    lines = []
    network = train_network(images, steps=2, progress=lambda *step: lines.append(step))
    assert lines[-1][:2] == ((3, 3) if shape[0] >= MIN_COLOUR_CHANNELS else (2, 2))
    odds = network.log_odds(images, batch_size=2)
    assert bool(odds.isfinite().all())
    torch.testing.assert_close(odds, network.log_odds(images), rtol=1e-4, atol=1e-4)
    assert max(reduce(images).shape[2:]) <= MAX_SIDE


def test_saved_network_is_the_trained_one(trained, tmp_path):
    path = tmp_path / "new" / "network.safetensors"
    save_network(trained, path, fingerprint="a")
    loaded = load_network(path, fingerprint="a")
    assert loaded is not None
    images = crosses(20)
    assert torch.equal(loaded.log_odds(images), trained.log_odds(images))
    assert load_network(path, fingerprint="b") is None


def test_samples_of_colour_images_are_saved_with_the_network(tmp_path):
    path = tmp_path / "network.safetensors"
    network = train_network(crosses(60, channels=3), steps=2)
    assert network.samples is not None
    assert network.samples.shape == (NUM_SAMPLES, 3, SIDE, SIDE)
    assert len(network.samples.unique()) > 2
    save_network(network, path, fingerprint="a")
    loaded = load_network(path, fingerprint="a")
    assert loaded is not None
    assert loaded.samples is not None
    assert torch.equal(loaded.samples, network.samples)
    assert CorruptionNetwork((1, SIDE, SIDE)).samples is None


def test_damaged_file_is_an_error(trained, tmp_path):
    path = tmp_path / "network.safetensors"
    save_network(trained, path, fingerprint="a")
    for content in (b"", b"x" * 100, path.read_bytes()[:-100]):
        path.write_bytes(content)
        with raises_code("damaged-network"):
            load_network(path, fingerprint="a")
    broken = CorruptionNetwork((1, SIDE, SIDE))
    torch.nn.init.constant_(next(broken.parameters()), torch.nan)
    save_network(broken, path, fingerprint="a")
    with raises_code("damaged-network"):
        load_network(path, fingerprint="a")


@pytest.fixture
def few_steps(monkeypatch, tmp_path):
    monkeypatch.setenv("LATENTARIUM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(corruption_lookup, "STEPS", 2)
    monkeypatch.setattr(corruption_lookup, "MIN_IMAGES", 100)


def test_network_is_trained_once_and_then_read(few_steps, tmp_path):
    data, lines = la.load_data(crosses(200).numpy()), []
    first = corruption_network(data, progress=lambda *step: lines.append(step))
    assert lines
    again = corruption_network(data, progress=lambda *step: pytest.fail(str(step)))
    assert first is not None
    assert again is not None
    assert torch.equal(first.log_odds(data.test.images), again.log_odds(data.test.images))
    (path,) = (tmp_path / "cache").rglob("*.safetensors")
    path.write_bytes(b"damaged")
    with pytest.warns(CacheWarning, match="damaged"):
        corruption_network(data)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        corruption_network(data)


def test_cache_that_cannot_be_written_leads_to_a_warning(few_steps, tmp_path):
    (tmp_path / "cache").write_bytes(b"a file")
    with pytest.warns(CacheWarning, match="can't be cached"):
        assert corruption_network(la.load_data(crosses(200).numpy())) is not None


def test_few_images_have_no_network():
    assert corruption_network(la.load_data(crosses(200).numpy())) is None


def test_scores_use_the_network(few_steps, monkeypatch):
    data = la.load_data(crosses(300).numpy())
    with_network = RealismScorer(data, None)
    monkeypatch.setattr(corruption_lookup, "MIN_IMAGES", 10**6)
    without = RealismScorer(data, None)
    corrupted = corrupt(data.test.images, 0)
    a, b = (scorer.score(corrupted).values["corruption"] for scorer in (with_network, without))
    assert bool((a >= b).all())  # the network adds to the odds of the other discriminator
    assert not torch.equal(a, b)


def test_shipped_network_is_that_of_mnist(monkeypatch, tmp_path):
    monkeypatch.setenv("LATENTARIUM_CACHE", str(tmp_path))
    data = la.load_data("mnist")
    network = corruption_network(data, progress=lambda *step: pytest.fail(str(step)))
    assert network is not None
    real = data.test.images[:500]
    bad = corrupt(real, 3)
    assert float((network.log_odds(bad)[:, None] > network.log_odds(real)).double().mean()) > 0.95


@pytest.mark.parametrize("kind", MORE_CORRUPTIONS)
def test_more_corruptions_change_images_and_keep_their_shape(kind):
    x = torch.rand(9, 3, 13, 17, generator=torch.Generator().manual_seed(0))
    changed, again = (kind(x, torch.Generator().manual_seed(1)) for _ in range(2))
    assert changed.shape == x.shape
    assert bool((changed - x).abs().flatten(1).amax(1).gt(0.05).all())
    assert torch.equal(changed, again)
    assert float(changed.min()) >= -1e-6
    assert float(changed.max()) <= 1 + 1e-6
