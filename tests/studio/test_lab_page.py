"""The 2-D lab in a browser: training, layers, drawing, replay and errors."""

import re

from latentarium.studio.lab import Lab
from support.browser import (
    BROWSER_MARKS,
    address,
    canvas_summary,
    forget_problems,
    open_page,
    wait_idle,
)

pytestmark = BROWSER_MARKS
PANELS = ("lab-gaussian", "lab-vae", "lab-gan")
LAB = "#tab=train&t.view=lab"


def clock(page) -> int:
    return int(re.sub(r"\D", "", page.get_by_test_id("clock").inner_text().split("·")[0]))


def wait_for_step(page, step):
    """Wait until the clock shows at least this step."""
    for _ in range(400):
        if clock(page) >= step:
            return
        page.wait_for_timeout(25)
    raise AssertionError(f"the clock shows step {clock(page)}")


def click(page, *names):
    for name in names:
        page.get_by_test_id(f"lab-{name}").click()


def python_code(page):
    return page.get_by_test_id("code-python").inner_text()


def test_models_train_in_step_and_copied_code_reproduces_them(page, served, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the copied code saves a picture
    open_page(page, served, LAB)
    assert clock(page) == 0
    assert "%" not in page.get_by_test_id("lab-summary").inner_text()  # no results yet
    before = [canvas_summary(page, name) for name in PANELS]
    assert all(panel["painted"] > 5000 for panel in before)
    click(page, "play")
    wait_for_step(page, 8)
    click(page, "play")
    wait_idle(page)
    click(page, "step", "only-d", "only-g", "only-g")
    wait_idle(page)
    step = clock(page)
    assert all(
        canvas_summary(page, name) != panel for name, panel in zip(PANELS, before, strict=True)
    )
    code = python_code(page)
    assert 'lab.advance(1, only="discriminator")' in code
    assert 'lab.advance(2, only="generator")' in code
    names: dict = {}
    exec(code, names)
    assert names["lab"].step == step
    assert (tmp_path / "lab.svg").stat().st_size > 10_000
    shares = [names["lab"].frame()[name]["quality"]["near"] for name in ("gaussian", "vae", "gan")]
    for name, share in zip(PANELS, shares, strict=True):
        numbers = page.get_by_test_id(f"{name}-numbers").inner_text().replace("\xa0", " ")
        assert abs(float(numbers.split(" %")[0]) - 100 * share) <= 0.51
    worst = min(shares)
    summary = page.get_by_test_id("lab-summary").inner_text().lower().replace("\xa0", " ")
    titles = zip(("one gaussian", "vae", "gan"), shares, strict=True)
    tied = [title for title, share in titles if share == worst]
    assert any(f"{title}, {100 * (1 - worst):.0f} %" in summary for title in tied)
    losses = page.locator(".panel").nth(2).inner_text()
    assert re.findall(r"\b(?:1\.39|0\.69)\b", losses)[-2:]  # of the equilibrium: 2 log 2, log 2


def test_loss_charts_are_drawn(page, served):
    open_page(page, served, f"{LAB}&l.did=90_d1_9")
    wait_for_step(page, 100)
    wait_idle(page)
    for i, curves in enumerate((1, 1, 2)):
        panel = page.locator(".panel").nth(i)
        assert panel.locator(".frame .reference").count() == curves  # a goal for each curve
        painted = panel.locator(".frame canvas").evaluate(
            """(canvas) => {
            const context = canvas.getContext("2d");
            const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
            return data.filter((value, i) => i % 4 === 3 && value > 0).length; }"""
        )
        assert painted > 100 * curves


def test_solo_steps_move_only_the_gan_and_layers_can_be_hidden(page, served):
    open_page(page, served, LAB)
    click(page, "step")
    wait_for_step(page, 1)
    wait_idle(page)
    before = [canvas_summary(page, name) for name in PANELS]
    click(page, "only-d")
    wait_for_step(page, 2)
    wait_idle(page)
    after = [canvas_summary(page, name) for name in PANELS]
    assert after[:2] == before[:2]
    assert after[2] != before[2]
    for layer in ("field", "mesh", "push"):
        page.get_by_test_id(f"layer-{layer}").uncheck()
    wait_idle(page)
    assert canvas_summary(page, "lab-gan")["painted"] < after[2]["painted"] / 2
    assert address(page)["l.field"] == "0"


def test_drawn_distribution_is_learned_and_kept_in_the_address(page, served):
    open_page(page, served, LAB)
    page.get_by_test_id("distribution-drawn").click()
    assert page.get_by_test_id("lab-gan").count() == 0
    invitation = page.get_by_test_id("invitation")
    assert invitation.is_visible()
    box = page.get_by_test_id("brush").bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 60, box["y"] + 20, steps=5)
    page.mouse.up()
    page.get_by_test_id("lab-gan").wait_for()
    assert invitation.count() == 0
    painted = canvas_summary(page, "brush")["painted"]
    assert painted > 5
    drawing = address(page)["l.drawing"]
    points = Lab("drawn", drawing=drawing).real()["points"]
    assert max(points[::2]) < 0  # the stroke is at the top left
    assert min(points[1::2]) > 0.5
    open_page(page, served, f"{LAB}&l.name=drawn&l.drawing={drawing}")
    assert canvas_summary(page, "brush")["painted"] == painted
    page.get_by_test_id("lab-gan").wait_for()
    page.get_by_test_id("random-blobs").click()
    wait_idle(page)
    assert canvas_summary(page, "brush")["painted"] != 0
    page.get_by_test_id("clear").click()
    wait_idle(page)
    assert canvas_summary(page, "brush")["painted"] == 0


