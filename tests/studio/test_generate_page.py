"""Generate in a browser: settings of the samples, their scores and their code."""

import io

import numpy as np
import pytest
from PIL import Image

from latentarium.data.dataset import to_uint8
from latentarium.image_files import grid_png
from latentarium.latent.calibration import OFF_LEVEL, levels_of
from latentarium.studio.samples.assess import assess_each
from latentarium.studio.samples.draw import SampleRequest, draw
from support.browser import BROWSER_MARKS, open_page, run_copied, wait_idle, wait_until
from support.tiny_studio import image_on_page, studio_with_classifier

pytestmark = BROWSER_MARKS
AE, GAN, CGAN = 0, 2, 3
served = pytest.fixture(studio_with_classifier, scope="module")


def made(served, model, n, label=None, **settings):
    images = served.registry[model].latent_map.model.sample(n, label, **settings)
    return to_uint8(images)[:, 0].numpy()


def wait_for_summary(page, text):
    wait_until(
        page, f"document.querySelector('[data-testid=summary]').innerText.includes('{text}')"
    )


def test_the_grid_shows_what_sample_returns_and_each_image_is_scored(page, served):
    open_page(
        page, served, f"#tab=generate&model={CGAN}&g.n=16&g.seed=5&g.truncation=0.5&g.label=1"
    )
    for i, image in enumerate(made(served, CGAN, 16, "1", seed=5, truncation=0.5)):
        np.testing.assert_array_equal(image_on_page(page, f"sample-{i}"), image)
    wait_for_summary(page, "of 16 match the requested class")
    latent_map = served.registry[CGAN].latent_map
    seen = latent_map.classifier.predict(latent_map.model.sample(16, "1", seed=5, truncation=0.5))
    assert (
        f"{int((seen == 1).sum())} of 16 match the" in page.get_by_test_id("summary").inner_text()
    )
    badges = page.locator("[data-testid=grid] button")
    for i, predicted in enumerate(seen.tolist()):
        badge = badges.nth(i)
        assert str(predicted) in badge.inner_text()
        assert ("mismatch" in (badge.get_attribute("class") or "")) == (predicted != 1)
        if predicted != 1:
            assert "✗" in badge.inner_text()
    drawn = draw(latent_map, SampleRequest(n=16, seed=5, truncation=0.5, label="1"))
    said = assess_each(latent_map, drawn)
    legend = page.get_by_test_id("legend").inner_text().replace("\xa0", " ")
    for words in ("✓ requested class", "typical of real images", "borderline", "?", "unknown"):
        assert words in legend
    assert f"as are {100 * said.held_out_off:.0f} % of held-out" in legend.replace(".0 %", " %")
    alike = int((levels_of(said.scores) >= OFF_LEVEL).sum())
    assert f"{alike} resemble most real images" in page.get_by_test_id("summary").inner_text()


def test_no_earlier_training_image_stands_next_to_a_new_sample(page, served):
    open_page(page, served, f"#tab=generate&model={CGAN}&g.n=16")
    width = "document.querySelector('[data-testid=training-image]').width"
    wait_until(page, f"{width} > 0")
    held = []
    page.route("**/samples/copies*", lambda route: held.append(route))
    page.get_by_role("button", name="Another seed").click()
    wait_until(page, f"{width} === 0")
    while not held:
        page.wait_for_timeout(20)
    held.pop().continue_()
    wait_until(page, f"{width} > 0")
    page.unroute("**/samples/copies*")


def test_the_settings_change_the_images_and_the_address(page, served, tmp_path):
    open_page(page, served, f"#tab=generate&model={CGAN}&g.n=16")
    first = image_on_page(page, "sample-0")
    page.get_by_role("button", name="Another seed").click()
    wait_until(page, "location.hash.includes('g.seed=1')")
    page.get_by_role("radio", name="2", exact=True).click()
    page.get_by_role("radio", name="36").click()
    page.get_by_label("Temperature").fill("0.25")
    wait_until(page, "location.hash.includes('g.truncation=0.25')")
    wait_for_summary(page, "of 36")
    assert page.locator("[data-testid=grid] canvas").count() == 36
    images = made(served, CGAN, 36, "2", seed=1, truncation=0.25)
    np.testing.assert_array_equal(image_on_page(page, "sample-35"), images[35])
    assert not np.array_equal(images[0], first)
    code = page.get_by_test_id("code-python").first.inner_text()
    assert 'model.sample(36, label="2", seed=1, truncation=0.25)' in code
    # the copied code reproduces the screen
    ran = run_copied(code, served.registry[CGAN].latent_map.data, tmp_path)
    np.testing.assert_array_equal(to_uint8(ran["images"])[:, 0].numpy(), images)
    command = page.get_by_test_id("code-command").first.inner_text()
    assert command.endswith("-n 36 --label 2 --seed 1 --truncation 0.25 --out grid.png")


def test_a_gan_explains_that_it_takes_no_class(page, served):
    open_page(page, served, f"#tab=generate&model={GAN}&g.label=1&g.n=16")
    assert "the class of its samples can't be chosen" in page.locator(".controls").inner_text()
    assert "this one doesn't" in page.get_by_test_id("blend").inner_text()
    assert "takes no class" in page.get_by_test_id("handwriting").inner_text()
    np.testing.assert_array_equal(image_on_page(page, "sample-3"), made(served, GAN, 16)[3])
    wait_for_summary(page, "by the classifier")


