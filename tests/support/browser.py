"""Helpers for tests that open the studio in a browser."""

import ast
import contextlib
import importlib.util
import os
import re
import socket
import sys
import threading
import time
from pathlib import Path

import pytest
import uvicorn

import latentarium as la
from latentarium.latent.latent_map import LatentMap
from latentarium.studio.loaded_model import LoadedModel
from latentarium.studio.registry import ModelRegistry
from latentarium.studio.server import make_app

# the first one takes about 60 % of the processor time of the second
BROWSERS = ("/usr/bin/chromium-headless-shell", "/usr/bin/chromium")
CHROMIUM = Path(
    os.environ.get("LATENTARIUM_CHROMIUM") or next(filter(os.path.exists, BROWSERS), BROWSERS[-1])
)
NEEDED = os.environ.get("LATENTARIUM_BROWSER") == "needed"
ARGUMENTS = [
    "--no-sandbox", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", "--disable-quic",
]  # fmt: skip

BROWSER_MARKS = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not CHROMIUM.exists() and not NEEDED, reason=f"{CHROMIUM} is not installed"
    ),
    # Playwright leaves open resources to the garbage collector when it stops
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def in_browser(test):
    """Mark a single test that needs a browser, in a module whose other tests need none."""
    for mark in BROWSER_MARKS:
        test = mark(test)
    return test


# Tracks the requests, images and short timers of a page that are still pending. Timers of half a
# second or more are ignored, since a page that polls would never become idle.
TRACK_PENDING = """(() => {
  const counts = new Map();
  const count = (kind, by) => counts.set(kind, (counts.get(kind) ?? 0) + by);
  const counted = (kind, call) => async function (...args) {
    count(kind, 1);
    try { return await call.apply(this, args); } finally { count(kind, -1); }
  };
  window.fetch = counted("fetch", window.fetch);
  window.createImageBitmap = counted("picture", window.createImageBitmap);
  for (const kind of ["json", "text", "blob", "arrayBuffer"])
    Response.prototype[kind] = counted(kind, Response.prototype[kind]);

  const { setTimeout, clearTimeout } = window, timers = new Set();
  window.setTimeout = (callback, delay = 0) => {
    const id = setTimeout(() => { timers.delete(id); callback(); }, delay);
    if (delay < 500) timers.add(id);
    return id;
  };
  window.clearTimeout = (id) => { timers.delete(id); clearTimeout(id); };

  window.WebSocket = class extends WebSocket {
    pending = 1;  // opening the connection, then one reply for each message
    change(by) { this.pending += by; count("socket", by); }
    constructor(...args) {
      super(...args);
      count("socket", 1);
      for (const kind of ["open", "message"]) this.addEventListener(kind, () => this.change(-1));
      this.addEventListener("close", () => this.change(-this.pending));
    }
    send(content) { this.change(1); super.send(content); }
  };
  window.pending = () => [
    ...[...counts].filter(([, n]) => n > 0).map(([kind]) => kind),
    ...(timers.size ? ["timer"] : []),
    ...([...document.images].every((image) => image.complete) ? [] : ["image"]),
  ];
})()"""

WAIT_IDLE = """(seconds) => new Promise((resolve, reject) => {
  const end = performance.now() + 1000 * seconds;
  let idleFrames = 0;
  const check = () => {
    const pending = window.pending();
    idleFrames = pending.length ? 0 : idleFrames + 1;
    if (idleFrames > 2) resolve();
    else if (performance.now() > end) reject(new Error(`still pending: ${pending}`));
    else requestAnimationFrame(check);
  };
  check();
})"""


class StudioServer:
    """A studio in a thread, which can be stopped and restarted on the same port."""

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


def tracked_page(context):
    """Open a page for which `wait_idle` works."""
    page = context.new_page()
    page.add_init_script(TRACK_PENDING)
    return page


def load_benchmark():
    """Import the benchmark of the studio, whose page scripts the tests reuse."""
    path = Path(__file__).parents[2] / "benchmarks" / "studio.py"
    sys.path.append(str(path.parent))  # it imports other files of this folder
    spec = importlib.util.spec_from_file_location("studio_benchmark", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def open_page(page, served, address=""):
    """Open an address of the studio and wait until the page is idle."""
    page.goto("about:blank")
    page.goto(served.address + address)
    wait_ready(page)
    if "tab=" not in address:
        wait_until(page, "document.querySelector('[data-testid=decoded]')?.width > 0")


def forget_problems(page, *expected):
    """Require that each message of the browser contains one of these words, and clear them."""
    unexpected = [line for line in page.problems if not any(word in line for word in expected)]
    assert unexpected == []
    page.problems.clear()


def wait_ready(page):
    """Wait until the open part of the page is ready and the page is idle."""
    page.wait_for_selector("html[data-ready=yes]")
    wait_idle(page)


def wait_idle(page, seconds=10):
    """Wait until everything that the page requested is loaded and painted. A page that plays an
    animation never becomes idle."""
    page.evaluate(WAIT_IDLE, seconds)


def wait_until(page, condition, seconds=10):
    """Wait for a condition in JavaScript. `page.wait_for_function` doesn't work here, since the
    page's content security policy forbids `eval`."""
    end = time.monotonic() + seconds
    while not page.evaluate(condition):
        assert time.monotonic() < end, condition
        page.wait_for_timeout(20)


def address(page):
    """Return the parameters in the address of an idle page."""
    wait_idle(page)
    return page.evaluate("Object.fromEntries(new URLSearchParams(location.hash.slice(1)))")


def pixels(page, name="decoded"):
    """Return the RGBA values of a small canvas."""
    return page.evaluate(
        """(name) => { const c = document.querySelector(`[data-testid=${name}]`);
           return Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data) }""",
        name,
    )


def run_copied(code, data, folder):
    """Run copied Python in a folder, with data that are in memory; return its variables."""
    for line in code.splitlines():
        if "la.LatentMap(" in line:
            code = code.replace(line, "latent_map = la.LatentMap(model, data)")
    return execute_copied(code, {"data": data}, folder)


def execute_copied(code, names, folder):
    """Run copied Python in a folder, and return its variables.

    The code may use nothing but the public interface, and must save a picture.
    """
    imports = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Import)]
    assert {alias.name for node in imports for alias in node.names} <= {"latentarium", "torch"}
    assert "from " not in code
    assert set(re.findall(r"\bla\.(\w+)", code)) <= set(la.__all__)
    assert not re.findall(r"\._\w+", code)
    before = set(folder.iterdir())
    with contextlib.chdir(folder):
        exec(code, names)
    assert set(folder.iterdir()) - before, "no picture was saved"
    return names


def canvas_summary(page, name="map"):
    """Return a hash of the pixels of a canvas, the number of painted pixels, and of shades."""
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
    """Drag from the centre of the map over points given as shares of its size."""
    box = page.locator(".map").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    for x, y in steps:
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
        wait_idle(page)
    page.mouse.up()
    wait_idle(page)


def studio_of(run, data, kind) -> StudioServer:
    """Return a studio with the model of one run, given its images and its displayed kind."""
    loaded = LoadedModel(
        name="m",
        folder=str(run.folder),
        kind=kind,
        latent_map=LatentMap(run.load(), data),
        run=run,
    )
    return StudioServer(ModelRegistry([loaded]))
