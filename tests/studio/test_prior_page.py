"""The choice of a prior in a browser: an autoencoder gets another prior, which is fitted first."""

import shutil

import numpy as np
import pytest

import latentarium as la
from latentarium import presets
from latentarium.config import change_settings
from latentarium.run.priors import prior_kinds
from latentarium.studio.registry import load_registry
from support.browser import BROWSER_MARKS, StudioServer, address, open_page, wait_idle
from support.keyboard import tab_to
from support.tiny import tiny_arrays

pytestmark = BROWSER_MARKS


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    place = tmp_path_factory.mktemp("runs")
    pixels, labels = tiny_arrays(400)
    np.savez(place / "tiny.npz", images=pixels[:, 0], labels=labels)
    config = change_settings(presets.ae_debug(), {"train.data": str(place / "tiny.npz")})
    return la.train(config, place / "ae", la.load_data(place / "tiny.npz")).folder


@pytest.fixture
def served(original, tmp_path):
    folder = shutil.copytree(original, tmp_path / "ae")
    registry = load_registry([folder])
    registry.preparation.start()
    registry.preparation.wait()
    studio = StudioServer(registry, runs=tmp_path / "runs")
    yield studio
    studio.stop()


@pytest.mark.parametrize("part", ["tab=generate", "tool=gaussians"])
def test_a_prior_is_fitted_and_used_and_the_trained_one_comes_back(page, served, tmp_path, part):
    open_page(page, served, f"#{part}")
    picker = page.get_by_test_id("prior-picker")
    choice = picker.get_by_role("combobox", name="Prior")
    assert picker.get_by_role("button", name="Use").is_disabled()  # the trained prior is in use
    choice.select_option("class-gaussian")
    tab_to(page, picker.get_by_role("button", name="Fit and use"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/*class-gaussian*", timeout=120_000)
    wait_idle(page)
    assert prior_kinds(tmp_path / "ae") == ["class-gaussian"]
    assert address(page)["of"].endswith("ae@class-gaussian")
    assert choice.input_value() == "class-gaussian"
    if part == "tab=generate":
        assert page.get_by_role("radiogroup", name="Class").is_visible()
    choice.select_option("trained")
    picker.get_by_role("button", name="Use").click()
    page.wait_for_url("**/*ae%40trained*")
    wait_idle(page)
    assert choice.input_value() == "trained"
    assert served.registry[int(address(page)["model"])].latent_map.model.fitted_prior is None


def test_a_fit_can_be_cancelled(page, served, tmp_path):
    open_page(page, served, "#tab=generate&lang=zh-TW")
    picker = page.get_by_test_id("prior-picker")
    picker.get_by_role("combobox").select_option("flow")
    picker.get_by_role("button", name="擬合並套用").click()
    picker.get_by_role("button", name="取消").click()
    picker.get_by_role("button", name="擬合並套用").wait_for()
    assert "擬合" in picker.inner_text()
    assert prior_kinds(tmp_path / "ae") == []
    assert len(served.registry) == 1
