"""The small models that the studio shows if no run is given."""

import dataclasses

import pytest
import torch

import latentarium as la
from latentarium import presets
from latentarium.classifier.classifier import load_classifier
from latentarium.data.dataset import to_float
from latentarium.evaluation.report import Report
from latentarium.models.inference import reconstruct
from latentarium.run import Run
from latentarium.run.shipped_models import SHIPPED_NAMES
from latentarium.studio.registry import load_registry, shipped


@pytest.fixture(scope="module")
def mnist():
    return la.load_data("mnist")


def reconstruction_mse(model, split) -> float:
    """Return the squared error per pixel, with pixels from 0 to 1."""
    return float((to_float(split.images) - reconstruct(model, split)).square().mean()) / 4


@pytest.mark.parametrize("folder", shipped(), ids=SHIPPED_NAMES)
def test_model_is_small_and_matches_its_preset(folder, mnist):
    run = Run(folder)
    assert (folder / "weights.safetensors").stat().st_size <= 500_000
    assert run.data.fingerprint == mnist.card.fingerprint
    preset = presets.get(f"{folder.name}_small")
    chosen = {name: getattr(run.config.train, name) for name in ("threads", "precision")}
    assert run.config == dataclasses.replace(
        preset, train=dataclasses.replace(preset.train, **chosen)
    )


@pytest.mark.parametrize("folder", shipped(), ids=SHIPPED_NAMES)
def test_metrics_belong_to_the_weights(folder, mnist):
    run = Run(folder)
    metrics = run.metrics()
    assert metrics is not None
    assert metrics["weights"] == run.weights_hash()
    assert metrics["fingerprint"] == mnist.card.fingerprint
    report = Report.from_dict(metrics)
    assert report["frechet"].n == 10_000
    assert report["frechet"].interval is not None


def test_registry_without_runs_loads_shipped_models():
    models = list(load_registry([]))
    assert [loaded.name for loaded in models] == list(SHIPPED_NAMES)
    assert models[1].folder == "shipped:vae"  # not a path of this machine
    assert [loaded.kind for loaded in models] == ["autoencoder", "VAE", "GAN", "conditional GAN"]
    assert [loaded.latent_map.can_encode for loaded in models] == [True, True, False, False]
    assert all(loaded.latent_map.model.latent_dim == 2 for loaded in models[:2])


def test_models_reach_minimum_quality(mnist):
    ae, vae, gan, cgan = (Run(folder).load() for folder in shipped())
    mean = to_float(mnist.train.images).mean(0, keepdim=True)
    variance = float((to_float(mnist.test.images) - mean).square().mean()) / 4
    for model in (ae, vae):
        assert reconstruction_mse(model, mnist.test) < 0.62 * variance
    classifier, labels = load_classifier(), torch.arange(1000) % 10
    correct = classifier.predict(cgan.sample(1000, labels, seed=0)) == labels
    assert float(correct.float().mean()) > 0.95
    counts = classifier.predict(gan.sample(1000, seed=0)).bincount(minlength=10)
    assert int(counts.min()) > 30  # no digit is missing


@pytest.mark.slow
def test_retraining_preset_gives_equal_error(tmp_path, mnist):
    config = presets.get("ae_small")
    config = dataclasses.replace(config, train=dataclasses.replace(config.train, sample_every=0))
    again = la.train(config, tmp_path / "r", mnist).load()
    shipped_mse = reconstruction_mse(Run(shipped()[0]).load(), mnist.test)
    assert reconstruction_mse(again, mnist.test) == pytest.approx(shipped_mse, rel=0.05)