def test_space_plays_and_the_language_can_be_changed(page, served):
    open_page(page, served, f"{LAB}&l.name=gaussian&l.speed=fast&l.seed=7")
    page.keyboard.press("Space")
    wait_for_step(page, 2)
    page.keyboard.press("Space")
    english = page.get_by_test_id("lab-summary").inner_text()
    page.get_by_test_id("language").click()
    assert page.get_by_test_id("lab-summary").inner_text() != english
    assert re.search("[\u4e00-\u9fff]", page.get_by_test_id("lab-summary").inner_text())
    assert 'Lab("gaussian", seed=7)' in python_code(page)


def test_moves_in_the_address_are_replayed(page, served):
    open_page(page, served, f"{LAB}&l.did=60_d1_3")
    wait_for_step(page, 63)
    assert re.findall(r"lab.advance\((.*)\)", python_code(page)) == [
        "60", '1, only="discriminator"', "3",
    ]  # fmt: skip
    click(page, "restart")
    wait_idle(page)
    assert clock(page) == 0
    assert "l.did" not in address(page)


def test_a_distribution_is_drawn_by_keyboard(page, served):
    open_page(page, served, f"{LAB}&l.name=drawn")
    page.get_by_test_id("brush").focus()
    for key in ("ArrowUp", "Space", "ArrowRight", "ArrowRight", "Space"):  # lower, move, lift
        page.keyboard.press(key)
    page.get_by_test_id("lab-gan").wait_for()
    drawn = address(page)["l.drawing"]
    assert 'Lab("drawn", drawing=' in python_code(page)
    page.get_by_test_id("brush").focus()
    for key in ("Shift+Space", "ArrowLeft", "ArrowLeft", "Space"):
        page.keyboard.press(key)
    assert address(page).get("l.drawing") != drawn


def test_a_long_replay_tells_its_progress_and_can_be_cancelled(page, served):
    page.goto(f"{served.address}{LAB}&l.did=50000")
    replay = page.get_by_test_id("lab-replay")
    replay.get_by_text(re.compile(r"[1-9]\d* of 50,000 · about .* left")).wait_for()
    replay.get_by_role("button", name="Cancel").click()
    replay.wait_for(state="detached")
    wait_idle(page)
    step = clock(page)
    assert 0 < step < 50_000
    assert address(page)["l.did"] == str(step)  # a link to what was reached
    click(page, "step")
    wait_for_step(page, step + 1)


def test_moves_are_replayed_after_a_lost_connection(page, served):
    open_page(page, served, LAB)
    click(page, "step")
    wait_for_step(page, 1)
    lost = page.get_by_test_id("connection-lost")
    served.stop()
    try:
        lost.wait_for()
    finally:
        served.start()
    lost.wait_for(state="detached")
    wait_for_step(page, 1)
    click(page, "step")
    wait_for_step(page, 2)
    # the browser itself reports the refused connections
    forget_problems(page, "ERR_CONNECTION_REFUSED", "WebSocket")


def test_invalid_seed_is_reported(page, served):
    open_page(page, served, f"{LAB}&l.name=ring")
    seed = page.get_by_test_id("lab-seed")
    seed.fill("-3")
    seed.press("Enter")
    page.get_by_role("alert").wait_for()
    seed.fill("3")
    seed.press("Enter")
    page.get_by_role("alert").wait_for(state="detached")
