"""Pictures of the studio for the documents, light and dark: `python studio/screenshots.py`, of the
runs of `make tour` and the small models that ship.
"""

import argparse
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import uvicorn
from playwright.sync_api import Page, ViewportSize, sync_playwright

from latentarium.studio.registry import SHIPPED, SHIPPED_NAMES, ModelRegistry, prepare
from latentarium.studio.server import make_app

CHROMIUM = "/usr/bin/chromium"
SIZE: ViewportSize = {"width": 1280, "height": 800}


def rest(page: Page) -> None:
    """Until nothing more is fetched."""
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(1500)


def learn(page: Page) -> None:
    """Until the lab has learned for a while."""
    page.get_by_role("button", name="Play").first.click()
    page.wait_for_timeout(25_000)
    page.get_by_role("button", name="Pause").first.click()
    page.wait_for_timeout(500)


def moments(page: Page) -> None:
    """Until the time machine has its moments, with its map in view."""
    page.get_by_test_id("loaded").filter(has_text="14 of 14").wait_for(timeout=120_000)
    page.locator(".map").evaluate("map => map.scrollIntoView({ block: 'center' })")
    rest(page)


# the small models are 0 to 3, the tour's 4 to 7
VIEWS: dict[str, tuple[str, Callable[[Page], None]]] = {
    "explore": ("#model=0&x=0.5&y=0.4&gaps=distance", rest),
    "explore-gaussians": ("#model=5&tool=gaussians&gauss.of=7", rest),
    "explore-path": ("#model=0&tool=path&p.a=i3&p.b=i100&p.at=7", rest),
    "compare": ("#tab=compare&c.image=17", rest),
    "generate": ("#tab=generate&model=7&g.label=4", rest),
    "train": ("#tab=train&t.run=cgan&t.step=400", rest),
    "time-machine": ("#tab=train&t.run=vae&t.step=250", moments),
    "lab": ("#tab=train&t.view=lab", learn),
}


def main() -> None:
    """Serves the models and takes the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("views", nargs="*", help=f"{', '.join(VIEWS)}; none: all")
    parser.add_argument("--tour", type=Path, default=Path("tour"), help="what make tour made")
    parser.add_argument("--out", type=Path, default=Path("docs/img"))
    given = parser.parse_args()
    if not (given.tour / "cgan").is_dir():
        sys.exit(f"There are no runs in {given.tour}: run make tour first.")
    address = _serve(given.tour)
    given.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for scheme in ("light", "dark"):
            context = browser.new_context(viewport=SIZE, color_scheme=scheme, locale="en-GB")
            for name in given.views or VIEWS:
                view, wait = VIEWS[name]
                page = context.new_page()
                page.goto(address + view)
                page.wait_for_selector("html[data-ready=yes]")
                wait(page)
                page.screenshot(path=given.out / f"{name}-{scheme}.png")
                page.close()
        browser.close()


def _serve(tour: Path) -> str:
    registry = ModelRegistry()
    for name in SHIPPED_NAMES:
        registry.add(SHIPPED / name, f"shipped:{name}")
    for name in SHIPPED_NAMES:
        registry.add(tour / name)
    prepare(registry).join()
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    app = make_app(registry, runs=tour)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    threading.Thread(target=server.run, args=([listener],), daemon=True).start()
    while not server.started:
        time.sleep(0.05)
    return f"http://127.0.0.1:{listener.getsockname()[1]}/"


if __name__ == "__main__":
    main()
