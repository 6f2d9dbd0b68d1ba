"""A restarted server knows only the models of its command line; the page restores the others."""

import re
import shutil
import time
from dataclasses import replace

import numpy as np
import pytest

import latentarium as la
from conftest import tiny_arrays
from latentarium import presets
from latentarium.studio.registry import load_registry
from support.browser import BROWSER_MARKS, StudioServer, address, open_page, pixels

pytestmark = BROWSER_MARKS
REFUSED = ("ERR_CONNECTION_REFUSED", "WebSocket")
"""Parts of the messages that the browser logs while the server is down."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three different runs whose data can be loaded again."""
    folder = tmp_path_factory.mktemp("runs")
    images, labels = tiny_arrays(300)
    np.savez(folder / "d.npz", images=images, labels=labels)
    config = presets.get("vae_debug")
    for seed, name in enumerate("abc"):
        train = replace(config.train, data=str(folder / "d.npz"), seed=seed, steps=20)
        la.train(replace(config, train=train), folder / name)
    return folder


@pytest.fixture
def served(folder):
    """A studio that has opened one of the runs."""
    studio = StudioServer(load_registry([folder / "a"]), runs=folder)
    yield studio
    studio.stop()


def restart(page, served, folder):
    """Restart the server with the same command while the page is open."""
    served.stop()
    page.get_by_test_id("connection-lost").wait_for()
    page.wait_for_timeout(300)  # after one failed request, the page waits for the connection
    served.registry = load_registry([folder / "a"])
    served.start()
    page.get_by_test_id("connection-lost").wait_for(state="detached")


def assert_no_errors(page):
    """Assert that the console contains only a few messages about refused connections."""
    refused = [line for line in page.problems if any(word in line for word in REFUSED)]
    assert len(refused) < 20
    rest = [line for line in page.problems if line not in refused]
    page.problems.clear()
    assert rest == []


def test_opened_runs_are_reopened_after_a_restart(page, served, folder):
    for name in "cb":
        page.request.post(f"{served.address}api/runs/{name}/show")
    open_page(page, served, f"#of={folder / 'b'}&model=2&x=0.3&y=0.2")
    before = pixels(page)
    restart(page, served, folder)
    assert [model.name for model in served.registry] == ["a", "c", "b"]  # in the same order
    page.locator(".map").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    radio = page.get_by_role("radio", name=re.compile("^b VAE"))
    assert radio.get_attribute("aria-checked") == "true"
    end = time.monotonic() + 10
    while pixels(page) != before:  # the reply may be on its way
        assert time.monotonic() < end
        page.wait_for_timeout(20)
    assert page.get_by_role("alert").count() == 0
    assert_no_errors(page)


def test_address_reopens_its_runs_after_a_restart(page, served, folder):
    view = f"#of={folder / 'c'}&model=7"
    open_page(page, served, view)
    assert (
        page.get_by_role("radio", name=re.compile("^c VAE")).get_attribute("aria-checked")
        == "true"
    )
    assert len(served.registry) == 2
    open_page(page, served, "#tab=compare")
    page.get_by_role("checkbox", name="a", exact=True).wait_for()
    page.request.post(f"{served.address}api/runs/b/show")
    page.reload()
    page.get_by_role("checkbox", name="c", exact=True).uncheck()
    assert address(page)["c.models"] == "0.2"
    compared = page.url
    restart(page, served, folder)
    page.goto("about:blank")
    page.goto(compared)
    page.wait_for_selector("html[data-ready=yes]")
    heads = page.locator("article h2, article h3").all_inner_texts()
    assert [head.split()[0] for head in heads] == ["a", "b"], heads
    assert_no_errors(page)


def test_runs_that_cannot_be_reopened_are_reported(page, served, folder, tmp_path):
    damaged = folder / "damaged"
    shutil.copytree(folder / "b", damaged)
    weights = next(damaged.glob("weights*"))
    weights.write_bytes(weights.read_bytes()[:100])
    try:
        open_page(page, served, f"#of={damaged}")
        assert "damaged" in page.get_by_test_id("model-not-open").inner_text()
        assert len(served.registry) == 1
    finally:
        shutil.rmtree(damaged)
    open_page(page, served, "#tab=compare&c.of=%5B%22gone/x%22%5D&of=gone/y")
    assert "gone/x" in page.get_by_test_id("models-missing").inner_text()
    open_page(page, served, "#tab=compare&c.of=%5B7,{")  # not valid JSON
    assert page.get_by_role("alert").count() == 0
