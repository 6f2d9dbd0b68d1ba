"""Measure the pages that `latentarium export --html` writes, opened from the disk.

    python benchmarks/exported_page.py PAGE.html [PAGE.html ...]

For each page: the time from opening to the first image, the time from a pointer's move to the
image (half of the moves, and 95 % of them), and the time in which the decoder computes an image.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

CHROMIUM = "/usr/bin/chromium-headless-shell"
OPENINGS, MOVES, DECODES = 5, 100, 30

MEASURE = """async ([moves, decodes]) => {
  const canvas = document.querySelector("[data-testid=decoded]");
  const map = document.querySelector(".map");
  const box = map.getBoundingClientRect();
  const send = (type, x, y) => map.dispatchEvent(new PointerEvent(type, {
    pointerId: 1, bubbles: true,
    clientX: box.left + x * box.width, clientY: box.top + y * box.height,
  }));
  map.setPointerCapture = () => {};  // there is no real pointer
  let painted = () => {};
  const put = CanvasRenderingContext2D.prototype.putImageData;
  CanvasRenderingContext2D.prototype.putImageData = function (...args) {
    put.apply(this, args);
    if (this.canvas === canvas) painted();
  };
  const times = [];
  send("pointerdown", 0.5, 0.5);
  for (let i = 0; i < moves; i++) {
    await new Promise(requestAnimationFrame);
    const done = new Promise((resolve) => (painted = resolve));
    const start = performance.now();
    send("pointermove", 0.3 + 0.4 * ((i * 7) % 10) / 10, 0.3 + 0.4 * ((i * 3) % 10) / 10);
    await done;
    times.push(performance.now() - start);
  }
  send("pointerup", 0.5, 0.5);
  const model = JSON.parse(document.getElementById("model").textContent);
  const inputs = [Array(model.latentDim).fill(0.1)];
  if (model.decodesLabel) inputs.push(model.classes.map((_, i) => Number(!i)));
  const decoding = [];
  for (let i = 0; i < decodes; i++) {
    const start = performance.now();
    await decode(...inputs);
    decoding.push(performance.now() - start);
  }
  return [times, decoding];
}"""


def main(pages: list[Path]) -> None:
    """Measure all pages and print JSON."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        json.dump({page.name: measure(browser, page) for page in pages}, sys.stdout, indent=2)
        browser.close()


def measure(browser: Browser, page: Path) -> dict[str, Any]:
    """Return the times of one page in milliseconds."""
    first = []
    for _ in range(OPENINGS):
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        shown = context.new_page()
        start = time.perf_counter()
        shown.goto(page.resolve().as_uri())
        while not shown.evaluate("document.querySelector('[data-testid=decoded]')?.width > 0"):
            time.sleep(0.005)
        first.append(1000 * (time.perf_counter() - start))
        shown.wait_for_timeout(1500)
        if len(first) == OPENINGS:
            times, decoding = shown.evaluate(MEASURE, [MOVES, DECODES])
            context.close()
            return {
                "bytes": page.stat().st_size,
                "first_image": statistics.median(first),
                "pointer_to_image": statistics.median(times),
                "pointer_to_image_95": statistics.quantiles(times, n=20)[-1],
                "decode": statistics.median(decoding),
            }
        context.close()
    raise AssertionError


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("pages", type=Path, nargs="+")
    main(parser.parse_args().pages)