def test_an_autoencoder_samples_from_the_gaussian_of_a_class(page, served):
    open_page(page, served, f"#tab=generate&model={AE}&g.n=16")
    assert "the class of a sample is random" in page.locator(".controls").inner_text()
    page.get_by_role("radio", name="2", exact=True).click()
    wait_for_summary(page, "of 16 match the requested class")
    assert "the Gaussian of 2" in page.locator(".controls").inner_text()
    code = page.get_by_test_id("code-python").inner_text()
    assert "latent_map = la.LatentMap(model, la.load_data(" in code
    assert 'latent_map.sample_class("2", 16, ' in code
    assert "--gaussian 2" in page.get_by_test_id("code-command").inner_text()


def test_hovering_shows_the_nearest_training_image(page, served):
    open_page(page, served, f"#tab=generate&model={GAN}&g.n=16")
    detail = page.get_by_test_id("detail")
    detail.get_by_text("held-out images are closer").wait_for()
    page.get_by_role("button", name="Image 6").hover()
    wait_until(
        page,
        "document.querySelector('[data-testid=training-image]').width > 0"
        " && document.querySelector('[data-testid=detail]').innerText.includes('Image 6')",
    )
    train = served.registry[GAN].latent_map.data.train.images[:, 0].numpy().astype(float)
    image = made(served, GAN, 16)[5]
    np.testing.assert_array_equal(image_on_page(page, "detail-image"), image)
    nearest = ((train - image) ** 2).sum((1, 2)).argmin()
    assert f"#{nearest}" in detail.inner_text()
    assert "Euclidean distance" in detail.inner_text()
    np.testing.assert_array_equal(image_on_page(page, "training-image"), train[nearest])
    page.get_by_role("button", name="Image 6").focus()
    page.keyboard.press("ArrowRight")
    wait_until(page, "location.hash.includes('g.at=6')")


def test_the_pad_blends_classes_for_a_fixed_z(page, served):
    open_page(page, served, f"#tab=generate&model={CGAN}&g.blend=0:0.6,2:0.4&g.seed=3")
    blended = page.get_by_test_id("blended")
    assert blended.inner_text() == "60 % 0 + 40 % 2"
    wait_until(page, "document.querySelector('[data-testid=blend-5]').width > 0")
    expected = made(served, CGAN, 6, "0:0.6,2:0.4", seed=3)
    for i in range(6):
        assert np.abs(image_on_page(page, f"blend-{i}") - expected[i]).max() <= 1
    pad = page.get_by_test_id("pad")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    assert box is not None
    assert box["height"] < 60  # a slider
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.5 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 5, box["y"] + 0.5 * box["height"], steps=4)
    page.mouse.up()
    assert blended.inner_text() == "0 % 0 + 100 % 2"
    two = made(served, CGAN, 6, "2", seed=3)
    wait_idle(page)
    assert np.abs(image_on_page(page, "blend-0") - two[0]).max() <= 1
    pad.focus()
    page.keyboard.press("ArrowLeft")
    assert blended.inner_text() == "4 % 0 + 96 % 2"
    group = page.get_by_role("group", name="Two or three classes")
    group.get_by_role("button", name="1", exact=True).click()  # a triangle now
    assert blended.inner_text().count("%") == 3
    assert pad.bounding_box()["height"] > 150
    pad.focus()
    page.keyboard.press("Shift+ArrowUp")
    wait_until(page, "location.hash.includes('g.blend=')")
    code = page.get_by_test_id("blend").get_by_test_id("code-python").text_content() or ""
    assert 'label="0:' in code
    assert ",2:" in code


def test_rows_of_the_handwriting_share_one_z(page, served):
    open_page(page, served, f"#tab=generate&model={CGAN}&g.seed=2&g.rows=3")
    wait_until(page, "document.querySelector('[data-testid=hand-2-2]')?.width > 0")
    for c in range(3):
        column = made(served, CGAN, 3, c, seed=2)
        for r in range(3):
            np.testing.assert_array_equal(image_on_page(page, f"hand-{r}-{c}"), column[r])


def test_png_and_npz_download_the_samples(page, served):
    open_page(page, served, f"#tab=generate&model={CGAN}&g.n=16&g.label=2&g.seed=4")
    images = served.registry[CGAN].latent_map.model.sample(16, "2", seed=4)
    with page.expect_download() as png:
        page.get_by_role("link", name="PNG").click()
    assert png.value.suggested_filename == "cgan_debug-2-seed4-n16.png"
    content = png.value.path().read_bytes()
    assert content == grid_png(images)
    assert Image.open(io.BytesIO(content)).size[0] > 40
    with page.expect_download() as npz:
        page.get_by_role("link", name="npz").click()
    assert npz.value.suggested_filename == "cgan_debug-2-seed4-n16.npz"
    with np.load(npz.value.path()) as arrays:
        np.testing.assert_array_equal(arrays["images"], to_uint8(images).numpy())


def test_generate_in_chinese(page, served):
    open_page(page, served, f"#tab=generate&model={CGAN}&g.n=16")
    page.get_by_role("button", name="中文").click()
    wait_for_summary(page, "符合指定類別")
    assert "同一種筆跡" in page.get_by_test_id("handwriting").inner_text()


def test_samples_of_a_model_that_learned_little_are_not_called_typical(page, served, monkeypatch):
    latent_map = served.registry[0].latent_map
    monkeypatch.setitem(latent_map.__dict__, "explained_variance", 0.0)
    open_page(page, served, "#tab=generate&model=0&g.n=16")
    page.get_by_test_id("legend").wait_for()
    assert "0 typical of the data" in page.get_by_test_id("summary").inner_text()
    badges = page.locator("[data-testid=grid] .badge").all_inner_texts()
    assert all(badge.startswith("?") for badge in badges)
