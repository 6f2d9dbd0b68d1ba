"""Fixtures for all tests: a pytest plugin, see `conftest.py`.

They import the package when they are used, since the process that starts the workers loads this
module but runs no test.
"""

import numpy as np
import pytest


@pytest.fixture(scope="session", autouse=True)
def _equal_priorities():
    """Run child processes at the priority of the tests; at a lower one, they take much longer."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("latentarium.studio.process_ids.BACKGROUND_NICENESS", 0)
        yield


@pytest.fixture
def data():
    """The tiny images with labels."""
    from support.tiny import tiny_data

    return tiny_data()


@pytest.fixture
def npz(tmp_path):
    """The tiny images with labels, as a file."""
    from support.tiny import tiny_arrays

    images, labels = tiny_arrays()
    path = tmp_path / "tiny.npz"
    np.savez(path, images=images[:, 0], labels=labels)
    return path


@pytest.fixture(scope="session")
def served(tmp_path_factory):
    """A studio with four tiny models. A test that opens more models needs a `StudioServer` of its
    own."""
    import latentarium as la
    from latentarium import presets
    from latentarium.latent.latent_map import LatentMap
    from latentarium.studio.loaded_model import LoadedModel
    from latentarium.studio.registry import ModelRegistry
    from latentarium.studio.server import STATIC
    from support.browser import StudioServer
    from support.tiny import tiny_arrays

    assert (STATIC / "index.html").is_file(), "the page isn't built; run pip install --editable ."
    images, labels = tiny_arrays(400)
    data = la.load_data(images, labels)
    models = []
    for name, kind in (("ae_debug", "autoencoder"), ("vae_debug", "VAE"),
                       ("gan_debug", "GAN"), ("cgan_debug", "conditional GAN")):  # fmt: skip
        run = la.train(presets.get(name), tmp_path_factory.mktemp(name) / "r", data)
        folder = str(run.folder)
        latent_map = LatentMap(run.load(), data)
        models.append(
            LoadedModel(name=name, folder=folder, kind=kind, latent_map=latent_map, run=run)
        )
    registry = ModelRegistry(models)
    registry.preparation.start()
    registry.preparation.wait()
    studio = StudioServer(registry, runs=tmp_path_factory.mktemp("runs"))
    yield studio
    studio.stop()


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    from support.browser import ARGUMENTS, CHROMIUM

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser, served):
    """A page that fails the test on errors in its console and on requests to other servers."""
    from support.browser import tracked_page

    context = browser.new_context(
        viewport={"width": 1280, "height": 800}, reduced_motion="reduce", locale="en-GB"
    )
    page = tracked_page(context)
    problems: list[str] = []
    page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "request",
        lambda r: (
            None
            if r.url.startswith((served.address, "data:", "blob:"))
            else problems.append(r.url)
        ),
    )
    page.problems = problems
    yield page
    context.close()
    assert problems == []
