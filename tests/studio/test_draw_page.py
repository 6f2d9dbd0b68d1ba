"""Drawing, searching, and images on the map, in a browser."""

import base64
import io
import re

import numpy as np
import pytest
import torch
from PIL import Image

import latentarium as la
from latentarium import presets
from latentarium.data.dataset import to_uint8
from latentarium.latent.inversion import invert
from latentarium.studio.query import baseline, inversion
from latentarium.studio.query.locate import locate_query
from support.browser import (
    BROWSER_MARKS,
    address,
    canvas_summary,
    open_page,
    pixels,
    run_copied,
    studio_of,
    tracked_page,
    wait_idle,
    wait_ready,
)
from support.tiny import tiny_arrays

pytestmark = BROWSER_MARKS

BAR = [(0.15, 0.3), (0.85, 0.3)]
POST = [(0.5, 0.1), (0.5, 0.9)]


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    """Search for few held-out images in the comparison."""
    monkeypatch.setattr(baseline, "NUM_IMAGES", 4)


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
    """Return the grey values of a picture, shape (1, 1, H, W)."""
    size = page.get_by_test_id(name).evaluate("c => [c.height, c.width]")
    values = np.array(pixels(page, name), np.uint8).reshape(*size, 4)
    return torch.from_numpy(values[None, None, :, :, 0].copy())


def position(page):
    """Return the position of the encoding on the map."""
    wait_idle(page)
    mark = page.get_by_test_id("encoding")
    return float(mark.get_attribute("data-x")), float(mark.get_attribute("data-y"))


def settled_encoding(page, latent_map):
    """Wait until the map shows the encoding of the current image, and return it."""
    wait_idle(page)
    found = locate_query(latent_map, grey(page, "model-input"))
    assert position(page) == pytest.approx(found.point, abs=1e-4)
    return found


def test_a_drawing_is_encoded_reconstructed_and_has_neighbours(page, served):
    open_page(page, served, "#tab=explore&model=1&tool=draw")
    assert "Draw, or take a real image" in page.locator("aside").inner_text()
    stroke(page, BAR)
    latent_map = served.registry[1].latent_map
    found = first = settled_encoding(page, latent_map)
    assert grey(page, "model-input").max() > 200
    assert torch.equal(grey(page, "reconstruction"), found.reconstruction)
    names = [
        one.get_attribute("title") for one in page.get_by_test_id("neighbours").locator("li").all()
    ]
    assert names == [f"#{number}" for number in found.neighbours.index[0].tolist()]
    likeliest = page.get_by_test_id("likeliest").locator(".class").first.inner_text()
    assert likeliest.startswith(str(int(found.class_probabilities.argmax())))
    assert page.get_by_test_id("encoding").locator("ellipse").count() == 2
    stroke(page, POST)
    second = settled_encoding(page, latent_map)
    assert second.point != first.point
    wait_idle(page)
    page.reload()  # the address contains the drawing
    wait_ready(page)
    assert settled_encoding(page, latent_map).point == second.point
    page.get_by_role("button", name="Undo").click()
    assert settled_encoding(page, latent_map).point == first.point
    page.get_by_role("button", name="Clear").click()
    page.get_by_test_id("encoding").wait_for(state="detached")
    assert page.get_by_role("button", name="Undo").is_disabled()


def test_an_autoencoder_has_no_posterior(page, served):
    open_page(page, served, "#tab=explore&model=0&tool=draw&pad.real=350")
    position(page)
    assert "a point, not a distribution" in page.locator("aside").inner_text()
    assert page.get_by_test_id("encoding").locator("ellipse").count() == 0
    x, _ = position(page)
    page.get_by_role("button", name="Move cursor there").click()
    assert float(address(page)["x"]) == pytest.approx(x, abs=1e-4)


def test_the_copied_code_loads_the_real_image(page, served, tmp_path):
    open_page(page, served, "#tab=explore&model=0&tool=draw")
    page.get_by_role("button", name="Real image").click()
    position(page)
    code = page.get_by_test_id("code-python").inner_text()
    number = int(re.findall(r"latent_map\.image\((\d+)\)", code)[0])
    latent_map = served.registry[0].latent_map
    assert len(latent_map.encoded.train) <= number < latent_map.encoded.num_images  # held out
    assert torch.equal(grey(page, "model-input")[0], latent_map.image(number))
    scope = run_copied(code, latent_map.data, tmp_path)
    assert torch.equal(grey(page, "reconstruction"), scope["image"])


