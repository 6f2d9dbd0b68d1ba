"""Measure how fast the studio's page reacts: `python benchmarks/studio.py`. It needs Debian's
chromium and uses the shipped models. The server runs in a separate process, as users start it.
Results in benchmarks/results/studio.json.

    pointer    from a pointer move to the painted image; for the VAE also during a training
    redraw     from a turn of the wheel to the painted map with all its points
    paint      from the request of the page to the map and the first decoded image
    blocked    the longest task of the page's main thread in each part while it is used (Chromium
               reports tasks of more than 50 ms)
    crowd      100 clients that decode at the same time for a minute

With --tour, a run of `make tour` is opened in the Train tab too.
"""

import argparse
import asyncio
import contextlib
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import websockets
from playwright.sync_api import Browser, Page, sync_playwright
from studio_process import memory_mib, studio_process

from latentarium.machine import describe_machine, versions
from latentarium.studio.protocol import REQUEST

OUT = Path(__file__).parent / "results" / "studio.json"
CHROMIUM = "/usr/bin/chromium"
MODELS = ("ae", "vae", "gan", "cgan")
"""The shipped models, in the order of their numbers."""
VIEWS = {
    "explore": "#model=1",
    "gaps": "#model=0&gaps=distance",
    "gaussians": "#model=1&tool=gaussians",
    "path": "#model=0&tool=path",
    "seeds": "#model=3",
    "compare": "#tab=compare",
    "generate": "#tab=generate&model=3&g.n=64",
    "lab": "#tab=train&t.view=lab",
}
RECORD_LONG_TASKS = """window.longest = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.longest.push(entry.duration);
}).observe({ type: 'longtask', buffered: true });"""
POINTER = """async () => {
  const map = document.querySelector('.map');
  const context = document.querySelector('[data-testid=decoded]').getContext('2d');
  const box = map.getBoundingClientRect(), times = [];
  map.setPointerCapture = () => {};
  for (let i = 0; i < 220; i++) {
    const painted = new Promise((done) => {
      context.putImageData = function (...given) {
        CanvasRenderingContext2D.prototype.putImageData.apply(this, given);
        done();
      };
    });
    const x = box.x + box.width * (0.5 + 0.35 * Math.cos(i / 9));
    const y = box.y + box.height * (0.5 + 0.35 * Math.sin(i / 7));
    const at = { clientX: x, clientY: y, bubbles: true };
    const began = performance.now();
    map.dispatchEvent(new PointerEvent(i ? 'pointermove' : 'pointerdown', at));
    await painted;
    if (i >= 20) times.push(performance.now() - began);
    await new Promise((done) => setTimeout(done, 4));
  }
  return times;
}"""
REDRAW = """async () => {
  const map = document.querySelector('.map'), box = map.getBoundingClientRect(), times = [];
  const context = document.querySelector('[data-testid=map]').getContext('2d');
  for (let i = 0; i < 60; i++) {
    const painted = new Promise((done) => {
      context.putImageData = function (...given) {
        CanvasRenderingContext2D.prototype.putImageData.apply(this, given);
        done();
      };
    });
    const at = { clientX: box.x + box.width / 2, clientY: box.y + box.height / 2 };
    const turn = { ...at, deltaY: i % 2 ? 5 : -5, bubbles: true, cancelable: true };
    const began = performance.now();
    map.dispatchEvent(new WheelEvent('wheel', turn));
    await painted;
    times.push(performance.now() - began);
    await new Promise((done) => setTimeout(done, 4));
  }
  return times.slice(10);
}"""


