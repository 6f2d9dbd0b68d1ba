"""Accessibility: axe finds nothing in any part, and the keyboard is enough."""

import pytest
from axe_playwright_python.base import AXE_SCRIPT

from support.browser import BROWSER_MARKS, address, open_page, wait_idle
from support.parts import PARTS

pytestmark = BROWSER_MARKS

RUN_AXE = """async () => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  return violations.flatMap(({ id, nodes }) => nodes.map(({ target, any, all, none, html }) =>
    `${id}: ${target} ${[...any, ...all, ...none].map((check) => check.message)} ${html}`));
}"""

# axe has no rule for canvases
NAMELESS_CANVASES = """() => [...document.querySelectorAll("canvas")].filter((canvas) =>
  canvas.checkVisibility() && !canvas.closest("[aria-hidden=true]") &&
  !canvas.closest("[role=img][aria-label], [role=slider][aria-label]"),
).map((canvas) => canvas.outerHTML)"""

RADIO_STOPS = """() => [...document.querySelectorAll("[role=radiogroup]")].map((group) =>
  [...group.querySelectorAll("[role=radio]:enabled")].filter((radio) => !radio.tabIndex).length)"""


def violations(page) -> list[str]:
    """Return what axe finds on the page."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    return page.evaluate(RUN_AXE)


def use(page, language: str, theme: str) -> None:
    """Choose language and theme."""
    page.evaluate("(theme) => document.documentElement.dataset.theme = theme", theme)
    if page.evaluate("document.documentElement.lang") != language:
        page.evaluate("document.querySelector('[data-testid=language]').click()")
    wait_idle(page)


# WCAG 2.2 A and AA, and best practices; no text's colour depends on the language
@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_axe_finds_nothing(page, served, part):
    part.visit(page, served)
    found = {}
    for language, theme in (("en", "light"), ("zh-TW", "dark")):
        use(page, language, theme)
        found |= {f"{language} {theme}": names for names in [violations(page)] if names}
    assert found == {}
    assert page.evaluate(NAMELESS_CANVASES) == []
    assert all(stops <= 1 for stops in page.evaluate(RADIO_STOPS))


def test_axe_reports_what_it_must(page, served):
    """Show that the test above can fail."""
    open_page(page, served)
    page.evaluate("""() => {
      const bad = document.querySelector("main").appendChild(document.createElement("section"));
      bad.innerHTML = "<h6>Title</h6><button></button><canvas></canvas>" +
        "<p style='color: #bbb; background: #fff'>Pale</p>";
    }""")
    assert {name.split(":")[0] for name in violations(page)} >= {
        "heading-order", "button-name", "color-contrast"
    }  # fmt: skip
    assert len(page.evaluate(NAMELESS_CANVASES)) == 1


def test_arrow_keys_choose_among_radio_buttons(page, served):
    open_page(page, served, "#model=1")
    page.keyboard.press("Tab")
    stops = 1
    while not page.evaluate("document.activeElement.matches('.map')"):
        page.keyboard.press("Tab")
        stops += 1
    assert stops <= 9  # four parts, one for the models, three preferences, the map
    page.get_by_role("radio", name="vae_debug").focus()
    page.keyboard.press("ArrowRight")
    wait_idle(page)
    focused = "document.activeElement.ariaChecked + document.activeElement.innerText"
    assert page.evaluate(focused).startswith("truegan_debug")
    assert address(page)["model"] == "2"
    page.keyboard.press("End")
    page.keyboard.press("ArrowDown")  # from the last to the first
    wait_idle(page)
    assert page.evaluate(focused).startswith("trueae_debug")


def test_shortcuts_work_while_a_check_box_has_the_focus(page, served):
    open_page(page, served, "#model=1")
    page.locator("input[type=checkbox]").first.focus()
    page.keyboard.press("?")
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Escape")
    open_page(page, served, "#tab=compare")
    seed = page.locator("input[type=number]").first
    seed.focus()
    page.keyboard.press("?")  # here, it is input
    assert page.get_by_role("dialog").count() == 0
