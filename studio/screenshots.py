"""Take the pictures of the studio in the documentation, light and dark.

    python studio/screenshots.py [VIEW ...] [--runs FOLDER] [--out FOLDER]

The views show the small models of the package; those of Train show the runs `cgan` and `vae` of
the folder, for instance those of `make tour`.
"""

import argparse
import re
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import uvicorn
from playwright.sync_api import Page, ViewportSize, sync_playwright

from latentarium.studio.registry import SHIPPED, SHIPPED_NAMES, ModelRegistry, prepare
from latentarium.studio.server import make_app

CHROMIUM = "/usr/bin/chromium"
VIEWPORT: ViewportSize = {"width": 1280, "height": 800}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
TIMEOUT = 120_000
"""Milliseconds for what the page computes."""
LAB_TRAINING = 25_000
"""Milliseconds that the models of the lab are trained."""


def wait_loaded(page: Page) -> None:
    """Wait until the page has loaded and painted everything."""
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(1500)


def wait_gap_layer(page: Page) -> None:
    """Wait until the gap layer is complete."""
    page.get_by_test_id("gaps").wait_for(timeout=TIMEOUT)
    page.get_by_role("status").locator("progress").wait_for(state="detached", timeout=TIMEOUT)
    wait_loaded(page)


def wait_scores(page: Page) -> None:
    """Wait until the samples are scored and their nearest training images are found."""
    page.get_by_test_id("training-image").wait_for(timeout=TIMEOUT)
    wait_loaded(page)


def train_lab(page: Page) -> None:
    """Train the models of the lab for a while."""
    page.get_by_role("button", name="Play").first.click()
    page.wait_for_timeout(LAB_TRAINING)
    page.get_by_role("button", name="Pause").first.click()
    page.wait_for_timeout(500)


def wait_snapshots(page: Page) -> None:
    """Wait until all snapshots are loaded, and scroll to their map."""
    complete = re.compile(r"^\s*(\d+) of \1 ")
    page.get_by_test_id("loaded").filter(has_text=complete).wait_for(timeout=TIMEOUT)
    page.locator(".map").evaluate("map => map.scrollIntoView({ block: 'center' })")
    wait_loaded(page)


# the models are numbered as in SHIPPED_NAMES
VIEWS: dict[str, tuple[str, Callable[[Page], None]]] = {
    "explore": ("#model=0&x=0.5&y=0.4&gaps=distance", wait_gap_layer),
    "explore-gaussians": ("#model=1&tool=gaussians&gauss.of=7", wait_loaded),
    "explore-path": ("#model=0&tool=path&p.a=i3&p.b=i100&p.at=7", wait_loaded),
    "compare": ("#tab=compare&c.image=17", wait_loaded),
    "generate": ("#tab=generate&model=3&g.label=4", wait_scores),
    "train": ("#tab=train&t.run=cgan&t.step=400", wait_loaded),
    "time-machine": ("#tab=train&t.run=vae&t.step=250", wait_snapshots),
    "lab": ("#tab=train&t.view=lab", train_lab),
}


def main() -> None:
    """Serve the models and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("views", nargs="*", help=f"{', '.join(VIEWS)} (default: all)")
    parser.add_argument("--runs", type=Path, default=Path("tour"), help="the folder of the runs")
    parser.add_argument("--out", type=Path, default=Path("docs/img"))
    options = parser.parse_args()
    missing = [name for name in ("cgan", "vae") if not (options.runs / name).is_dir()]
    if missing:
        sys.exit(f"{options.runs} contains no {' and no '.join(missing)}: run `make tour` first.")
    address = _serve(options.runs)
    options.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        contexts = {
            scheme: browser.new_context(viewport=VIEWPORT, color_scheme=scheme, locale="en-GB")
            for scheme in SCHEMES
        }
        for name in options.views or VIEWS:  # those of Train are last: they open more models
            view, wait = VIEWS[name]
            for scheme, context in contexts.items():
                page = context.new_page()
                page.goto(address + view)
                page.wait_for_selector("html[data-ready=yes]", timeout=TIMEOUT)
                wait(page)
                page.screenshot(path=options.out / f"{name}-{scheme}.png")
                page.close()
        browser.close()


def _serve(runs: Path) -> str:
    """Serve the models and the runs in a thread, and return the address."""
    registry = ModelRegistry()
    for name in SHIPPED_NAMES:
        registry.add(SHIPPED / name, f"shipped:{name}")
    prepare(registry).join()
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    app = make_app(registry, runs=runs)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    threading.Thread(target=server.run, args=([listener],), daemon=True).start()
    while not server.started:
        time.sleep(0.05)
    return f"http://127.0.0.1:{listener.getsockname()[1]}/"


if __name__ == "__main__":
    main()
