"""A studio in a browser: what tests of the page share. A plug-in of `conftest.py`."""

import importlib.util
import os
import socket
import threading
import time
from pathlib import Path

import pytest
import uvicorn

import latentarium as la
from conftest import tiny_arrays
from latentarium import presets
from latentarium.latent.latent_map import Atlas
from latentarium.studio.registry import LoadedModel, ModelRegistry, prepare
from latentarium.studio.server import STATIC, make_app

CHROMIUM = Path(os.environ.get("LATENTARIUM_CHROMIUM", "/usr/bin/chromium"))
NEEDED = os.environ.get("LATENTARIUM_BROWSER") == "needed"
ARGUMENTS = [
    "--no-sandbox", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", "--disable-quic",
]  # fmt: skip

IN_A_BROWSER = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not CHROMIUM.exists() and not NEEDED, reason=f"{CHROMIUM} is not installed"
    ),
    # what Playwright leaves to the garbage collector at its end
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


# Of a page: what it asked for and has not got yet. A pause of less than half a second before it
# asks counts too; what comes again and again (a clock, a feed) does not.
COUNT_WHAT_IS_DUE = """(() => {
  const counts = new Map();
  const count = (what, by) => counts.set(what, (counts.get(what) ?? 0) + by);
  const counted = (what, promised) => async function (...given) {
    count(what, 1);
    try { return await promised.apply(this, given); } finally { count(what, -1); }
  };
  window.fetch = counted("fetch", window.fetch);
  window.createImageBitmap = counted("picture", window.createImageBitmap);
  for (const kind of ["json", "text", "blob", "arrayBuffer"])
    Response.prototype[kind] = counted(kind, Response.prototype[kind]);

  const { setTimeout, clearTimeout } = window, timers = new Set();
  window.setTimeout = (work, delay = 0) => {
    const id = setTimeout(() => { timers.delete(id); work(); }, delay);
    if (delay < 500) timers.add(id);
    return id;
  };
  window.clearTimeout = (id) => { timers.delete(id); clearTimeout(id); };

  window.WebSocket = class extends WebSocket {
    due = 1;  // the connection itself; then an answer for each message
    change(by) { this.due += by; count("socket", by); }
    constructor(...given) {
      super(...given);
      count("socket", 1);
      for (const kind of ["open", "message"]) this.addEventListener(kind, () => this.change(-1));
      this.addEventListener("close", () => this.change(-this.due));
    }
    send(content) { this.change(1); super.send(content); }
  };
  window.due = () => [
    ...[...counts].filter(([, n]) => n > 0).map(([what]) => what),
    ...(timers.size ? ["timer"] : []),
    ...([...document.images].every((image) => image.complete) ? [] : ["image"]),
  ];
})()"""

QUIET = """(seconds) => new Promise((done, failed) => {
  const end = performance.now() + 1000 * seconds;
  let frames = 0;
  const look = () => {
    const due = window.due();
    frames = due.length ? 0 : frames + 1;
    if (frames > 2) done();
    else if (performance.now() > end) failed(new Error(`waited in vain for ${due}`));
    else requestAnimationFrame(look);
  };
  look();
})"""


class Served:
    """A studio in a thread, which can go away and come back."""

    def __init__(self, registry, **settings) -> None:
        self.registry, self.settings = registry, settings
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}/"
        self.start()

    def start(self) -> None:
        app = make_app(self.registry, **self.settings)
        settings = uvicorn.Config(app, "127.0.0.1", self.port, log_level="warning", lifespan="off")
        self.server = uvicorn.Server(settings)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.02)

    def stop(self) -> None:
        self.server.should_exit = self.server.force_exit = True
        self.thread.join()


@pytest.fixture(scope="session")
def served(tmp_path_factory):
    """Four tiny models on a page; a test that adds models has a `Served` of its own."""
    assert (STATIC / "index.html").is_file(), "the page is not built: pip install --editable ."
    images, labels = tiny_arrays(400)
    data = la.load_data(images, labels)
    found = []
    for name, kind in (("ae_debug", "autoencoder"), ("vae_debug", "VAE"),
                       ("gan_debug", "GAN"), ("cgan_debug", "conditional GAN")):  # fmt: skip
        run = la.train(presets.get(name), tmp_path_factory.mktemp(name) / "r", data)
        folder = str(run.folder)
        atlas = Atlas(run.load(), data)
        found.append(LoadedModel(name=name, folder=folder, kind=kind, atlas=atlas, run=run))
    registry = ModelRegistry(found)
    prepare(registry).join()
    studio = Served(registry)
    yield studio
    studio.stop()


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser, served):
    """A page that fails the test on any error in its console and any request to elsewhere."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 800}, reduced_motion="reduce", locale="en-GB"
    )
    page = watched(context)
    trouble: list[str] = []
    page.on("console", lambda m: trouble.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on(
        "request",
        lambda r: (
            None if r.url.startswith((served.address, "data:", "blob:")) else trouble.append(r.url)
        ),
    )
    page.trouble = trouble
    yield page
    context.close()
    assert trouble == []


def watched(context):
    """A page that counts what it waits for."""
    page = context.new_page()
    page.add_init_script(COUNT_WHAT_IS_DUE)
    return page


def benchmark():
    """The script that measures the studio: what it does to the page is done here too."""
    path = Path(__file__).parents[1] / "benchmarks" / "studio.py"
    spec = importlib.util.spec_from_file_location("benchmark_of_the_studio", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def go(page, served, address=""):
    """Opens an address, and waits until its part of the page says that it is ready."""
    page.goto("about:blank")
    page.goto(served.address + address)
    ready(page)
    if "tab=" not in address:
        until(page, "document.querySelector('[data-testid=decoded]')?.width > 0")


def ready(page):
    """Waits until the part of the page that is open says that it is ready, and all that it asked
    for has come."""
    page.wait_for_selector("html[data-ready=yes]")
    quiet(page)


def quiet(page, seconds=10):
    """Waits until all that the page asked for has come and is painted, however long that takes.
    Not for a page that plays."""
    page.evaluate(QUIET, seconds)


def until(page, condition, seconds=10):
    """Waits for a condition in JavaScript, which `page.wait_for_function` can't: the page forbids
    the evaluation of text."""
    end = time.monotonic() + seconds
    while not page.evaluate(condition):
        assert time.monotonic() < end, condition
        page.wait_for_timeout(20)


def address(page):
    """What the address says once it is written."""
    quiet(page)
    return page.evaluate("Object.fromEntries(new URLSearchParams(location.hash.slice(1)))")


def pixels(page, name="decoded"):
    return page.evaluate(
        """(name) => { const c = document.querySelector(`[data-testid=${name}]`);
           return Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data) }""",
        name,
    )


def seen(page, name="map"):
    """Of a large canvas: a hash of its pixels, how many are painted, how many shades there are."""
    return page.evaluate(
        """(name) => { const c = document.querySelector(`[data-testid=${name}]`);
           const data = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
           let hash = 0, painted = 0; const shades = new Set();
           for (let i = 0; i < data.length; i += 4) {
             hash = (Math.imul(hash, 31) + data[i] + 7 * data[i + 3]) | 0;
             if (data[i + 3]) { painted++; shades.add(data[i]); }
           }
           return { hash, painted, shades: shades.size } }""",
        name,
    )


def drag(page, steps):
    box = page.locator(".map").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    for x, y in steps:
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
        quiet(page)
    page.mouse.up()
    quiet(page)
