"""Take the pictures of the studio in the documentation, light and dark.

    python studio/screenshots.py [VIEW ...] [--runs FOLDER] [--out FOLDER]
    python studio/screenshots.py [VIEW ...] --screens [--dark] --out FOLDER

The views show the small models of the package; those of Train show the runs `cgan` and `vae` of
the folder, for instance those of `make tour`. With `--screens`, every part is shown as a whole at
the sizes of a phone, a projector and a desktop, in both languages, to be looked at one by one.
"""

import argparse
import re
import socket
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal

import uvicorn
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    ViewportSize,
    sync_playwright,
)

from latentarium.studio.registry import SHIPPED, SHIPPED_NAMES, ModelRegistry
from latentarium.studio.server import make_app

CHROMIUM = "/usr/bin/chromium"
VIEWPORT: ViewportSize = {"width": 1280, "height": 800}
Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
SCREENS: dict[str, ViewportSize] = {
    "phone": {"width": 390, "height": 844},
    "projector": {"width": 1024, "height": 768},
    "desktop": {"width": 1366, "height": 768},
}
LANGUAGES = ("en", "zh-TW")
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


def open_settings(page: Page) -> None:
    """Open the first group of settings of a new training."""
    page.get_by_test_id("settings").locator("summary").first.click()
    wait_loaded(page)


def open_term(page: Page) -> None:
    """Open the explanation of a term."""
    wait_loaded(page)
    page.locator("main .term:visible").first.click()


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
# further views, which the documentation does not show
OTHER_VIEWS: dict[str, tuple[str, Callable[[Page], None]]] = {
    "explore-draw": ("#model=1&tool=draw&pad.real=7", wait_loaded),
    "explore-find": ("#model=2&tool=find&pad.real=7", wait_loaded),
    "explore-gan": ("#model=2", wait_loaded),
    "compare-z": ("#tab=compare&c.lock=z&c.all=1", wait_loaded),
    "generate-vae": ("#tab=generate&model=1", wait_scores),
    "train-new": ("#tab=train", open_settings),
    "term": ("#tab=train&t.run=cgan", open_term),
}


def main() -> None:
    """Serve the models and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("views", nargs="*", help=f"{', '.join(VIEWS | OTHER_VIEWS)}")
    parser.add_argument("--runs", type=Path, default=Path("tour"), help="the folder of the runs")
    parser.add_argument("--screens", action="store_true", help="three sizes, in both languages")
    parser.add_argument("--dark", action="store_true", help="with --screens: dark, not light")
    parser.add_argument("--out", type=Path, default=Path("docs/img"))
    options = parser.parse_args()
    missing = [name for name in ("cgan", "vae") if not (options.runs / name).is_dir()]
    if missing:
        sys.exit(f"{options.runs} contains no {' and no '.join(missing)}: run `make tour` first.")
    address = _serve(options.runs)
    options.out.mkdir(parents=True, exist_ok=True)
    names = options.views or (VIEWS | OTHER_VIEWS if options.screens else VIEWS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        scheme = SCHEMES[options.dark]
        take = partial(take_screens, scheme=scheme) if options.screens else take_schemes
        for name in names:  # those of Train are last: they open more models
            take(browser, address, name, options.out)
        browser.close()


def take_schemes(browser: Browser, address: str, name: str, out: Path) -> None:
    """Take a view for the documentation, light and dark."""
    for scheme in SCHEMES:
        context = browser.new_context(viewport=VIEWPORT, color_scheme=scheme, locale="en-GB")
        page = _open(context, address, name)
        page.screenshot(path=out / f"{name}-{scheme}.png")
        context.close()


def take_screens(browser: Browser, address: str, name: str, out: Path, *, scheme: Scheme) -> None:
    """Take a whole view at each size, in both languages."""
    for screen, viewport in SCREENS.items():
        touch = screen == "phone"
        context = browser.new_context(
            viewport=viewport, has_touch=touch, is_mobile=touch, color_scheme=scheme
        )
        page = _open(context, address, name)
        for language in LANGUAGES:
            if page.evaluate("document.documentElement.lang") != language:
                page.get_by_test_id("language").evaluate("button => button.click()")
            wait_loaded(page)
            full_page = name != "term"  # a dialog is placed in the window
            page.screenshot(path=out / f"{name}-{screen}-{language}.png", full_page=full_page)
        context.close()


def _open(context: BrowserContext, address: str, name: str) -> Page:
    view, wait = (VIEWS | OTHER_VIEWS)[name]
    page = context.new_page()
    page.goto(address + view)
    page.wait_for_selector("html[data-ready=yes]", timeout=TIMEOUT)
    wait(page)
    return page


def _serve(runs: Path) -> str:
    """Serve the models and the runs in a thread, and return the address."""
    registry = ModelRegistry()
    for name in SHIPPED_NAMES:
        registry.add(SHIPPED / name, f"shipped:{name}")
    registry.preparation.start()
    registry.preparation.wait()
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
