"""The page works behind a reverse proxy, below a path, and in a notebook server's frame."""

import http.server
import threading
from contextlib import contextmanager

import pytest

from latentarium.studio.deployment import Deployment
from support.browser import (
    BROWSER_MARKS,
    StudioServer,
    open_page,
    tracked_page,
    wait_ready,
    wait_until,
)
from support.reverse_proxy import ReverseProxy

pytestmark = BROWSER_MARKS


@contextmanager
def page_at(browser):
    """Open an empty page whose errors fail the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    page = tracked_page(context)
    problems = []
    page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("requestfailed", lambda request: problems.append(request.url))
    yield page
    context.close()
    assert problems == []


@pytest.fixture(scope="module")
def framed(served):
    """A studio that pages of other ports may show in a frame, and the address of such a page."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = f'<iframe width=1200 height=700 src="{studio.address}"></iframe>'.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    origin = f"http://127.0.0.1:{server.server_port}"
    studio = StudioServer(served.registry, deployment=Deployment(frames=(origin,)))
    yield origin
    studio.stop()
    server.shutdown()
    server.server_close()


# all parts take their addresses from one place, so a few are enough for the second kind of proxy
@pytest.mark.parametrize(
    ("strips", "parts"),
    [
        (True, ("", "#tab=generate&model=2", "#tab=compare", "#tab=train",
                "#tab=train&t.view=lab", "#model=1&tool=path")),
        (False, ("", "#tab=train")),
    ],
)  # fmt: skip
def test_every_part_works_behind_a_proxy_that_serves_it_below_a_path(
    browser, served, strips, parts
):
    deployment = Deployment(base_path="" if strips else "/lab/studio")
    studio = StudioServer(served.registry, deployment=deployment)
    proxy = ReverseProxy(studio.port, "/lab/studio", strips=strips)
    requested = []
    try:
        with page_at(browser) as page:
            page.on("request", lambda request: requested.append(request.url))
            page.on("websocket", lambda socket: requested.append(socket.url))
            for part in parts:
                open_page(page, proxy, part)
    finally:
        proxy.stop()
        studio.stop()
    urls = [url for url in requested if url.startswith(("http", "ws"))]
    assert any(url.startswith("ws") for url in urls)
    assert all("/lab/studio/" in url for url in urls)


def test_a_notebook_server_may_show_it_in_a_frame(browser, framed):
    with page_at(browser) as page:
        page.goto(framed)
        frame = page.frames[1]
        frame.wait_for_selector("html[data-ready=yes]")
        condition = "document.querySelector('[data-testid=decoded]')?.width > 0"
        wait_until(frame, condition)


def test_a_token_opens_the_page_below_a_path(browser, served):
    deployment = Deployment(base_path="/x", hosts=("127.0.0.1",))
    studio = StudioServer(served.registry, token="secret", deployment=deployment)
    proxy = ReverseProxy(studio.port, "/x", strips=True)
    try:
        with page_at(browser) as page:
            page.goto(f"{proxy.address}?token=secret#model=0")
            wait_ready(page)
            assert page.url.startswith(f"{proxy.address}#")
    finally:
        proxy.stop()
        studio.stop()
