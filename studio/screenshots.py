"""Pictures of the studio for the documents: `python studio/screenshots.py tour`, light and dark.

Arguments: the folder of a tour, and where the pictures go (docs/img).
"""

import socket
import sys
import threading
import time
from pathlib import Path

import uvicorn
from playwright.sync_api import sync_playwright

from latentarium.studio.exhibits import exhibits_of
from latentarium.studio.server import make_app, prepare

VIEWS = {
    "explore-ae": "#model=0&x=0.5&y=0.4",
    "explore-vae": "#model=1&x=0.2&y=-0.6",
    "explore-cgan": "#model=3&x=0.5&y=0.4&label=4",
}
CHROMIUM = "/usr/bin/chromium"


def main(tour: Path, out: Path) -> None:
    """Serves the tour's four runs and takes the pictures."""
    exhibits = exhibits_of([tour / name for name in ("ae", "vae", "gan", "cgan")])
    prepare(exhibits).join()
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(make_app(exhibits), log_level="warning", lifespan="off")
    )
    threading.Thread(target=server.run, args=([listener],), daemon=True).start()
    while not server.started:
        time.sleep(0.05)
    address = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for scheme in ("light", "dark"):
            context = browser.new_context(
                viewport={"width": 1180, "height": 760}, color_scheme=scheme, locale="en-GB"
            )
            for name, view in VIEWS.items():
                page = context.new_page()
                page.goto(address + view)
                page.wait_for_selector("html[data-ready=yes]")
                page.wait_for_timeout(900)
                page.screenshot(path=out / f"{name}-{scheme}.png")
                page.close()
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2] if len(sys.argv) > 2 else "docs/img"))
