"""Pictures of the studio for the documents, light and dark: `python studio/screenshots.py`, of the
small models that ship.
"""

import socket
import sys
import threading
import time
from pathlib import Path

import uvicorn
from playwright.sync_api import sync_playwright

from latentarium.studio.gallery import gallery_of, prepare
from latentarium.studio.server import make_app

VIEWS = {
    "explore-ae": "#model=0&x=0.5&y=0.4&gaps=distance",
    "explore-cgan": "#model=3&x=0.5&y=0.4&label=4",
}
CHROMIUM = "/usr/bin/chromium"


def main(out: Path) -> None:
    """Serves the small models and takes the pictures."""
    gallery = gallery_of([])
    prepare(gallery).join()
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(make_app(gallery), log_level="warning", lifespan="off"))
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
                page.wait_for_timeout(2500)
                page.screenshot(path=out / f"{name}-{scheme}.png")
                page.close()
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/img"))
