"""Every part of the studio: axe finds nothing, the keyboard is enough, and the layout fits."""

import itertools

import pytest

from support.accessibility import NAMELESS_CANVASES, axe_violations
from support.browser import BROWSER_MARKS, address, open_page, tracked_page, wait_idle
from support.keyboard import walk
from support.layout import layout_faults
from support.parts import LANGUAGES, PARTS, Part

pytestmark = BROWSER_MARKS

COMBINATIONS = tuple(itertools.product(LANGUAGES, ("light", "dark")))

SCREENS = {
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
    "tablet": {"viewport": {"width": 768, "height": 1024}, "has_touch": True},
    "projector": {"viewport": {"width": 1024, "height": 768}},
    "laptop": {"viewport": {"width": 1366, "height": 768}},
    "desktop": {"viewport": {"width": 1920, "height": 1080}},
    "zoomed": {"viewport": {"width": 683, "height": 384}, "device_scale_factor": 2},
}
"""The last one is 1366 x 768 at a zoom of 200 %."""

RADIO_STOPS = """() => [...document.querySelectorAll("[role=radiogroup]")].map((group) =>
  [...group.querySelectorAll("[role=radio]:enabled")].filter((radio) => !radio.tabIndex).length)"""

ADD_HTML = """(html) => {
  const added = document.createElement("div");
  added.id = "added";
  added.innerHTML = html;
  document.querySelector("main").append(added);
}"""

FAULTY = {
    "overlap": "<p>Below</p><p style='margin-top: -2.5em'>Above</p>",
    "overlap ": "<button>One</button><button style='margin-left: -30px'>Two</button>",
    "cut": "<p style='width: 40px; overflow: hidden; white-space: nowrap'>A long sentence</p>",
    "cut ": "<p style='height: 8px; overflow: clip'>Upper half</p>",
    "unreachable": "<p style='position: absolute; left: -400px; width: 300px'>Left</p>",
    "unreachable ": "<p style='position: fixed; top: 200vh'>Under the window</p>",
    "unreachable  ": "<div style='overflow: hidden; height: 50px; position: relative'>"
    "<a href='#' style='position: absolute; top: 80px'>Behind the edge</a></div>",
    "the page scrolls sideways": "<p style='width: 3000px'>Wide</p>",
    "sticks out of its button": "<button style='width: 60px; white-space: nowrap'>Stop and keep"
    "</button>",
}


def use(page, language: str, theme: str) -> None:
    """Choose language and theme."""
    page.evaluate("(theme) => document.documentElement.dataset.theme = theme", theme)
    if page.evaluate("document.documentElement.lang") != language:
        page.evaluate("document.querySelector('[data-testid=language]').click()")
    wait_idle(page)


# The parts take turns with the combinations, since languages and themes belong to the whole page.
# The slow tests below visit every part in all combinations.
@pytest.mark.parametrize(
    ("part", "combination"),
    list(zip(PARTS, itertools.cycle(COMBINATIONS), strict=False)),
    ids=lambda value: value.name if isinstance(value, Part) else "-".join(value),
)
def test_axe_finds_nothing_the_layout_fits_and_the_keyboard_is_enough(
    page, served, part, combination
):
    part.visit(page, served, combination[0])
    use(page, *combination)
    faults = {"axe": axe_violations(page)}
    names, faults["keyboard"] = walk(page)
    for width, height in ((390, 844), (1366, 768)):
        page.set_viewport_size({"width": width, "height": height})
        wait_idle(page)
        faults[f"{width}"] = layout_faults(page)
    assert {name: found for name, found in faults.items() if found} == {}
    assert names
    assert page.evaluate(NAMELESS_CANVASES) == []
    assert all(stops <= 1 for stops in page.evaluate(RADIO_STOPS))


@pytest.mark.slow
@pytest.mark.parametrize(("language", "theme"), COMBINATIONS)
def test_axe_and_the_keyboard_find_nothing_in_any_combination(page, served, language, theme):
    faults = {}
    for part in PARTS:
        part.visit(page, served, language)
        use(page, language, theme)
        faults[part.name] = axe_violations(page) + walk(page)[1]
    assert {name: found for name, found in faults.items() if found} == {}


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("screen", SCREENS)
def test_every_part_fits_on_every_screen(browser, served, screen, language):
    context = browser.new_context(reduced_motion="reduce", **SCREENS[screen])
    page = tracked_page(context)
    faults = {}
    for part in PARTS:
        part.visit(page, served, language)
        faults[part.name] = layout_faults(page)
    context.close()
    assert {name: found for name, found in faults.items() if found} == {}


def test_each_fault_is_reported(page, served):
    """Show that the tests above can fail."""
    open_page(page, served, "#tab=compare")
    assert layout_faults(page) == []
    for fault, html in FAULTY.items():
        page.evaluate(ADD_HTML, html)
        assert any(text.startswith(fault.strip()) for text in layout_faults(page)), html
        page.evaluate("document.getElementById('added').remove()")
    pale = "<p style='color: #bbb; background: #fff'>Pale</p>"
    page.evaluate(ADD_HTML, f"<h6>Title</h6><button></button><canvas></canvas>{pale}")
    assert {text.split(":")[0] for text in axe_violations(page)} >= {
        "heading-order", "button-name", "color-contrast"
    }  # fmt: skip
    assert len(page.evaluate(NAMELESS_CANVASES)) == 1


TERMS = {
    "compare": {"prior", "interval", "heldOut"},
    "train-gan": {"snapshot", "ema", "dualityGap", "logit", "equilibrium", "learningRate"},
    "lab": {"nats", "elbo", "generator", "discriminator", "equilibrium"},
}


@pytest.mark.parametrize("name", TERMS)
def test_terms_are_explained_where_they_are_used(page, served, name):
    next(part for part in PARTS if part.name == name).visit(page, served, "zh-TW")
    terms = page.locator("main .term:visible")
    assert {term.get_attribute("data-term") for term in terms.all()} >= TERMS[name]
    terms.first.focus()
    page.keyboard.press("Enter")
    page.get_by_test_id("explanation").wait_for()
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.matches('.term')")


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
    page.locator("input[type=number]").first.focus()
    page.keyboard.press("?")  # here, it is input
    assert page.get_by_role("dialog").count() == 0
