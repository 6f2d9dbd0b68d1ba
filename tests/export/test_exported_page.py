"""The exported page in a browser, opened from the disk."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

import latentarium as la
from latentarium import presets
from latentarium.export.html import PageDecoder, page
from latentarium.latent.latent_map import LatentMap
from latentarium.models.build import build
from support.accessibility import NAMELESS_CANVASES, axe_violations
from support.browser import BROWSER_MARKS, drag, wait_idle, wait_until
from support.exported_models import covering_presets, model_of, shape_of, shrunk
from support.layout import layout_faults
from support.odd_decoder import OddDecoder
from support.page_files import decoded, image_at_cursor, opened, write_page
from support.tiny import tiny_arrays, tiny_data

pytestmark = BROWSER_MARKS
IMAGE_PRESETS = [name for name in covering_presets() if not name.endswith("grid")]
HOSTILE = (
    '</script><script>document.title="hacked"</script>',
    "<img src=x onerror=alert(1)>",
    "\"'&amp;\u2028{}",
)


def require_same_images(browser, path, model, decoder):
    """Compare the images of the page with those of the model with the weights of the page."""
    n = 3
    z = 1.5 * torch.randn(n, model.latent_dim, generator=torch.manual_seed(3))
    labels = torch.rand(n, len(model.classes), generator=torch.manual_seed(4)).softmax(1)
    soft = labels if model.decodes_label else None
    with torch.no_grad():
        expected = model.decode(z, soft).clamp(-1, 1).flatten(1).numpy()
    assert float(expected.std()) > 1e-3
    with opened(browser, path) as shown:
        actual = decoded(shown, z, soft)
    assert actual.shape == expected.shape
    tolerance = 1e-4 if decoder.weights == "float32" else 0.5 * 2 / 255
    assert np.abs(actual - expected).max() <= tolerance
    inputs = [z] if soft is None else [z, soft]
    rounded = decoder.program.run(inputs).flatten(1).numpy()
    assert np.abs(actual - rounded).max() <= 1e-4


def require_page_parity(browser, model, folder):
    decoder = PageDecoder.of(model)
    path = folder / "page.html"
    path.write_bytes(page(model, decoder))
    require_same_images(browser, path, model, decoder)


@pytest.mark.parametrize("name", IMAGE_PRESETS)
def test_each_kind_of_decoder_gives_the_images_of_the_model(browser, name, tmp_path):
    model = model_of(shrunk(presets.get(name).model), shape_of(name))
    require_page_parity(browser, model, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", presets.all_presets())
def test_each_preset_of_full_size_gives_the_images_of_the_model(browser, name, tmp_path):
    if shape_of(name)[1:] != (1, 1):
        require_page_parity(browser, model_of(presets.get(name).model, shape_of(name)), tmp_path)


def test_operations_that_no_preset_uses_give_the_same_images(browser, tmp_path, monkeypatch):
    odd = OddDecoder().eval()
    shape = tuple(odd(torch.zeros(1, 8))[0].shape[1:])
    model = model_of(shrunk(presets.get("vae_mnist").model), shape)

    def decode(self, z, y=None):
        return torch.tanh(odd(z)[0])

    monkeypatch.setattr(type(model), "decode", decode)
    require_page_parity(browser, model, tmp_path)


def untrained(name, data):
    """Return a model of a debug preset for some data."""
    return build(presets.get(name).model, data.card, 0).eval()


@pytest.fixture(scope="module")
def vae_page(tmp_path_factory):
    """The page of a VAE of 2 latent dimensions with a map and trust."""
    data = la.load_data(*tiny_arrays(240, shape=(1, 16, 16)))
    model = untrained("vae_debug", data)
    latent_map = LatentMap(model, data)
    folder = tmp_path_factory.mktemp("vae")
    return write_page(model, folder / "vae.html", latent_map), latent_map


def test_dragging_on_the_map_shows_the_image_that_the_model_decodes(browser, vae_page):
    path, latent_map = vae_page
    with opened(browser, path) as shown:
        before = image_at_cursor(shown)
        drag(shown, [(0.3, 0.3), (0.35, 0.6)])
        after = image_at_cursor(shown)
        assert after != before
        place = shown.evaluate("Object.fromEntries(new URLSearchParams(location.hash.slice(1)))")
        expected = latent_map.decode_at(float(place["x"]), float(place["y"]))
        grey = np.array(after.split(","), int).reshape(16, 16, 4)[:, :, 0]
        assert np.abs(grey - (expected[0, 0].numpy() + 1) * 127.5).max() < 1.5


def test_the_trust_is_that_of_the_studio(browser, vae_page):
    path, latent_map = vae_page
    content = path.read_text().split('id="model">')[1].split("</script>")[0]
    box, cells = (json.loads(content)["map"]["trust"][key] for key in ("box", "cells"))
    row, column = 20, 30
    x = box["left"] + (box["right"] - box["left"]) * (column + 0.5) / cells
    y = box["high"] - (box["high"] - box["low"]) * (row + 0.5) / cells
    z = latent_map.unproject(np.array([[x, y]]))
    level = float(latent_map.decode_scored(z).scores[0, 0])
    grade = (
        "unknown" if np.isnan(level) else
        "typical" if level >= 0.1 else "borderline" if level >= 0.01 else "unusual"
    )  # fmt: skip
    fidelity = latent_map.explained_variance
    if fidelity is not None and fidelity < 0.1 and grade != "unknown":
        grade = "unusual"
    with opened(browser, path, f"#x={x}&y={y}") as shown:
        assert shown.locator(".cursor figure [data-grade]").get_attribute("data-grade") == grade
        assert shown.get_by_test_id("verdict").inner_text()
    with opened(browser, path, "#x=1000&y=0") as shown:
        assert shown.locator(".cursor figure [data-grade]").count() == 0


def test_the_arrow_keys_move_the_cursor_and_the_classes_can_be_sampled(browser, vae_page):
    path, _ = vae_page
    with opened(browser, path) as shown:
        before = image_at_cursor(shown)
        shown.locator(".map").focus()
        for _ in range(4):
            shown.keyboard.press("Shift+ArrowLeft")
        assert image_at_cursor(shown) != before
        names = shown.get_by_test_id("source").locator("option").all_inner_texts()
        assert len(names) == 1 + 3
        samples = "document.querySelector('[data-testid=sample-0]').toDataURL()"
        first = shown.evaluate(samples)
        shown.get_by_test_id("source").select_option(index=2)
        wait_until(shown, f"{samples} !== {first!r}")


def test_a_class_can_be_chosen_and_the_lattice_can_be_drawn_again(browser, tmp_path):
    data = tiny_data(shape=(3, 12, 20))
    model = untrained("cgan_debug", data)
    path = write_page(model, tmp_path / "cgan.html")
    with opened(browser, path) as shown:
        canvas = shown.get_by_test_id("decoded")
        assert (canvas.get_attribute("width"), canvas.get_attribute("height")) == ("20", "12")
        assert axe_violations(shown) == []
        first = image_at_cursor(shown)
        shown.get_by_role("radio").nth(1).click()
        second = image_at_cursor(shown)
        assert second != first
        shown.get_by_role("button", name="New random latents").click()
        seeded = image_at_cursor(shown)
        assert seeded != second
        wait_idle(shown)
        address = shown.evaluate("location.hash")
    with opened(browser, path, address) as shown:
        assert image_at_cursor(shown) == seeded


def test_a_fresh_page_has_the_language_of_the_browser_and_keeps_the_other_one(browser, vae_page):
    path, _ = vae_page
    with opened(browser, path, locale="zh-TW") as shown:
        assert shown.locator("html").get_attribute("lang") == "zh-TW"
        assert "潛在向量" in shown.locator("main").inner_text()
        shown.get_by_test_id("language").click()
        assert shown.locator("html").get_attribute("lang") == "en"
        address = shown.evaluate("location.hash")
        assert "lang=en" in address
    with opened(browser, path, address, locale="zh-TW") as shown:
        assert "Drag on the map" in shown.locator("main").inner_text()


def test_hostile_class_names_are_only_text(browser, tmp_path):
    config = shrunk(presets.get("cgan_mnist").model)
    model = model_of(config, (1, 28, 28), HOSTILE)
    model.data = replace(model.data, source=HOSTILE[0])
    with opened(browser, write_page(model, tmp_path / "page.html")) as shown:
        names = shown.get_by_role("radio").all_text_contents()
        assert tuple(names) == HOSTILE
        assert shown.title() != "hacked"
        assert shown.locator("img").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_is_accessible_and_fits(browser, vae_page, scheme, width):
    path, _ = vae_page
    settings = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
    with opened(browser, path, **settings) as shown:
        shown.locator(".gaps input").check()
        wait_idle(shown)
        assert axe_violations(shown) == []
        assert shown.evaluate(NAMELESS_CANVASES) == []
        assert layout_faults(shown) == []
