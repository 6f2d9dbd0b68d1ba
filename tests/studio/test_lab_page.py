"""The lab in a browser: what a person does, and what they then see."""

import re

from latentarium.studio.lab.lab import Lab
from pages import IN_A_BROWSER, address, go, quiet, seen

pytestmark = IN_A_BROWSER
PANELS = ("lab-gaussian", "lab-vae", "lab-gan")
LAB = "#tab=train&t.view=lab"


def clock(page) -> int:
    return int(re.sub(r"\D", "", page.get_by_test_id("clock").inner_text().split("·")[0]))


def ticked(page, step):
    """Waits until the clock says so many steps or more."""
    for _ in range(400):
        if clock(page) >= step:
            return
        page.wait_for_timeout(25)
    raise AssertionError(f"the clock stands at {clock(page)}")


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


def test_three_models_learn_by_one_clock_and_what_is_copied_does_the_same(page, served):
    go(page, served, LAB)
    assert clock(page) == 0
    assert "Press play" in page.locator(".watch").inner_text()  # nothing is claimed yet
    before = [seen(page, name) for name in PANELS]
    assert all(one["painted"] > 5000 for one in before)
    button(page, "▶ Play").click()
    ticked(page, 8)
    button(page, "❚❚ Pause").click()
    quiet(page)
    button(page, "One step").click()
    button(page, "D only").click()
    button(page, "G only").click()
    button(page, "G only").click()
    quiet(page)
    done = clock(page)
    assert all(seen(page, name) != one for name, one in zip(PANELS, before, strict=True))
    code = page.get_by_test_id("code-python").inner_text()
    assert 'lab.advance(1, only="discriminator")' in code
    assert 'lab.advance(2, only="generator")' in code
    names: dict = {}
    exec(code, names)
    assert names["lab"].step == done
    shares = [names["lab"].frame()[name]["quality"]["near"] for name in ("gaussian", "vae", "gan")]
    for name, share in zip(PANELS, shares, strict=True):
        said = page.get_by_test_id(f"{name}-numbers").inner_text()
        assert abs(float(said.split(" %")[0]) - 100 * share) <= 0.51
    worst = min(zip(shares, ("One Gaussian", "VAE", "GAN"), strict=True))
    watch = page.locator(".watch").inner_text()
    assert f"between the modes: {worst[1]}, {100 * (1 - worst[0]):.0f} %" in watch
    losses = page.locator(".panel").nth(2).inner_text()
    assert "equilibrium 1.39" in losses
    assert "equilibrium 0.69" in losses


def test_alone_only_the_gan_moves_and_layers_can_be_left_out(page, served):
    go(page, served, LAB)
    button(page, "One step").click()
    ticked(page, 1)
    quiet(page)
    before = [seen(page, name) for name in PANELS]
    button(page, "D only").click()
    ticked(page, 2)
    quiet(page)
    after = [seen(page, name) for name in PANELS]
    assert after[:2] == before[:2]
    assert after[2] != before[2]
    page.get_by_label("Field").uncheck()
    page.get_by_label("Grid").uncheck()
    page.get_by_label("Pushes").uncheck()
    quiet(page)
    assert seen(page, "lab-gan")["painted"] < after[2]["painted"] / 2
    assert address(page)["l.field"] == "0"


def test_a_distribution_is_drawn_by_hand_and_the_address_keeps_it(page, served):
    go(page, served, LAB)
    page.get_by_role("radio", name="Draw your own").click()
    assert "Draw something" in page.locator(".watch").inner_text()
    invitation = page.get_by_text("Draw here where the data shall lie")
    assert invitation.is_visible()
    box = page.get_by_test_id("brush").bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 60, box["y"] + 20, steps=5)
    page.mouse.up()
    page.get_by_test_id("lab-gan").wait_for()
    assert invitation.count() == 0
    painted = seen(page, "brush")["painted"]
    assert painted > 5
    drawing = address(page)["l.drawing"]
    points = Lab("drawn", drawing=drawing).real()["points"]
    assert max(points[::2]) < 0  # to the left, and above
    assert min(points[1::2]) > 0.5
    go(page, served, f"{LAB}&l.name=drawn&l.drawing={drawing}")
    assert seen(page, "brush")["painted"] == painted
    page.get_by_test_id("lab-gan").wait_for()
    button(page, "Random blobs").click()
    quiet(page)
    assert seen(page, "brush")["painted"] != 0
    button(page, "Clear").click()
    quiet(page)
    assert seen(page, "brush")["painted"] == 0


def test_the_keyboard_plays_and_the_language_is_switched(page, served):
    go(page, served, f"{LAB}&l.name=gaussian&l.speed=fast&l.seed=7")
    assert "is the right model" in page.locator(".watch").inner_text()
    page.keyboard.press("Space")
    ticked(page, 2)
    page.keyboard.press("Space")
    page.get_by_role("button", name="中文").click()
    assert "單一高斯就是對的模型" in page.locator(".watch").inner_text()
    assert 'Lab("gaussian", seed=7)' in page.get_by_test_id("code-python").inner_text()


def test_the_address_says_what_was_done_and_it_is_done_again(page, served):
    go(page, served, f"{LAB}&l.did=60_d1_3")
    page.get_by_test_id("clock").filter(has_text=re.compile("step 6[34]$")).wait_for()
    code = page.get_by_test_id("code-python").inner_text()
    assert re.findall(r"lab.advance\((.*)\)", code) == ["60", '1, only="discriminator"', "3"]
    button(page, "Begin anew").click()
    page.get_by_test_id("clock").filter(has_text=re.compile("step 0$")).wait_for()
    assert "l.did" not in address(page)


def test_a_lost_server_is_said_and_what_was_done_is_done_again(page, served):
    go(page, served, LAB)
    button(page, "One step").click()
    ticked(page, 1)
    served.stop()
    try:
        page.get_by_text("The server is gone").first.wait_for()
    finally:
        served.start()
    page.get_by_text("The server is gone").wait_for(state="detached")
    page.get_by_test_id("clock").filter(has_text=re.compile("step 1$")).wait_for()
    button(page, "One step").click()
    ticked(page, 2)
    said = ("ERR_CONNECTION_REFUSED", "WebSocket")
    assert [line for line in page.trouble if not any(word in line for word in said)] == []
    page.trouble.clear()


def test_what_the_lab_cannot_do_is_a_sentence(page, served):
    go(page, served, f"{LAB}&l.name=ring")
    page.get_by_label("Seed").fill("-3")
    page.get_by_label("Seed").press("Enter")
    page.get_by_role("alert").wait_for()
    assert "can't read this" in page.get_by_role("alert").inner_text()
    page.get_by_label("Seed").fill("3")
    page.get_by_label("Seed").press("Enter")
    page.get_by_role("alert").wait_for(state="detached")
