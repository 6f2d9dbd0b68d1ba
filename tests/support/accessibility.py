"""Accessibility of an open page."""

from axe_playwright_python.base import AXE_SCRIPT

RUN_AXE = """async () => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  return violations.flatMap(({ id, nodes }) => nodes.map(({ target, any, all, none, html }) =>
    `${id}: ${target} ${[...any, ...all, ...none].map((check) => check.message)} ${html}`));
}"""

# axe has no rule for canvases
NAMELESS_CANVASES = """() => [...document.querySelectorAll("canvas")].filter((canvas) =>
  canvas.checkVisibility() && !canvas.closest("[aria-hidden=true]") &&
  !canvas.closest(["img", "slider", "application"].map((role) => `[role=${role}][aria-label]`)),
).map((canvas) => canvas.outerHTML)"""


def axe_violations(page) -> list[str]:
    """Return what axe finds: WCAG 2.2 A and AA, and best practices."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    return page.evaluate(RUN_AXE)
