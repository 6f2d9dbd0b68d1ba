"""While the network of a new data set is trained, the studio decodes and shows the progress."""

import threading
import time
from itertools import count

import numpy as np
import pytest

import latentarium as la
from latentarium import presets
from latentarium.latent import corruption_lookup
from latentarium.latent.corruption_training import train_network
from latentarium.latent.latent_map import LatentMap
from latentarium.studio.loaded_model import LoadedModel
from latentarium.studio.registry import ModelRegistry
from support.browser import StudioServer, in_browser, open_page, pixels, tracked_page, wait_until
from support.errors import raises_code
from support.tiny import tiny_arrays

SECONDS = 60
SEEDS = count(100)
"""Each test needs images that no other test has scored."""
BOX = (-1.0, 1.0, -1.0, 1.0)


@pytest.fixture
def training(monkeypatch, tmp_path):
    """Events of a training that starts, reports a quarter of its steps, and waits to go on."""
    monkeypatch.setenv("LATENTARIUM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(corruption_lookup, "MIN_IMAGES", 100)
    started, may_end = threading.Event(), threading.Event()

    def train(data, *, progress=None):
        assert progress is not None
        progress(25, 100, "loss 0.5")
        started.set()
        assert may_end.wait(SECONDS)
        return train_network(data.train.images, steps=20)

    monkeypatch.setattr(corruption_lookup, "train", train)
    yield started, may_end
    may_end.set()


@pytest.fixture
def registry(training, tmp_path):
    data = la.load_data(*tiny_arrays(400, seed=next(SEEDS)))
    run = la.train(presets.vae_debug(), tmp_path / "run", data)
    maps = [LatentMap(run.load(), data) for _ in range(2)]
    models = [
        LoadedModel(name=f"model {k}", folder=str(k), kind="VAE", latent_map=shown)
        for k, shown in enumerate(maps)
    ]
    return ModelRegistry(models)


def test_other_threads_do_not_wait_for_the_network(registry, training):
    started, may_end = training
    registry.preparation.start()
    assert started.wait(SECONDS)
    for loaded in registry:  # also the model that waits for the first one
        shown = loaded.latent_map
        scored = shown.decode_scored(shown.latents[:3])
        assert scored.pixels.shape[0] == 3
        assert np.isnan(scored.scores).all()
        assert np.isnan(shown.gap_layer("rarity", BOX, 4)).all()
        with raises_code("scores-not-ready"):
            shown.decoder.require_scores()
    learning = [described["learning"] for described in registry.describe()]
    assert [(now["done"], now["total"]) for now in learning] == [(25, 100)] * 2
    may_end.set()
    registry.preparation.wait()
    for loaded in registry:
        shown = loaded.latent_map
        shown.decoder.require_scores()
        assert not np.isnan(shown.decode_scored(shown.latents[:3]).scores[:, 2:4]).any()
        assert not np.isnan(shown.gap_layer("distance", BOX, 4)).any()
    assert [described["learning"] for described in registry.describe()] == [None, None]


def test_stopping_ends_the_training(registry, monkeypatch):
    reports = []

    def train(data, *, progress=None):
        assert progress is not None
        for step in range(10**6):
            progress(step, 10**6, "")
            reports.append(step)

    monkeypatch.setattr(corruption_lookup, "train", train)
    registry.preparation.start()
    while not reports:
        time.sleep(0.01)
    registry.preparation.stop()
    assert len(reports) < 10**6
    assert registry.describe()[0]["learning"] is None


@in_browser
def test_page_shows_the_progress_and_then_the_scores(registry, training, browser):
    started, may_end = training
    studio, context = StudioServer(registry), browser.new_context()
    registry.preparation.start()
    try:
        assert started.wait(SECONDS)
        page = tracked_page(context)
        open_page(page, studio)
        banner, verdict = page.get_by_test_id("learning"), page.get_by_test_id("verdict")
        assert "25 %" in banner.inner_text()
        assert pixels(page)
        assert not verdict.inner_text()
        may_end.set()
        banner.wait_for(state="detached")
        wait_until(page, "document.querySelector('[data-testid=verdict]')?.textContent")
    finally:
        context.close()
        studio.stop()
