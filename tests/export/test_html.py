"""Pages of models: what is written, and what is refused before anything is written."""

import json
from base64 import b64decode
from dataclasses import replace

import numpy as np
import pytest
import torch

import latentarium as la
from latentarium import presets
from latentarium.export import html as export
from latentarium.export.page_map import sources_json
from latentarium.latent.latent_map import LatentMap
from latentarium.models.autoencoder import Autoencoder
from latentarium.models.build import build
from support.errors import raises_code
from support.exported_models import model_of, shrunk
from support.tiny import tiny_data


def content_of(text):
    """Return the model in a page."""
    return json.loads(text.split('id="model">')[1].split("</script>")[0])


def small_model(preset="gan_mnist", **changed):
    return model_of(shrunk(replace(presets.get(preset).model, **changed)), (1, 28, 28))


def test_a_shipped_model_without_an_encoder_needs_no_data(tmp_path):
    file = tmp_path / "cgan.html"
    written = export.export_html("shipped:cgan", file, data="no/such/data")
    assert written.bytes == file.stat().st_size < export.MAX_BYTES
    assert [path.name for path in tmp_path.iterdir()] == ["cgan.html"]
    content = content_of(file.read_text())
    assert content["classes"] == list(la.Run("shipped:cgan").data.classes)
    assert content["map"] is None
    assert content["sources"] == [{"kind": "prior", "label": None, "z": None}]
    policy = "default-src 'none'; script-src 'sha256-"
    assert policy in file.read_text()


def test_missing_data_of_a_model_with_a_map_are_named(tmp_path):
    with raises_code("file-not-found"):
        export.export_html("shipped:vae", tmp_path / "vae.html", data="no/such/data")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("dim", [2, 5])
def test_the_map_is_that_of_the_studio(dim):
    data = tiny_data()
    config = replace(presets.get("ae_debug").model, latent_dim=dim)
    latent_map = LatentMap(build(config, data.card, 0).eval(), data)
    decoder = export.PageDecoder.of(latent_map.model)
    content = content_of(export.page(latent_map.model, decoder, latent_map, trust=False).decode())
    points = np.frombuffer(b64decode(content["map"]["points"]), "<f4").reshape(-1, 2)
    assert np.array_equal(points, latent_map.points()[: len(data.train)])
    assert content["map"]["plane"]["origin"] == latent_map.plane.origin.tolist()
    assert content["map"]["trust"] is None
    rings = latent_map.ellipses()
    assert content["map"]["plane"]["ellipses"][0][1]["major"] == rings[0][1].major
    kinds = [(source["kind"], source["label"]) for source in content["sources"]]
    assert kinds == [("all", None), ("class", 0), ("class", 1), ("class", 2)]
    name = latent_map.model.classes[1]
    z = np.frombuffer(b64decode(content["sources"][2]["z"]), "<f4").reshape(-1, dim)
    assert np.allclose(z, latent_map.class_latents(name, len(z)).numpy(), atol=1e-6)


def test_latents_of_a_learned_prior_are_those_of_sample():
    model = small_model("vae_class_mnist")
    (source,) = sources_json(model, None)
    z = np.frombuffer(b64decode(source["z"]), "<f4").reshape(-1, model.latent_dim)
    assert np.array_equal(z, model.latents(len(z), seed=0)[0].numpy())


def test_a_model_that_is_too_large_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(export, "MAX_BYTES", 100_000)
    with raises_code("page-too-large") as caught:
        export.export_html("shipped:gan", tmp_path / "gan.html")
    assert "--onnx" in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_weights_are_rounded_unless_that_is_visible():
    model = small_model("vae_mnist")
    decoder = export.PageDecoder.of(model)
    assert decoder.weights == "float16"
    assert 0 < decoder.max_error < 1 / 255
    assert isinstance(model, Autoencoder)
    with torch.no_grad():  # weights that float16 can't hold
        for layer, factor in ((0, 1e6), (2, 1e-6)):
            next(model.decoder.get_submodule(f"dense.{layer}").parameters()).mul_(factor)
    assert export.PageDecoder.of(model).weights == "float32"


def test_a_decoder_that_decodes_at_random_is_refused(monkeypatch):
    model = small_model("vae_mnist")

    def decode(self, z, y=None):
        return torch.tanh(self.decoder(z) + torch.randn(1))

    monkeypatch.setattr(Autoencoder, "decode", decode)
    with raises_code("export-differs"):
        export.PageDecoder.of(model)


def test_points_in_the_plane_are_refused():
    model = model_of(shrunk(presets.get("gan_ring").model), (2, 1, 1))
    with raises_code("not-exportable"):
        export.PageDecoder.of(model)


def test_a_file_that_cannot_be_written_is_refused_before_the_export(tmp_path, monkeypatch):
    monkeypatch.setattr(export.PageDecoder, "of", None)  # calling it would fail
    with raises_code("cannot-write"):
        export.export_html("shipped:gan", tmp_path)


def test_no_text_can_end_the_data_or_the_title():
    model = small_model("cgan_mnist")
    hostile = "</script></title><!--<script>/*model*/"
    model.classes = (hostile, "one", "二")
    model.data = replace(model.data, source=f"runs/{hostile}")
    text = export.page(model, export.PageDecoder.of(model)).decode()
    assert text.count("<script") == text.count("</script>") == 2
    assert text.count("</title>") == 1
    assert content_of(text)["classes"][0] == hostile


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("mnist", "mnist"),
        ("/home/someone/photos/", "photos"),
        ("C:\\data\\cats.zip", "cats.zip"),
        ("hf:org/set", "hf:org/set"),
        ("/", "/"),
    ],
)
def test_a_page_contains_no_path(source, name):
    assert export.source_name(source) == name