def main() -> None:
    """Run all measurements; print and store the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="duration of the crowd")
    parser.add_argument("--tour", type=Path, default=Path("tour"), help="output of make tour")
    options = parser.parse_args()
    results: dict[str, Any] = json.loads(OUT.read_text())  # keeps those of studio_load.py
    results |= {"machine": describe_machine(), "versions": versions()}
    with studio_process([], options.tour) as (port, server):
        asyncio.run(_prepare(port))
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            _measure_page(results, browser, port, options.tour)
            browser.close()
        results["crowd"] = asyncio.run(_crowd(port, server, 100, options.seconds))
    OUT.write_text(json.dumps(results, indent=2) + "\n")
    sys.stdout.write(json.dumps(results, indent=2) + "\n")


def _measure_page(results: dict[str, Any], browser: Browser, port: int, tour: Path) -> None:
    for index, name in enumerate(MODELS):
        page, paint = _open(browser, port, index)
        results[name] = {
            "first_useful_paint_s": round(paint, 2),
            "pointer_to_image_ms": _median_and_p95(page.evaluate(POINTER)),
        }
        if index < 2:
            results[name]["redraw_ms"] = _median_and_p95(page.evaluate(REDRAW))
        page.close()
    with _training():
        page, _ = _open(browser, port, 1)
        results["vae"]["pointer_during_training_ms"] = _median_and_p95(page.evaluate(POINTER))
        page.close()
    results["blocked_ms"] = _longest_tasks(browser, f"http://127.0.0.1:{port}/", tour)


async def _prepare(port: int) -> None:
    """Wait until all models decode without a computation first."""
    for model, name in enumerate(MODELS):
        async with websockets.connect(f"ws://127.0.0.1:{port}/decode") as socket:
            labels = np.eye(10, dtype=np.float32)[0].tobytes() if name == "cgan" else b""
            await socket.send(REQUEST.pack(1, model, 1, 1, bool(labels), 0) + bytes(8) + labels)
            answer = await socket.recv()
            assert isinstance(answer, bytes)
            assert answer[4] == 1, answer[16:]


def _open(browser: Browser, port: int, index: int) -> tuple[Page, float]:
    """Open a model; return the page, and the seconds until it showed the first decoded image."""
    page = browser.new_page(viewport={"width": 1180, "height": 760})
    started = time.perf_counter()
    page.goto(f"http://127.0.0.1:{port}/#model={index}&label=4")
    page.wait_for_selector("html[data-ready=yes]")
    while page.evaluate("document.querySelector('[data-testid=decoded]')?.width") != 28:
        page.wait_for_timeout(5)  # its content policy forbids wait_for_function
    paint = time.perf_counter() - started
    page.wait_for_timeout(800)
    return page, paint


@contextlib.contextmanager
def _training() -> Iterator[None]:
    """Train a VAE in another process, as the studio does, until the block ends."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        command = [sys.executable, "-m", "latentarium", "train", "vae_mnist", "--run", str(run)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while not (run / "log.jsonl").exists():
                if process.poll() is not None:
                    raise RuntimeError(f"The training ended with {process.returncode}.")
                time.sleep(0.1)
            yield
        finally:
            process.terminate()
            process.wait()


def _longest_tasks(browser: Browser, address: str, tour: Path) -> dict[str, int]:
    """Return the longest task in each view in milliseconds; 0 if none took more than 50."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.add_init_script(RECORD_LONG_TASKS)
    views = VIEWS | ({"train": "#tab=train&t.run=cgan"} if (tour / "cgan").is_dir() else {})
    longest = {}
    for name, view in views.items():
        page.goto("about:blank")
        page.goto(address + view)
        page.wait_for_selector("html[data-ready=yes]")
        page.wait_for_timeout(3000)
        if page.locator(".map").count():
            page.locator(".map").first.evaluate("map => map.scrollIntoView({ block: 'center' })")
            _use_map(page)
        elif name == "lab":
            page.get_by_role("button", name="Play").first.click()
            page.wait_for_timeout(6000)
        longest[name] = round(page.evaluate("Math.max(0, ...window.longest)"))
    page.close()
    return longest


def _use_map(page: Page) -> None:
    """Drag on the map, and turn the wheel in both directions."""
    box = page.locator(".map").first.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for i in range(40):
        page.mouse.move(x + 0.3 * box["width"] * math.sin(i / 6), y + 80 * math.cos(i / 5))
        page.wait_for_timeout(16)
    page.mouse.up()
    for turn in (-80, 80):
        for _ in range(20):
            page.mouse.wheel(0, turn)
            page.wait_for_timeout(16)
        page.wait_for_timeout(500)


async def _crowd(port: int, server: int, clients: int, seconds: float) -> dict[str, Any]:
    """Let clients decode, each one again as soon as it has its answer."""
    end = time.monotonic() + seconds
    latencies: list[float] = []
    frame = REQUEST.pack(1, 1, 1, 1, 0, 0) + bytes(8)
    before = memory_mib(server)

    async def client() -> None:
        async with websockets.connect(f"ws://127.0.0.1:{port}/decode") as socket:
            while time.monotonic() < end:
                started = time.perf_counter()
                await socket.send(frame)
                answer = await socket.recv()
                assert isinstance(answer, bytes)
                assert answer[4] == 1, "the answer is not an image"
                latencies.append(time.perf_counter() - started)

    await asyncio.gather(*(client() for _ in range(clients)))
    return {
        "clients": clients,
        "seconds": seconds,
        "answers": len(latencies),
        "answer_ms": _median_and_p95([1000 * s for s in latencies]),
        "memory_growth_mib": round(memory_mib(server) - before, 1),
    }


def _median_and_p95(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        "median": round(statistics.median(ordered), 1),
        "p95": round(ordered[int(0.95 * len(ordered))], 1),
    }


if __name__ == "__main__":
    main()
