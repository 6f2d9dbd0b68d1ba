"""How soon the studio answers: `python benchmarks/studio.py`, with Debian's chromium, headless,
and the small models that ship. Results in benchmarks/results/studio.json.

    pointer    from a pointer's move to the painted image
    redraw     of the map with all its points, from a turn of the wheel to the painted canvas
    paint      from the request of the page to the map and the first decoded image
    crowd      100 clients that decode at once for a minute
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import uvicorn
import websockets
from playwright.sync_api import sync_playwright

from latentarium.machine import machine, versions
from latentarium.studio.frames import REQUEST
from latentarium.studio.gallery import gallery_of, prepare
from latentarium.studio.server import make_app

OUT = Path(__file__).parent / "results" / "studio.json"
CHROMIUM = "/usr/bin/chromium"
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
    """Measures all, prints it, and writes it down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="of the crowd")
    seconds = parser.parse_args().seconds
    port = _serve()
    found: dict[str, Any] = {"machine": machine(), "versions": versions()}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for index, name in enumerate(("ae", "vae", "gan", "cgan")):
            page = browser.new_page(viewport={"width": 1180, "height": 760})
            began = time.perf_counter()
            page.goto(f"http://127.0.0.1:{port}/#model={index}&label=4")
            page.wait_for_selector("html[data-ready=yes]")
            while page.evaluate("document.querySelector('[data-testid=decoded]')?.width") != 28:
                page.wait_for_timeout(5)  # the page forbids what wait_for_function does
            paint = time.perf_counter() - began
            page.wait_for_timeout(800)
            found[name] = {
                "first_useful_paint_s": round(paint, 2),
                "pointer_to_image_ms": _times(page.evaluate(POINTER)),
            }
            if index < 2:
                found[name]["redraw_ms"] = _times(page.evaluate(REDRAW))
            page.close()
        browser.close()
    found["crowd"] = asyncio.run(_crowd(port, 100, seconds))
    OUT.write_text(json.dumps(found, indent=2) + "\n")
    sys.stdout.write(json.dumps(found, indent=2) + "\n")


def _serve() -> int:
    gallery = gallery_of([])
    prepare(gallery).join()
    settings = uvicorn.Config(make_app(gallery), port=0, log_level="warning", lifespan="off")
    server = uvicorn.Server(settings)
    threading.Thread(target=server.run, daemon=True).start()
    while not server.started:
        time.sleep(0.02)
    return server.servers[0].sockets[0].getsockname()[1]


async def _crowd(port: int, clients: int, seconds: float) -> dict[str, Any]:
    """Each client asks as soon as it has its answer."""
    end = time.monotonic() + seconds
    waits: list[float] = []
    frame = REQUEST.pack(1, 1, 1, 1, 0, 0) + bytes(8)
    before = _memory()

    async def client() -> None:
        async with websockets.connect(f"ws://127.0.0.1:{port}/decode") as socket:
            while time.monotonic() < end:
                began = time.perf_counter()
                await socket.send(frame)
                answer = await socket.recv()
                assert isinstance(answer, bytes)
                assert answer[4] == 1, "an answer is no image"
                waits.append(time.perf_counter() - began)

    await asyncio.gather(*(client() for _ in range(clients)))
    return {
        "clients": clients,
        "seconds": seconds,
        "answers": len(waits),
        "answer_ms": _times([1000 * w for w in waits]),
        "memory_growth_mib": round(_memory() - before, 1),
    }


def _times(values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        "median": round(statistics.median(ordered), 1),
        "p95": round(ordered[int(0.95 * len(ordered))], 1),
    }


def _memory() -> float:
    """MiB of this process, which serves as well."""
    said = subprocess.run(
        ["ps", "-o", "rss=", "-p", str(os.getpid())],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return int(said.stdout) / 1024


if __name__ == "__main__":
    main()
