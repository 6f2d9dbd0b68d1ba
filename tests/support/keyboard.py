"""Walks through the page with the keyboard alone."""

from pathlib import Path

SCRIPT = Path(__file__).with_suffix(".js").read_text()
MAX_STOPS = 250


def walk(page) -> tuple[list[str], list[str]]:
    """Press Tab until the focus leaves the page or returns to its first control.

    Returns:
        The names of the controls that had the focus, in order, and all faults: controls that
        can't be reached, and controls whose focus is not visible.
    """
    page.evaluate(SCRIPT)
    faults = [f"pointer only: {name}" for name in page.evaluate("keyboard.pointerOnly()")]
    page.evaluate("keyboard.restart()")
    names, seen = [], set()
    for _ in range(MAX_STOPS):
        stop = page.evaluate("keyboard.focused()")  # in a dialog, before the first Tab
        if seen and (stop is None or stop["number"] in seen):
            break
        if stop is not None:
            seen.add(stop["number"])
            names.append(stop["name"])
            faults += [f"{stop['name']}: {fault}" for fault in stop["faults"]]
        page.keyboard.press("Tab")
    missed = [name for number, name in page.evaluate("keyboard.stops()") if number not in seen]
    return names, faults + [f"not reached: {name}" for name in missed]


def tab_to(page, locator) -> None:
    """Press Tab until an element has the focus."""
    for _ in range(MAX_STOPS):
        if locator.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{MAX_STOPS} times Tab did not reach {locator}")
