"""Compare with four models: nothing overlaps, is cut or sticks out, at every size."""

from support.browser import BROWSER_MARKS, address, open_page, wait_idle, wait_until

pytestmark = BROWSER_MARKS

OUTSIDE_PANE = """() => [...document.querySelectorAll("[data-testid^=pane-]")].flatMap((pane) => {
  const { left, right } = pane.getBoundingClientRect();
  return [...pane.querySelectorAll("figure, figcaption, .ring, .note, .verdict, .sheet")]
    .filter((element) => {
      const box = element.getBoundingClientRect();
      const cut = element.scrollHeight > element.clientHeight + 1 && !element.matches(".sheet");
      return box.left < left - 1 || box.right > right + 1 || cut;
    })
    .map((element) => `${pane.dataset.testid}: ${element.className} ${element.textContent}`);
})"""


COLUMNS = """() => [...document.querySelectorAll("[data-testid^=samples-] .grid")]
  .map((grid) => Number(grid.style.getPropertyValue("--columns")))"""
SAMPLES_IN_LAST_ROW = """() => [...document.querySelectorAll("[data-testid^=samples-] .grid")]
  .map((grid) => {
    const tops = [...grid.children].map((cell) => cell.getBoundingClientRect().top);
    return tops.filter((top) => top === tops.at(-1)).length;
  })"""


SIZES = [(390, 844), (1024, 768), (1366, 768), (1920, 1080), (683, 384)]
"""The last one is 1366 x 768 at a zoom of 200 %."""


def test_four_models_fit_in_their_columns(page, served):
    open_page(page, served, "#tab=compare&c.models=0.1.2.3&c.image=17")
    wait_until(page, "document.querySelectorAll('[data-testid^=pane-]').length === 4")
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        for _ in range(2):  # in both languages
            wait_idle(page)
            assert page.evaluate(OUTSIDE_PANE) == [], width
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
            assert page.evaluate(SAMPLES_IN_LAST_ROW) == page.evaluate(COLUMNS), width
            page.get_by_test_id("language").click()


def test_unknown_values_in_the_address_are_dropped(page, served):
    unknown = "#tab=compare&c.lock=nothing&t.view=nothing&gaps=nothing&tool=nothing&c.image=17"
    open_page(page, served, unknown)
    page.get_by_role("button", name="Random image").click()  # the next change writes the address
    values = address(page)
    assert values.keys() <= {"tab", "of", "lang", "c.image", "c.of", "c.models"}
    assert values["tab"] == "compare"


def test_every_gap_layer_of_a_model_can_be_linked(page, served):
    layers = served.registry[1].latent_map.gap_layers.measures
    assert "rarity" in layers
    for layer in layers:
        open_page(page, served, f"#model=1&gaps={layer}")
        page.locator(".map").first.focus()
        page.keyboard.press("ArrowRight")  # writes the address
        assert address(page).get("gaps") == layer
