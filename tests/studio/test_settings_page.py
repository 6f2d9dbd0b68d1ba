"""The settings of a preset in a browser: change, check, reset, train."""

import pytest

from latentarium.config import AutoencoderConfig
from latentarium.run import Run
from latentarium.studio.registry import load_registry
from support.browser import BROWSER_MARKS, StudioServer, open_page, wait_until

pytestmark = BROWSER_MARKS


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def served(runs):
    studio = StudioServer(load_registry([]), runs=runs)
    yield studio
    studio.stop()


def test_settings_are_checked_while_typing_and_used_by_the_training(page, served, runs):
    open_page(page, served, "#tab=train")
    page.get_by_role("radio", name="vae_debug").click()
    start, command = page.get_by_test_id("start-run"), page.get_by_test_id("code-command")
    model = page.get_by_test_id("settings-model")
    model.locator("summary").click()
    beta = page.get_by_label("Beta --model.beta")
    assert beta.get_attribute("placeholder") == "1"  # the value of the preset
    assert "Weight of the KL term" in model.inner_text()
    beta.fill("-2")
    problem = model.locator(".problem")
    problem.wait_for()
    assert "at least 0" in problem.inner_text()
    assert start.is_disabled()
    beta.fill("2.5e0")
    problem.wait_for(state="detached")
    page.get_by_label("--model.latent-dim").fill("3")
    page.get_by_label("--model.binarize").check()
    wait_until(page, "document.querySelector('pre.command').innerText.includes('binarize')")
    options = "--model.latent-dim 3 --model.beta 2.5 --model.binarize"
    assert command.inner_text().endswith(options)
    assert "3 changed" in model.locator("summary").inner_text()
    page.get_by_label("--model.likelihood", exact=False).first.select_option("gaussian")
    page.get_by_text("binarize is True and likelihood is 'gaussian'").wait_for()  # together
    assert start.is_disabled()
    page.get_by_role("button", name="Reset to bernoulli").click()
    page.get_by_test_id("settings").locator(".problem").wait_for(state="detached")

    # what was entered is still there after the Back button
    page.get_by_test_id("run-name").fill("數字 7")
    page.get_by_test_id("run-steps").fill("12")
    page.get_by_role("button", name="Compare").click()
    wait_until(page, "location.hash.includes('compare')")
    page.go_back()
    page.get_by_test_id("settings-model.encoder").wait_for()
    assert page.get_by_test_id("run-name").input_value() == "數字 7"
    assert page.get_by_test_id("run-steps").input_value() == "12"
    wait_until(page, "document.querySelector('pre.command').innerText.includes('binarize')")
    assert "--model.latent-dim 3 --model.beta 2.5" in command.inner_text()
    page.get_by_test_id("run-name").fill("")
    page.get_by_test_id("run-steps").fill("")
    model.locator("summary").click()

    # settings that the next preset doesn't have are dropped, the others are kept
    page.get_by_role("radio", name="gan_debug").first.click()
    wait_until(page, "document.querySelector('pre.command').innerText.endsWith('latent-dim 3')")
    page.get_by_role("radio", name="vae_debug").click()
    page.get_by_test_id("settings-model.encoder").wait_for()
    beta.fill("0.5")
    page.get_by_test_id("language").click()
    assert "KL 項的權重" in model.inner_text()
    assert model.locator("[lang=en]").count() == 0  # everything is translated
    page.get_by_test_id("language").click()
    page.get_by_test_id("run-name").fill("changed")
    wait_until(page, "document.querySelector('pre.command').innerText.includes('beta 0.5')")
    start.click()
    page.locator("article header .chip.done").wait_for(timeout=120_000)
    config = Run(runs / "changed").config.model
    assert isinstance(config, AutoencoderConfig)
    assert (config.beta, config.latent_dim, config.binarize) == (0.5, 3, False)


def test_the_chosen_prior_has_settings_of_its_own(page, served):
    open_page(page, served, "#tab=train&lang=zh-TW")
    page.get_by_role("radio", name="vae_debug").click()
    page.get_by_test_id("settings-model").locator("summary").click()
    assert page.get_by_test_id("settings-model.prior").count() == 0
    prior = page.locator("[id='setting-model.prior']")
    prior.select_option("flow")
    group = page.get_by_test_id("settings-model.prior")
    group.locator("summary").click()
    assert "轉換次數" in group.inner_text()
    page.locator("[id='setting-model.prior.transforms']").fill("2")
    command = page.get_by_test_id("code-command")
    command.filter(has_text='{"kind": "flow", "transforms": 2}').wait_for()
    prior.select_option("mixture")
    page.locator("[id='setting-model.prior.components']").wait_for()
    command.filter(has_text="--model.prior mixture").wait_for()
    assert page.locator("[id='setting-model.prior.transforms']").count() == 0
    page.get_by_test_id("reset-settings").click()
    group.wait_for(state="detached")
    assert "--model.prior" not in command.inner_text()