def test_the_keyboard_draws_on_the_pad(page, served):
    open_page(page, served, "#tab=explore&model=0&tool=draw")
    page.get_by_label("Pad:").focus()
    page.keyboard.press("ArrowLeft")
    assert page.get_by_role("button", name="Undo").is_disabled()
    page.keyboard.press("Space")
    for _ in range(8):
        page.keyboard.press("ArrowDown")
    position(page)
    assert page.get_by_role("button", name="Undo").is_enabled()
    assert grey(page, "model-input").max() > 100
    page.get_by_role("button", name="Erase").click()
    before = int(grey(page, "model-input").long().sum())
    stroke(page, [(0.1, 0.6), (0.9, 0.6)])
    wait_idle(page)
    assert int(grey(page, "model-input").long().sum()) < before


def test_a_file_is_loaded_and_an_unreadable_one_gives_an_error(page, served, tmp_path):
    open_page(page, served, "#tab=explore&model=0&tool=draw")
    values = np.random.default_rng(1).integers(0, 256, (12, 10)).astype(np.uint8)
    content = io.BytesIO()
    Image.fromarray(values).save(content, "PNG")
    chooser = page.locator("input[type=file]")
    chooser.set_input_files(
        {"name": "a.png", "mimeType": "image/png", "buffer": content.getvalue()}
    )
    position(page)
    assert torch.equal(grey(page, "model-input")[0, 0], torch.from_numpy(values))
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save image.png").click()
    saved.value.save_as(tmp_path / "image.png")  # the file that the copied code opens
    kept = np.array(Image.open(tmp_path / "image.png").convert("L"))
    np.testing.assert_array_equal(kept, values)
    page.get_by_role("checkbox", name="Invert").click()
    wait_idle(page)
    assert torch.equal(grey(page, "model-input")[0, 0], 255 - torch.from_numpy(values))
    code = page.get_by_test_id("code-python").inner_text()
    assert 'latent_map.prepare_image("image.png", fit=True, invert=True' in code
    ran = run_copied(code, served.registry[0].latent_map.data, tmp_path)
    assert torch.equal(ran["prepared"].image, grey(page, "model-input"))
    assert torch.equal(ran["image"], grey(page, "reconstruction"))
    chooser.set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": b"no picture"})
    page.get_by_role("alert").get_by_text("Choose a PNG or JPEG").wait_for()


def test_the_search_shows_its_steps_and_result(page, served):
    open_page(page, served, "#tab=explore&model=3&tool=find&pad.real=355&find.seed=3")
    assert page.get_by_role("radio", name="Draw").count() == 0  # needs an encoder
    page.get_by_role("button", name="Find this image").click()
    page.get_by_test_id("verdict").get_by_text("held-out images").wait_for()
    latent_map = served.registry[3].latent_map
    found = invert(latent_map.model, latent_map.image(355)[None], seed=3)
    assert found.label is not None
    assert torch.equal(grey(page, "found"), to_uint8(found.image))
    assert page.get_by_test_id("found-class").inner_text() == f"as {int(found.label)}"
    assert f"|z| = {float(found.z.norm()):.2f}" in page.get_by_test_id("length").inner_text()
    assert len(page.locator("[data-testid=curve] polyline").get_attribute("points").split()) > 2
    code = page.get_by_test_id("code-python").inner_text()
    assert "image = latent_map.image(355)[None]" in code
    assert "inversion = latent_map.invert(image, seed=3)" in code
    end = grey(page, "found")
    page.get_by_label("Replay").fill("0")
    wait_idle(page)
    assert not torch.equal(grey(page, "found"), end)
    page.get_by_label("Class", exact=True).and_(page.locator("select")).select_option("2")
    page.get_by_role("button", name="Find this image").click()
    page.get_by_test_id("verdict").get_by_text("held-out images").wait_for()
    assert page.get_by_test_id("found-class").inner_text() == "as 2"


def test_the_map_shows_the_path_of_a_search(page, served):
    open_page(page, served, "#tab=explore&model=0&tool=find&pad.real=5")
    page.get_by_role("button", name="Find this image").click()
    page.get_by_test_id("verdict").get_by_text("held-out images").wait_for()
    assert page.get_by_test_id("search-path").locator("circle").count() == 2
    x = float(page.get_by_test_id("search-path").locator("circle").last.get_attribute("cx"))
    page.get_by_role("button", name="Move cursor there").click()
    wait_idle(page)
    ring = float(page.locator("circle.cursor").get_attribute("cx"))
    assert ring == pytest.approx(x, abs=0.5)


ABORT = """async (body) => {
  for (let i = 0; i < 4; i++) {
    const abort = new AbortController();
    const headers = { "Content-Type": "application/json" };
    const options = { method: "POST", body, headers, signal: abort.signal };
    const answer = await fetch("/api/models/2/invert", options);
    if (!answer.ok) return await answer.text();
    await answer.body.getReader().read();
    abort.abort();
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  return "";
}"""


