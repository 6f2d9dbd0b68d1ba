"""The small models that the studio shows where no run is given."""

import dataclasses

import pytest
import torch

import latentarium as la
from latentarium import presets
from latentarium.classifier.classifier import load_classifier
from latentarium.config import to_dict
from latentarium.data.dataset import to_float
from latentarium.evaluation.report import Report
from latentarium.models.inference import reconstruct
from latentarium.run import Run
from latentarium.studio.registry import SHIPPED_NAMES, gallery_of, shipped


@pytest.fixture(scope="module")
def mnist():
    return la.load_data("mnist")


def error(model, split) -> float:
    """Squared error per pixel of reconstructions, pixels from 0 to 1."""
    return float((to_float(split.images) - reconstruct(model, split)).square().mean()) / 4


@pytest.mark.parametrize("folder", shipped(), ids=SHIPPED_NAMES)
def test_each_is_small_and_what_its_preset_makes(folder, mnist):
    run = Run(folder)
    assert (folder / "weights.safetensors").stat().st_size <= 500_000
    assert run.data.fingerprint == mnist.card.fingerprint
    assert to_dict(run.config) == to_dict(presets.get(f"{folder.name}_small"))


@pytest.mark.parametrize("folder", shipped(), ids=SHIPPED_NAMES)
def test_what_was_measured_of_each_was_measured_of_its_weights(folder, mnist):
    run = Run(folder)
    content = run.metrics()
    assert content is not None
    assert content["weights"] == run.weights_hash()
    assert content["fingerprint"] == mnist.card.fingerprint
    report = Report.from_dict(content)
    assert report["frechet"].n == 10_000
    assert report["frechet"].interval is not None


def test_with_no_run_the_four_are_shown():
    found = list(gallery_of([]))
    assert [one.name for one in found] == list(SHIPPED_NAMES)
    assert found[1].folder == "shipped:vae"  # no path of this machine
    assert [one.kind for one in found] == ["autoencoder", "VAE", "GAN", "conditional GAN"]
    assert [one.latent_map.can_encode for one in found] == [True, True, False, False]
    assert all(one.latent_map.model.latent_dim == 2 for one in found[:2])


def test_they_are_worth_looking_at(mnist):
    ae, vae, gan, cgan = (Run(folder).load() for folder in shipped())
    mean = to_float(mnist.train.images).mean(0, keepdim=True)
    guess = float((to_float(mnist.test.images) - mean).square().mean()) / 4
    for model in (ae, vae):  # two numbers hold more than half of what varies
        assert error(model, mnist.test) < 0.62 * guess
    judge, asked = load_classifier(), torch.arange(1000) % 10
    obeyed = (judge.predict(cgan.sample(1000, asked, seed=0)) == asked).float().mean()
    assert float(obeyed) > 0.95
    made = judge.predict(gan.sample(1000, seed=0)).bincount(minlength=10)
    assert int(made.min()) > 30  # no digit is missing


@pytest.mark.slow
def test_training_the_preset_again_makes_the_same_model(tmp_path, mnist):
    config = presets.get("ae_small")
    config = dataclasses.replace(config, train=dataclasses.replace(config.train, sample_every=0))
    again = la.train(config, tmp_path / "r", mnist).load()
    ours = error(Run(shipped()[0]).load(), mnist.test)
    assert error(again, mnist.test) == pytest.approx(ours, rel=0.05)  # machines round differently
