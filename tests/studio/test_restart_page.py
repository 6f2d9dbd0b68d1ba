"""A server that is started anew knows only what its command says: the page knows the rest."""

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
from pages import IN_A_BROWSER, Served, address, go, pixels

pytestmark = IN_A_BROWSER
REFUSED = ("ERR_CONNECTION_REFUSED", "WebSocket")
"""What the browser itself reports of a server that is gone."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Runs that differ, and images that can be found again."""
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
    """A studio with one of them on show."""
    studio = Served(load_registry([folder / "a"]), runs=folder)
    yield studio
    studio.stop()


def restart(page, served, folder):
    """The same command once more, while the page is open."""
    served.stop()
    page.get_by_text("The server is gone").wait_for()
    page.wait_for_timeout(300)  # a request that fails is made once, and then waits
    served.registry = load_registry([folder / "a"])
    served.start()
    page.get_by_text("The server is gone").wait_for(state="detached")


def quiet(page):
    """Nothing was said but what the browser says of refused connections, and little of that."""
    refused = [line for line in page.trouble if any(word in line for word in REFUSED)]
    assert len(refused) < 20
    rest = [line for line in page.trouble if line not in refused]
    page.trouble.clear()
    assert rest == []


def test_what_was_put_on_show_is_put_on_show_again(page, served, folder):
    for name in "cb":
        page.request.post(f"{served.address}api/runs/{name}/show")
    go(page, served, f"#of={folder / 'b'}&model=2&x=0.3&y=0.2")
    before = pixels(page)
    restart(page, served, folder)
    assert [one.name for one in served.registry] == ["a", "c", "b"]  # in the same order
    page.locator(".map").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    radio = page.get_by_role("radio", name=re.compile("^b VAE"))
    assert radio.get_attribute("aria-checked") == "true"
    end = time.monotonic() + 10
    while pixels(page) != before:  # the last answer is on its way
        assert time.monotonic() < end
        page.wait_for_timeout(20)
    assert page.get_by_role("alert").count() == 0
    quiet(page)


def test_an_address_opens_after_a_restart_as_it_was(page, served, folder):
    view = f"#of={folder / 'c'}&model=7"
    go(page, served, view)
    assert (
        page.get_by_role("radio", name=re.compile("^c VAE")).get_attribute("aria-checked")
        == "true"
    )
    assert len(served.registry) == 2
    go(page, served, "#tab=compare")
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
    assert [one.split()[0] for one in heads] == ["a", "b"], heads
    quiet(page)


def test_what_cannot_be_shown_again_is_said(page, served, folder, tmp_path):
    damaged = folder / "damaged"
    shutil.copytree(folder / "b", damaged)
    weights = next(damaged.glob("weights*"))
    weights.write_bytes(weights.read_bytes()[:100])
    try:
        go(page, served, f"#of={damaged}")
        said = page.get_by_role("alert").inner_text()
        assert "not on show" in said
        assert "damaged" in said.split("show", 1)[1]
        assert len(served.registry) == 1
    finally:
        shutil.rmtree(damaged)
    go(page, served, "#tab=compare&c.of=%5B%22gone/x%22%5D&of=gone/y")
    assert "gone/x" in page.get_by_role("alert").inner_text()
    go(page, served, "#tab=compare&c.of=%5B7,{")  # by a hand that slipped
    assert page.get_by_role("alert").count() == 0