def test_leaving_the_page_stops_the_search(page, served, monkeypatch):
    """The server allows two searches at a time, so four abandoned ones must stop quickly."""
    slow = inversion.invert_iter
    ended = []

    def long_walk(*args, **settings):
        try:
            for _ in range(100):
                yield from slow(*args, **settings, steps=40)
        finally:
            ended.append(True)

    monkeypatch.setattr(inversion, "invert_iter", long_walk)
    open_page(page, served, "#tab=explore&model=2&tool=find&pad.real=3")
    image = served.registry[2].latent_map.image(3).permute(1, 2, 0).numpy()
    body = f'{{"pixels": "{base64.b64encode(image.tobytes()).decode()}"}}'
    assert page.evaluate(ABORT, body) == ""
    page.get_by_role("button", name="Find this image").click()
    page.get_by_role("button", name="Stop").wait_for()
    page.get_by_test_id("found").wait_for()
    page.get_by_role("button", name="Stop").click()
    page.get_by_text("This is the best result so far").wait_for()
    for _ in range(40):
        if len(ended) == 5:
            break
        page.wait_for_timeout(50)
    assert len(ended) == 5


def test_zooming_in_shows_images_on_the_map(page, served):
    open_page(page, served, "#tab=explore&model=0&ellipses=0")
    wait_idle(page)
    far = canvas_summary(page)
    box = page.locator(".map").bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.move(*middle)
    page.mouse.wheel(0, -400)
    wait_idle(page)
    assert canvas_summary(page)["shades"] > far["shades"] + 50  # grey values of images
    label = page.get_by_test_id("hovered")
    number, place = None, (0, 0)
    for x, y in np.random.default_rng(0).uniform(0.25, 0.75, (200, 2)):
        place = (int(x * box["width"]), int(y * box["height"]))
        page.mouse.move(box["x"] + place[0], box["y"] + place[1])
        if label.count():
            number = int(label.inner_text().split()[0].removeprefix("#"))
            break
    assert number is not None
    latent_map = served.registry[0].latent_map
    assert label.inner_text().split()[-1] == str(latent_map.encoded.class_numbers()[number])
    assert shows(page, latent_map.image(number)[0].numpy(), place)


AROUND = """([x, y, far]) => {
  const context = document.querySelector("[data-testid=map]").getContext("2d");
  return Array.from(context.getImageData(x - far, y - far, 2 * far, 2 * far).data);
}"""


def shows(page, image, place, far=40):
    """Return whether the map shows an image near a point, scaled by an integer."""
    found = np.array(page.evaluate(AROUND, [*place, far]), np.uint8)
    found = found.reshape(2 * far, 2 * far, 4)[:, :, 0]
    for times in (1, 2, 3):
        large = image.repeat(times, 0).repeat(times, 1)
        windows = np.lib.stride_tricks.sliding_window_view(found, large.shape)
        # other images may overlap it
        if ((windows == large).mean((2, 3)) > 0.6).any():
            return True
    return False


@pytest.fixture(scope="module")
def in_colour(tmp_path_factory):
    """A studio with an autoencoder of colour images without labels."""
    images, _ = tiny_arrays(200, (3, 20, 16))
    data = la.load_data(images)
    run = la.train(presets.get("vae_debug"), tmp_path_factory.mktemp("colour") / "r", data)
    studio = studio_of(run, data, "VAE")
    yield studio
    studio.stop()


def test_drawing_in_colour_without_labels(browser, in_colour, tmp_path):
    page = tracked_page(browser.new_context(viewport={"width": 1280, "height": 800}))
    open_page(page, in_colour, "#tab=explore&tool=draw")
    page.get_by_label("Brush").fill("#ff2000")
    page.get_by_label("Background").fill("#0000c0")
    stroke(page, BAR)
    position(page)
    values = np.array(pixels(page, "model-input"), np.uint8).reshape(20, 16, 4)
    red, _, blue, _ = values[6, 8].tolist()
    assert red > 150 > 80 > blue
    assert values[15, 8].tolist() == [0, 0, 192, 255]
    assert page.get_by_test_id("likeliest").count() == 0
    assert page.get_by_test_id("neighbours").locator("li").count() == 8
    assert page.get_by_label("Centre").count() == 0  # the subject has no place in these data
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save image.png").click()
    saved.value.save_as(tmp_path / "image.png")
    code = page.get_by_test_id("code-python").inner_text()
    ran = run_copied(code, in_colour.registry[0].latent_map.data, tmp_path)
    assert np.array_equal(ran["prepared"].image[0].permute(1, 2, 0), values[:, :, :3])
    page.get_by_role("radio", name="Find").click()
    page.get_by_role("button", name="Find this image").click()
    page.get_by_test_id("verdict").get_by_text("held-out images").wait_for()
    page.context.close()
