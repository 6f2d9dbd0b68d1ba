"""The studio with the keyboard alone: arrow keys, Enter and Escape. `test_parts_page.py` walks
through every part with Tab."""

from latentarium.run import Run
from support.browser import (
    BROWSER_MARKS,
    StudioServer,
    address,
    open_page,
    pixels,
    tracked_page,
    wait_idle,
    wait_until,
)
from support.keyboard import tab_to, walk
from support.parts import Part

pytestmark = BROWSER_MARKS


def test_each_fault_of_the_keyboard_is_reported(page, served):
    """Show that the walk through every part can fail."""
    open_page(page, served, "#tab=train&t.run=nothing")
    assert walk(page)[1] == []
    for html, fault in {
        "<div style='cursor: pointer'>Click</div>": "pointer only",
        "<button style='outline: none'>Flat</button>": "focus not visible",
        "<div style='overflow: hidden'><button>Edge</button></div>": "outline cut",
        "<button style='position: fixed; left: -200px'>Left</button>": "out of sight",
        "<div inert><button>Inert</button></div>": "not reached",
    }.items():
        page.evaluate(
            """(html) => { const added = document.createElement("div"); added.id = "added";
               added.innerHTML = html; document.querySelector("main").append(added); }""",
            html,
        )
        assert any(fault in text for text in walk(page)[1]), html
        page.evaluate("document.getElementById('added').remove()")


def test_the_cursor_of_explore_moves_and_decodes(page, served):
    open_page(page, served, "#model=0")
    tab_to(page, page.locator(".map"))
    before = pixels(page)
    for _ in range(12):
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowUp")
    there = address(page)
    assert float(there["x"]) > 0
    assert float(there["y"]) > 0
    assert pixels(page) != before


def test_controls_of_explore(page, served):
    open_page(page, served, "#model=0")
    tab_to(page, page.get_by_role("combobox", name="Gaps"))
    page.keyboard.press("ArrowDown")
    assert address(page)["gaps"] != "none"
    tab_to(page, page.get_by_test_id("image-number"))
    page.keyboard.type("7")
    page.keyboard.press("Enter")
    assert address(page)["image"] == "7"
    page.get_by_test_id("marked").wait_for()
    tab_to(page, page.get_by_role("radio", name="View"))
    page.keyboard.press("ArrowRight")
    assert address(page)["tool"] == "gaussians"


def test_the_ends_of_a_path(page, served):
    open_page(page, served, "#model=0&tool=path&p.a=i3&p.b=i100&p.at=7")
    handle = page.locator(".map g[role=button]").first
    tab_to(page, handle)
    before = address(page)["p.a"]
    page.keyboard.press("ArrowLeft")
    assert address(page)["p.a"] != before
    frame = page.locator("button.frame[aria-pressed=true]")
    tab_to(page, frame)
    page.keyboard.press("ArrowLeft")
    assert address(page)["p.at"] == "6"
    assert frame.evaluate("element => element === document.activeElement")


def test_a_drawing(page, served):
    Part("draw", "model=1&tool=draw").visit(page, served)
    tab_to(page, page.get_by_role("application", name="Pad"))
    page.keyboard.press("Enter")  # lower the pen
    for _ in range(6):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    wait_until(page, "document.querySelector('[data-testid=model-input]')?.width > 0")
    assert len(set(pixels(page, "model-input"))) > 2
    assert address(page)["pad.ink"]


def test_arrow_keys_choose_other_images_in_compare(page, served):
    open_page(page, served, "#tab=compare&c.models=0.1&c.image=17")
    tab_to(page, page.get_by_test_id("pane-0").locator(".map"))
    shown = "17"
    for arrow in ("ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"):
        seen = {shown}
        for _ in range(3):
            page.keyboard.press(arrow)
            shown = address(page).get("c.image", "0")
            seen.add(shown)
        assert len(seen) > 1, f"{arrow} doesn't move the cursor"


def test_images_of_generate(page, served):
    open_page(page, served, "#tab=generate&model=3")
    tab_to(page, page.locator("[data-testid=grid] button[aria-pressed=true]"))
    page.keyboard.press("ArrowRight")
    assert address(page)["g.at"] == "1"
    pad = page.get_by_test_id("pad")
    tab_to(page, pad)
    before = page.get_by_test_id("blended").inner_text()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    wait_idle(page)
    assert page.get_by_test_id("blended").inner_text() != before


def test_a_drawn_distribution_in_the_lab(page, served):
    open_page(page, served, "#tab=train&t.view=lab&l.name=drawn")
    brush = page.get_by_test_id("brush")
    tab_to(page, brush)
    page.keyboard.press("Enter")
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    wait_idle(page)
    assert page.get_by_test_id("invitation").count() == 0


def test_explanations_open_and_close(page, served):
    open_page(page, served, "#tab=compare")
    term = page.locator("main .term:visible").first
    tab_to(page, term)
    page.keyboard.press("Enter")
    page.get_by_test_id("explanation").wait_for()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('[data-testid=explanation]') !== null")
    page.keyboard.press("Escape")
    assert page.get_by_test_id("explanation").count() == 0
    assert term.evaluate("element => element === document.activeElement")


def test_the_list_of_shortcuts_keeps_the_focus_inside_and_gives_it_back(page, served):
    open_page(page, served, "#model=1")
    button = page.get_by_test_id("shortcuts")
    tab_to(page, button)
    page.keyboard.press("Enter")
    dialog = page.get_by_test_id("keys")
    dialog.locator("button").wait_for()
    for _ in range(4):
        page.keyboard.press("Tab")  # the browser's own controls come after the dialog's
        assert page.evaluate("document.activeElement.matches('dialog *, body')")
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    assert button.evaluate("element => element === document.activeElement")


def test_a_training_is_started(browser, served, tmp_path):
    studio = StudioServer(served.registry, runs=tmp_path)
    page = tracked_page(browser.new_context())
    try:
        Part("train", "tab=train").visit(page, studio)
        tab_to(page, page.get_by_test_id("run-name"))
        page.keyboard.type("by-keyboard")
        page.keyboard.press("Tab")
        page.keyboard.type("1")
        tab_to(page, page.get_by_test_id("start-run"))
        page.keyboard.press("Enter")
        page.locator("article header .chip.done").wait_for(timeout=120_000)
        assert Run(tmp_path / "by-keyboard").weights_step() == 1
    finally:
        page.context.close()
        studio.stop()
