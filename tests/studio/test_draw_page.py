"""Draw, find, and images on the map, in a browser."""

import base64
import io
import re

import numpy as np
import pytest
import torch
from PIL import Image

import latentarium as la
from conftest import tiny_arrays
from latentarium import presets
from latentarium.data.dataset import to_uint8
from latentarium.latent import inversion_baseline as usual
from latentarium.latent.inversion import invert
from latentarium.latent.latent_map import Atlas
from latentarium.studio.query import search
from latentarium.studio.query.locate import land
from latentarium.studio.registry import LoadedModel, ModelRegistry
from pages import IN_A_BROWSER, Served, address, go, pixels, quiet, ready, seen, watched

pytestmark = IN_A_BROWSER

BAR = [(0.15, 0.3), (0.85, 0.3)]
POST = [(0.5, 0.1), (0.5, 0.9)]


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    """Few images are searched for the comparison."""
    monkeypatch.setattr(usual, "SEARCHED", 4)


def stroke(page, places):
    box = page.get_by_test_id("pad").bounding_box()
    first, *others = [
        (box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in places
    ]
    page.mouse.move(*first)
    page.mouse.down()
    for place in others:
        page.mouse.move(*place, steps=4)
    page.mouse.up()


def grey(page, name):
    """A picture's values, (1, 1, H, W)."""
    size = page.get_by_test_id(name).evaluate("c => [c.height, c.width]")
    values = np.array(pixels(page, name), np.uint8).reshape(*size, 4)
    return torch.from_numpy(values[None, None, :, :, 0].copy())


def landed(page):
    """Where the mark is."""
    quiet(page)
    mark = page.get_by_test_id("landing")
    return float(mark.get_attribute("data-x")), float(mark.get_attribute("data-y"))


def settled(page, atlas):
    """Where the mark is, once it is that of the image that is seen."""
    quiet(page)
    found = land(atlas, grey(page, "seen"))
    assert landed(page) == pytest.approx(found.place, abs=1e-4)
    return found


def test_a_drawing_lands_comes_back_and_has_neighbours(page, served):
    go(page, served, "#tab=explore&model=1&tool=draw")
    assert "Draw, or take a real image" in page.locator("aside").inner_text()
    stroke(page, BAR)
    atlas = served.registry[1].atlas
    found = first = settled(page, atlas)
    assert grey(page, "seen").max() > 200
    assert torch.equal(grey(page, "reconstruction"), found.reconstruction)
    names = [
        one.get_attribute("title") for one in page.get_by_test_id("neighbours").locator("li").all()
    ]
    assert names == [f"#{number}" for number in found.neighbours.index[0].tolist()]
    likeliest = page.get_by_test_id("likeliest").locator(".class").first.inner_text()
    assert likeliest.startswith(str(int(found.classes.argmax())))
    assert page.get_by_test_id("landing").locator("ellipse").count() == 2
    stroke(page, POST)
    second = settled(page, atlas)
    assert second.place != first.place
    quiet(page)
    page.reload()  # the drawing is in the address
    ready(page)
    assert settled(page, atlas).place == second.place
    page.get_by_role("button", name="Undo").click()
    assert settled(page, atlas).place == first.place
    page.get_by_role("button", name="Clear").click()
    page.get_by_test_id("landing").wait_for(state="detached")
    assert page.get_by_role("button", name="Undo").is_disabled()


def test_an_autoencoder_says_that_it_has_no_posterior(page, served):
    go(page, served, "#tab=explore&model=0&tool=draw&pad.real=350")
    landed(page)
    assert "a point, no posterior" in page.locator("aside").inner_text()
    assert page.get_by_test_id("landing").locator("ellipse").count() == 0
    x, _ = landed(page)
    page.get_by_role("button", name="Cursor there").click()
    assert float(address(page)["x"]) == pytest.approx(x, abs=1e-4)


def test_a_real_image_is_what_the_copied_code_has(page, served):
    go(page, served, "#tab=explore&model=0&tool=draw")
    page.get_by_role("button", name="Real image").click()
    landed(page)
    code = page.get_by_test_id("code-python").inner_text()
    number = int(re.findall(r"atlas\.image\((\d+)\)", code)[0])
    atlas = served.registry[0].atlas
    assert len(atlas.train) <= number < atlas.count  # the model never saw it
    assert torch.equal(grey(page, "seen")[0], atlas.image(number))
    scope = {"land": land, "atlas": atlas}
    calls = [line for line in code.splitlines() if line.startswith("image = ")]
    exec("\n".join(calls), scope)
    assert torch.equal(grey(page, "reconstruction"), scope["image"])


def test_the_pad_is_drawn_on_by_keyboard(page, served):
    go(page, served, "#tab=explore&model=0&tool=draw")
    page.get_by_label("Pad:").focus()
    page.keyboard.press("ArrowLeft")
    assert page.get_by_role("button", name="Undo").is_disabled()
    page.keyboard.press("Space")
    for _ in range(8):
        page.keyboard.press("ArrowDown")
    landed(page)
    assert page.get_by_role("button", name="Undo").is_enabled()
    assert grey(page, "seen").max() > 100
    page.get_by_role("button", name="Erase").click()
    before = int(grey(page, "seen").long().sum())
    stroke(page, [(0.1, 0.6), (0.9, 0.6)])
    quiet(page)
    assert int(grey(page, "seen").long().sum()) < before


def test_a_file_is_read_here_and_what_is_none_is_a_sentence(page, served):
    go(page, served, "#tab=explore&model=0&tool=draw")
    values = np.random.default_rng(1).integers(0, 256, (12, 10)).astype(np.uint8)
    content = io.BytesIO()
    Image.fromarray(values).save(content, "PNG")
    chooser = page.locator("input[type=file]")
    chooser.set_input_files(
        {"name": "a.png", "mimeType": "image/png", "buffer": content.getvalue()}
    )
    landed(page)
    assert torch.equal(grey(page, "seen")[0, 0], torch.from_numpy(values))
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save image.png").click()
    kept = np.array(Image.open(saved.value.path()).convert("L"))
    np.testing.assert_array_equal(kept, values)  # what the copied code opens
    assert (
        'Image.open("image.png").convert("L"))[None, None]'
        in page.get_by_test_id("code-python").inner_text()
    )
    page.get_by_role("button", name="Negative").click()
    quiet(page)
    assert torch.equal(grey(page, "seen")[0, 0], 255 - torch.from_numpy(values))
    chooser.set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": b"no picture"})
    page.get_by_role("alert").get_by_text("choose a PNG or JPEG").wait_for()


def test_an_image_is_found_and_the_walk_is_seen(page, served):
    go(page, served, "#tab=explore&model=3&tool=find&pad.real=355&find.seed=3")
    assert page.get_by_role("radio", name="Draw").count() == 0  # it has no encoder
    page.get_by_role("button", name="Find this image").click()
    page.get_by_text(re.compile("held-out real images")).wait_for()
    atlas = served.registry[3].atlas
    found = invert(atlas.model, atlas.image(355)[None], seed=3)
    assert found.label is not None
    assert torch.equal(grey(page, "found"), to_uint8(found.image))
    assert page.get_by_test_id("found-class").inner_text() == f"as {int(found.label)}"
    assert f"|z| = {float(found.z.norm()):.2f}" in page.get_by_test_id("length").inner_text()
    assert len(page.locator("[data-testid=curve] polyline").get_attribute("points").split()) > 2
    code = page.get_by_test_id("code-python").inner_text()
    assert "image = atlas.image(355)[None]" in code
    assert "found = invert(model, image, seed=3)" in code
    end = grey(page, "found")
    page.get_by_label("Walk").fill("0")
    quiet(page)
    assert not torch.equal(grey(page, "found"), end)
    page.get_by_label("Ask for", exact=True).and_(page.locator("select")).select_option("2")
    page.get_by_role("button", name="Find this image").click()
    page.get_by_text(re.compile("held-out real images")).wait_for()
    assert page.get_by_test_id("found-class").inner_text() == "as 2"


def test_a_search_leaves_its_way_on_the_map(page, served):
    go(page, served, "#tab=explore&model=0&tool=find&pad.real=5")
    page.get_by_role("button", name="Find this image").click()
    page.get_by_text(re.compile("held-out real images")).wait_for()
    assert page.get_by_test_id("way").locator("circle").count() == 2
    x = float(page.get_by_test_id("way").locator("circle").last.get_attribute("cx"))
    page.get_by_role("button", name="Cursor there").click()
    quiet(page)
    ring = float(page.locator("circle.cursor").get_attribute("cx"))
    assert ring == pytest.approx(x, abs=0.5)


ABORT = """async (body) => {
  for (let i = 0; i < 4; i++) {
    const stopper = new AbortController();
    const headers = { "Content-Type": "application/json" };
    const given = { method: "POST", body, headers, signal: stopper.signal };
    const answer = await fetch("/api/models/2/invert", given);
    if (!answer.ok) return await answer.text();
    await answer.body.getReader().read();
    stopper.abort();
    await new Promise((done) => setTimeout(done, 150));
  }
  return "";
}"""


def test_who_goes_away_ends_the_search(page, served, monkeypatch):
    """Only two may go on at once: four that were left soon after another are no trouble."""
    slow = search.walk
    ended = []

    def long_walk(*given, **settings):
        try:
            for _ in range(100):
                yield from slow(*given, **settings, steps=40)
        finally:
            ended.append(True)

    monkeypatch.setattr(search, "walk", long_walk)
    go(page, served, "#tab=explore&model=2&tool=find&pad.real=3")
    image = served.registry[2].atlas.image(3).permute(1, 2, 0).numpy()
    body = f'{{"pixels": "{base64.b64encode(image.tobytes()).decode()}"}}'
    assert page.evaluate(ABORT, body) == ""
    page.get_by_role("button", name="Find this image").click()
    page.get_by_role("button", name="Stop").wait_for()
    page.get_by_test_id("found").wait_for()
    page.get_by_role("button", name="Stop").click()
    page.get_by_text("this is the best so far").wait_for()
    for _ in range(40):
        if len(ended) == 5:
            break
        page.wait_for_timeout(50)
    assert len(ended) == 5


def test_near_enough_the_images_are_seen(page, served):
    go(page, served, "#tab=explore&model=0&ellipses=0")
    quiet(page)
    far = seen(page)
    box = page.locator(".map").bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.move(*middle)
    page.mouse.wheel(0, -400)
    quiet(page)
    assert seen(page)["shades"] > far["shades"] + 50  # grey values of images
    said = page.get_by_test_id("hovered")
    number, place = None, (0, 0)
    for x, y in np.random.default_rng(0).uniform(0.25, 0.75, (200, 2)):
        place = (int(x * box["width"]), int(y * box["height"]))
        page.mouse.move(box["x"] + place[0], box["y"] + place[1])
        if said.count():
            number = int(said.inner_text().split()[0].removeprefix("#"))
            break
    assert number is not None
    atlas = served.registry[0].atlas
    assert said.inner_text().split()[-1] == str(atlas.shown_classes()[number])
    assert shows(page, atlas.image(number)[0].numpy(), place)


AROUND = """([x, y, far]) => {
  const context = document.querySelector("[data-testid=map]").getContext("2d");
  return Array.from(context.getImageData(x - far, y - far, 2 * far, 2 * far).data);
}"""


def shows(page, image, place, far=40):
    """Whether the map shows an image around a place, its pixels whole multiples."""
    found = np.array(page.evaluate(AROUND, [*place, far]), np.uint8)
    found = found.reshape(2 * far, 2 * far, 4)[:, :, 0]
    for times in (1, 2, 3):
        large = image.repeat(times, 0).repeat(times, 1)
        windows = np.lib.stride_tricks.sliding_window_view(found, large.shape)
        # others may lie over a part of it
        if ((windows == large).mean((2, 3)) > 0.6).any():
            return True
    return False


@pytest.fixture(scope="module")
def in_colour(tmp_path_factory):
    """An autoencoder of colour images without labels, on a page of its own."""
    images, _ = tiny_arrays(200, (3, 20, 16))
    data = la.load_data(images)
    run = la.train(presets.get("vae_debug"), tmp_path_factory.mktemp("colour") / "r", data)
    atlas = Atlas(run.load(), data)
    shown = LoadedModel(name="colour", folder=str(run.folder), kind="VAE", atlas=atlas, run=run)
    studio = Served(ModelRegistry([shown]))
    yield studio
    studio.stop()


def test_in_colour_and_without_labels(browser, in_colour):
    page = watched(browser.new_context(viewport={"width": 1280, "height": 800}))
    go(page, in_colour, "#tab=explore&tool=draw")
    page.get_by_label("Brush").fill("#ff2000")
    page.get_by_label("Paper").fill("#0000c0")
    stroke(page, BAR)
    landed(page)
    values = np.array(pixels(page, "seen"), np.uint8).reshape(20, 16, 4)
    red, _, blue, _ = values[6, 8].tolist()
    assert red > 150 > 80 > blue
    assert values[15, 8].tolist() == [0, 0, 192, 255]
    assert page.get_by_test_id("likeliest").count() == 0
    assert page.get_by_test_id("neighbours").locator("li").count() == 8
    assert page.get_by_label("Centre like MNIST").count() == 0
    assert (
        '.convert("RGB")).transpose(2, 0, 1)[None]'
        in page.get_by_test_id("code-python").inner_text()
    )
    page.get_by_role("radio", name="Find").click()
    page.get_by_role("button", name="Find this image").click()
    page.get_by_text(re.compile("held-out real images")).wait_for()
    page.context.close()
