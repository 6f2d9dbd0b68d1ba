import dataclasses
import warnings

import numpy as np
import pytest
import torch

from latentarium.classifier.classifier import Judge, load_judge
from latentarium.data.dataset import to_float, to_uint8
from latentarium.data.sources import load_data
from latentarium.errors import UserError
from latentarium.metrics import extractors
from latentarium.metrics.distances import frechet, frechet_floor
from latentarium.metrics.extractors import (
    Extractor,
    PixelPCA,
    RandomConvolutions,
    describe,
    judge_for,
)

SHAPE = (3, 12, 10)


def pixels(n, shape=SHAPE, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(256, (n, *shape), generator=generator).to(torch.uint8)


def makers():
    return {
        "judge": Judge(SHAPE, ("a", "b")).eval(),
        "random": RandomConvolutions(SHAPE, num_features=40),
        "pca": PixelPCA.fit(pixels(80), num_features=16),
    }


@pytest.fixture(params=["judge", "random", "pca"])
def extractor(request):
    return makers()[request.param]


@pytest.fixture(scope="module")
def mnist():
    return load_data("mnist")


def labelled(n=60, classes=("a", "b"), seed=0):
    """Classes of dark and bright images."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % len(classes)
    images = rng.integers(0, 60, (n, 1, 8, 8)) + 150 * labels[:, None, None, None]
    data = load_data(images.astype(np.uint8), labels)
    return dataclasses.replace(data, card=dataclasses.replace(data.card, classes=classes))


# ----------------------------------------------------------------------------- every extractor


def test_each_is_an_extractor_with_a_name_a_hash_and_its_number_of_features(extractor):
    assert isinstance(extractor, Extractor)
    found = extractor.features(pixels(7))
    assert found.shape == (7, extractor.num_features)
    assert found.dtype == torch.float32
    assert not found.requires_grad
    assert len(bytes.fromhex(extractor.hash)) == 32
    assert describe(extractor) == f"{extractor.name} {extractor.hash[:12]}"
    assert extractor.features(pixels(0)).shape == (0, extractor.num_features)


def test_a_sample_scores_the_same_before_it_is_saved_and_after(extractor):
    images = torch.randn(9, *SHAPE, generator=torch.Generator().manual_seed(1))  # beyond 1 too
    saved = to_uint8(images)
    assert not torch.equal(to_float(saved), images)
    assert torch.equal(extractor.features(images), extractor.features(saved))


def test_batches_do_not_matter(extractor):
    x = pixels(11)
    whole, parts = extractor.features(x), extractor.features(x, batch_size=4)
    torch.testing.assert_close(whole, parts, rtol=1e-4, atol=1e-4)


def test_the_hash_is_that_of_what_is_computed():
    for name, first in makers().items():
        if name != "judge":  # which is not seeded here
            assert makers()[name].hash == first.hash
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


def test_what_does_not_fit_is_a_sentence(extractor):
    with pytest.raises(UserError, match=r"\(3, 12, 10\), not \(3, 9, 9\)"):
        extractor.features(pixels(2, (3, 9, 9)))
    broken = to_float(pixels(3))
    broken[1, 0, 0, 0] = torch.nan
    with pytest.raises(UserError, match="not finite"):
        extractor.features(broken)


# ------------------------------------------------------------------------- random convolutions


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 33, 9), (2, 1, 1), (4, 64, 64)])
def test_any_shape_fits_random_convolutions_and_keeps_a_scale(shape):
    e = RandomConvolutions(shape)
    found = e.features(torch.randn(20, *shape, generator=torch.Generator().manual_seed(0)))
    assert found.shape == (20, 128)
    assert 0.01 < float(found.std(0).mean()) < 10


def test_random_convolutions_do_not_touch_the_callers_random_numbers():
    state = torch.random.get_rng_state()
    RandomConvolutions(SHAPE)
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize("name", ["random", "pca", "judge"])
def test_real_images_made_worse_are_far_beyond_the_floor(name, mnist):
    order = torch.randperm(10_000, generator=torch.Generator().manual_seed(0))
    x = mnist.test.images[order[:2000]]
    e = {
        "random": lambda: RandomConvolutions((1, 28, 28)),
        "pca": lambda: PixelPCA.fit(mnist.train.images, max_images=3000),
        "judge": load_judge,
    }[name]()
    real, other = e.features(x[:1000]), e.features(x[1000:])
    floor = frechet_floor(real, 1000).value
    blurred = torch.nn.functional.avg_pool2d(to_float(x[1000:]), 3, 1, 1)
    assert frechet(real, other) < 1.5 * floor
    assert frechet(real, e.features(blurred)) > 3 * floor
    one_class = other[mnist.test.labels[order[1000:2000]] != 1]
    assert frechet(real, one_class) > 1.5 * floor


# ----------------------------------------------------------------------------------- pixel PCA


def test_pixel_pca_finds_the_plane_that_images_lie_in():
    generator = torch.Generator().manual_seed(0)
    axes = torch.linalg.qr(torch.randn(48, 2, generator=generator)).Q
    place = torch.randn(400, 2, generator=generator) * torch.tensor([0.9, 0.3])
    images = (place @ axes.T).view(400, 3, 4, 4)
    e = PixelPCA.fit(images, num_features=2)
    found, kept = e.features(images), to_float(to_uint8(images)).flatten(1)
    # within the plane, distances are those of pixels, but for the rounding of pixels
    torch.testing.assert_close(torch.cdist(found, found), torch.cdist(kept, kept),
                               rtol=0, atol=0.05)  # fmt: skip
    torch.testing.assert_close(found.mean(0), torch.zeros(2), rtol=0, atol=1e-4)
    assert float(found[:, 0].var()) > float(found[:, 1].var())
    covariance = torch.cov(kept.T.double())
    largest = torch.linalg.eigvalsh(covariance)[-2:].flip(0)
    torch.testing.assert_close(found.double().var(0), largest, rtol=1e-3, atol=0)


def test_pixel_pca_has_no_more_axes_than_there_are():
    assert PixelPCA.fit(pixels(100, (1, 2, 3))).num_features == 6
    few = PixelPCA.fit(pixels(5))
    assert (few.num_features, few.name) == (4, "pixel-pca-4")
    with pytest.raises(UserError, match="at least 2"):
        PixelPCA.fit(pixels(1))


def test_images_that_are_all_one_have_no_direction_but_finite_features():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # sklearn's shares of no variance
        e = PixelPCA.fit(torch.zeros(10, *SHAPE))
    assert bool((e.features(torch.zeros(2, *SHAPE)) == 0).all())


# ----------------------------------------------------------------------------------- judge_for


@pytest.fixture
def trained(monkeypatch):
    """Counts and shortens trainings."""
    counted, real = [], extractors.train_judge

    def train(data, *, seed, steps, progress):
        counted.append(steps)
        return real(data, seed=seed, steps=12, checks=2, progress=progress)

    monkeypatch.setattr(extractors, "train_judge", train)
    return counted


def test_mnist_has_the_judge_that_ships(mnist, tmp_path, trained):
    assert judge_for(mnist, cache=tmp_path).hash == load_judge().hash
    assert not trained
    assert not list(tmp_path.iterdir())


def test_a_judge_is_trained_once_for_the_data_and_the_seed(tmp_path, trained):
    lines = []
    first = judge_for(labelled(), cache=tmp_path, progress=lines.append)
    assert "Training a judge" in lines[0]
    assert first.record["data"]["fingerprint"] == labelled().card.fingerprint
    assert judge_for(labelled(), cache=tmp_path).hash == first.hash
    assert len(trained) == 1
    assert judge_for(labelled(), cache=tmp_path, seed=1).hash != first.hash
    judge_for(labelled(seed=1), cache=tmp_path)
    renamed = judge_for(labelled(classes=("dark", "bright")), cache=tmp_path)
    assert renamed.classes == ("dark", "bright")
    assert len(trained) == 4
    assert len(list(tmp_path.iterdir())) == 4  # nothing half-made is left


@pytest.mark.parametrize("steps", [(40, 300), (6400, 890), (200_000, 8600)])
def test_training_is_twenty_passes_within_bounds(steps, tmp_path, trained, monkeypatch):
    """Of n training images, 20 passes in batches of 128."""
    n, expected = steps
    data = labelled()
    monkeypatch.setattr(type(data.train), "__len__", lambda split: n)
    monkeypatch.setattr(
        extractors, "train_judge", lambda *a, **k: trained.append(k["steps"]) or load_judge()
    )
    judge_for(data, cache=tmp_path)
    assert trained == [pytest.approx(expected, rel=0.15)] if n == 6400 else [expected]


@pytest.mark.parametrize("name", ["classifier.json", "classifier.safetensors"])
@pytest.mark.parametrize("content", [None, b"", b"{}"])
def test_a_damaged_judge_is_trained_again_with_a_warning(tmp_path, trained, name, content):
    first = judge_for(labelled(), cache=tmp_path)
    path = next(tmp_path.iterdir()) / name
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.warns(UserWarning, match="is damaged"):
        assert judge_for(labelled(), cache=tmp_path).hash == first.hash
    assert judge_for(labelled(), cache=tmp_path).hash == first.hash  # mended
    assert len(trained) == 2


def test_another_datas_judge_under_this_name_is_not_taken(tmp_path, trained):
    judge_for(labelled(), cache=tmp_path)
    mine = next(tmp_path.iterdir())
    judge_for(labelled(seed=1), cache=tmp_path)
    other = next(p for p in tmp_path.iterdir() if p != mine)
    for file in other.iterdir():
        (mine / file.name).write_bytes(file.read_bytes())
    with pytest.warns(UserWarning, match="is damaged"):
        judge = judge_for(labelled(), cache=tmp_path)
    assert judge.record["data"]["fingerprint"] == labelled().card.fingerprint


def test_a_cache_that_cannot_be_written_is_a_warning_only(tmp_path, trained):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.warns(UserWarning, match="can't be kept"):
        assert judge_for(labelled(), cache=blocked / "judges").classes == ("a", "b")


def test_where_judges_are_kept(tmp_path, trained, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("LATENTARIUM_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, place in [
        ("", tmp_path / "home" / ".cache" / "latentarium" / "judges"),
        ("XDG_CACHE_HOME", tmp_path / "xdg" / "latentarium" / "judges"),
        ("LATENTARIUM_CACHE", tmp_path / "own" / "judges"),
    ]:
        if name:
            monkeypatch.setenv(name, str(tmp_path / name.split("_")[0].lower().replace(
                "latentarium", "own")))  # fmt: skip
        judge_for(labelled())
        assert len(list(place.iterdir())) == 1, name


def test_no_labels_name_the_extractors_that_need_none(tmp_path):
    images = pixels(30, (1, 8, 8)).numpy()
    with pytest.raises(UserError, match="random convolutions or pixel PCA"):
        judge_for(load_data(images), cache=tmp_path)
