"""Exported pages, opened from the disk in a browser."""

from contextlib import contextmanager

import numpy as np

from latentarium.export.html import PageDecoder, page
from support.browser import tracked_page, wait_until

HAS_IMAGE = "document.querySelector('[data-testid=decoded]')?.width > 0"


def write_page(model, path, latent_map=None, **options):
    """Write the page of a model that belongs to no run."""
    path.write_bytes(page(model, PageDecoder.of(model), latent_map, **options))
    return path


@contextmanager
def opened(browser, path, address="", **settings):
    """Open a page from its file. Errors and requests of anything but the file fail the test."""
    settings = {"viewport": {"width": 1280, "height": 800}, "locale": "en-GB"} | settings
    context = browser.new_context(**settings)
    shown = tracked_page(context)
    problems, requests = [], []
    shown.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    shown.on("pageerror", lambda error: problems.append(str(error)))
    shown.on("request", lambda request: requests.append(request.url))
    shown.goto(path.as_uri() + address)
    wait_until(shown, HAS_IMAGE)
    yield shown
    context.close()
    assert problems == []
    # a Blob is in memory
    loaded = [url for url in requests if not url.startswith("blob:")]
    assert {url.partition("#")[0] for url in loaded} == {path.as_uri()}


def decoded(shown, z, labels=None):
    """Return the images that the page computes, float32 (N, C * H * W)."""
    rows = z.tolist() if labels is None else list(zip(z.tolist(), labels.tolist(), strict=True))
    script = """async (rows) => {
      const images = [];
      for (const row of rows) {
        const image = await (Array.isArray(row[0]) ? decode(...row) : decode(row));
        images.push(Array.from(image));
      }
      return images;
    }"""
    return np.array(shown.evaluate(script, rows), np.float32)


def image_at_cursor(shown):
    """Return the pixels of the decoded image when they no longer change."""
    return shown.evaluate("""async () => {
      const read = () => { const c = document.querySelector('[data-testid=decoded]');
        return c.getContext('2d').getImageData(0, 0, c.width, c.height).data.join() };
      let before = '';
      for (let same = 0; same < 5; ) {
        await new Promise(requestAnimationFrame);
        const now = read();
        same = now === before ? same + 1 : 0;
        before = now;
      }
      return before;
    }""")
