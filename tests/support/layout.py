"""Faults of the layout: overlaps, cut text, and what can't be scrolled to."""

from pathlib import Path

AUDIT = Path(__file__).with_suffix(".js").read_text()


def layout_faults(page) -> list[str]:
    """Return all faults of the layout of an idle page."""
    page.evaluate("scrollTo(0, 0)")
    return page.evaluate(AUDIT)
