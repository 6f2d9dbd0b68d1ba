"""Exported networks compute what the model computes, and describe themselves."""

import importlib.util
import json

import numpy as np
import pytest
import torch
from torch import nn

import latentarium as la
from latentarium import presets
from latentarium.distributions import DiagonalGaussian
from latentarium.export import onnx as export
from latentarium.models.gan import GAN
from support.errors import raises_code
from support.exported_models import CLASSES, covering_presets, model_of, shape_of, shrunk

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


def exported(model, folder):
    return export.export_model(model, folder / "a.onnx", folder / "a-encoder.onnx", {})


def outputs_of(path, **inputs):
    session = onnxruntime.InferenceSession(path)
    assert {x.name for x in session.get_inputs()} == inputs.keys()
    names = [x.name for x in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


def require_parity(model, folder):
    """Export a model, and compare both networks with it through its public methods, for several
    numbers of rows."""
    result = exported(model, folder)
    for n in (5, 1, 64):
        require_equal_outputs(model, result, n)


def require_equal_outputs(model, result, n):
    random = torch.manual_seed(2)
    z = torch.randn(n, model.latent_dim, generator=random)
    x = torch.rand(n, *model.image_shape, generator=random) * 2 - 1
    y = torch.rand(n, len(CLASSES), generator=random).softmax(1)
    label = {"label": y.numpy()} if model.decodes_label else {}
    soft = y if model.decodes_label else None
    with torch.no_grad():
        expected = model.limit(model.decode(z, soft))
        assert float(expected.std()) > 1e-3  # an export of a constant would pass
        actual = outputs_of(result.decoder.path, z=z.numpy(), **label)
        assert np.abs(actual["images"] - expected.numpy()).max() <= 1e-5
        assert (result.encoder is None) == (not model.has_encoder)
        if result.encoder is None:
            return
        posterior = model.encode(x, soft)
        actual = outputs_of(result.encoder.path, images=x.numpy(), **label)
        assert np.abs(actual["mean"] - posterior.mean.numpy()).max() <= 1e-5
        assert ("std" in actual) == isinstance(posterior, DiagonalGaussian)
        if isinstance(posterior, DiagonalGaussian):
            assert np.abs(actual["std"] - posterior.std.numpy()).max() <= 1e-5


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(export, "REPEATS", 1)


@pytest.mark.parametrize("name", covering_presets())
def test_each_kind_of_network_computes_the_same_in_onnxruntime(name, tmp_path):
    require_parity(model_of(shrunk(presets.get(name).model), shape_of(name)), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", presets.all_presets())
def test_each_preset_of_full_size_computes_the_same_in_onnxruntime(name, tmp_path):
    require_parity(model_of(presets.get(name).model, shape_of(name)), tmp_path)


def test_the_shipped_models_are_exported_with_metadata_and_without_other_files(tmp_path):
    file = tmp_path / "vae.onnx"
    result = export.export_onnx("shipped:vae", file)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["vae-encoder.onnx", "vae.onnx"]
    assert result.decoder.bytes == file.stat().st_size
    assert result.decoder.max_error <= 1e-5
    run = la.Run("shipped:vae")
    for path, role in ((file, "decoder"), (tmp_path / "vae-encoder.onnx", "encoder")):
        metadata = {p.key: p.value for p in onnx.load(path).metadata_props}
        assert metadata["role"] == role
        assert json.loads(metadata["classes"]) == list(run.data.classes)
        assert json.loads(metadata["image_shape"]) == [1, 28, 28]
        assert json.loads(metadata["image_range"]) == [-1, 1]
        assert json.loads(metadata["latent_dim"]) == 2
        assert metadata["run"] == run.id
        assert metadata["latentarium_version"] == la.__version__
    z = np.zeros((1, 2), np.float32)
    expected = la.load("shipped:vae").decode(z).detach().numpy()
    assert np.abs(outputs_of(file, z=z)["images"] - expected).max() <= 1e-5


def test_a_missing_package_is_named_before_anything_is_loaded(tmp_path, monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(export, "find_spec", lambda n: None if n == "onnxscript" else find_spec(n))
    with raises_code("missing-package") as caught:
        export.export_onnx("shipped:gan", tmp_path / "a.onnx")
    assert "onnxscript" in str(caught.value)
    assert "latentarium[onnx]" in str(caught.value)


def test_a_network_that_differs_from_its_model_is_not_written(tmp_path, monkeypatch):
    model = model_of(shrunk(presets.gan_mnist().model), (1, 28, 28))
    session = export._session

    class Wrong:
        def __init__(self, content):
            self.inner = session(content)

        def run(self, names, feed):
            return [output + 2e-5 for output in self.inner.run(names, feed)]

    monkeypatch.setattr(export, "_session", Wrong)
    with raises_code("export-differs"):
        exported(model, tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_operation_that_onnx_lacks_is_one_message(tmp_path):
    model = model_of(shrunk(presets.gan_mnist().model), (1, 28, 28))

    class Unknown(nn.Module):
        def forward(self, x):
            values = torch.linalg.eigvals(x.flatten(1) @ x.flatten(1).T).real
            return x + values[:, None, None, None]

    assert isinstance(model, GAN)
    model.generator.register_module("trunk", nn.Sequential(model.generator.trunk, Unknown()))
    with raises_code("not-exportable"):
        exported(model, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_written_is_refused_before_the_export(tmp_path, monkeypatch):
    (tmp_path / "a-encoder.onnx").mkdir()
    monkeypatch.setattr(export, "export_model", None)  # calling it would fail
    with raises_code("cannot-write"):
        export.export_onnx("shipped:ae", tmp_path / "a.onnx")
