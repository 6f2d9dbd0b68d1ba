"""Each disease in a run made sick with it is named, and named alone; healthy runs are silent."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import latentarium as la
from latentarium import presets
from latentarium.config import GANConfig
from latentarium.data.dataset import Split
from latentarium.diagnostics.collapse import mode_collapse, spread
from latentarium.diagnostics.examine import diagnose, examine
from latentarium.diagnostics.model_rules import copies
from latentarium.errors import UserError
from latentarium.evaluation.subject import first
from latentarium.models.build import build
from latentarium.models.gan import GAN
from latentarium.run import Run
from latentarium.training import state
from latentarium.training import train as loop
from support.failing_runs import (
    HEALTHY,
    MLP,
    SICK,
    Replay,
    config,
    data_for,
    images,
    made,
    only_classes,
)


@pytest.mark.parametrize("disease", SICK)
def test_a_sick_run_has_its_disease_and_no_other(disease, tmp_path):
    settings, _ = SICK[disease]
    data = data_for(disease)
    found = examine(made(tmp_path / "r", settings, data), data)
    assert [finding.disease for finding in found.findings] == [disease]
    finding = found.findings[0]
    assert finding.evidence
    assert finding.cure
    assert finding.sentence.endswith(".")
    assert json.loads(found.to_json())["findings"][0]["disease"] == disease


@pytest.fixture(scope="module", params=HEALTHY)
def healthy(request, tmp_path_factory) -> Run:
    """A healthy run of each family, trained once."""
    folder = tmp_path_factory.mktemp("healthy") / request.param
    return made(folder, HEALTHY[request.param], images())


def test_a_healthy_run_is_called_healthy(healthy):
    found = examine(healthy, images())
    assert found.findings == ()
    assert found.lines()[0].startswith("Healthy: nothing found; looked for ")


def test_a_saturated_generator_hardly_feels_its_gradient(tmp_path, monkeypatch):
    """Its last bias drives tanh to the flat end, for every pixel."""

    def saturated(*arguments):
        model = build(*arguments)
        assert isinstance(model, GAN)
        with torch.no_grad():
            list(model.generator.parameters())[-1].fill_(20.0)
        return model

    monkeypatch.setattr(state, "build", saturated)
    data = images()
    settings = config("gan_debug", 60, rows=10)
    found = examine(loop.train(settings, tmp_path / "r", data), data).findings
    vanishing = next(f for f in found if f.disease == "vanishing generator gradient")
    assert "saturated" in vanishing.sentence
    assert vanishing.evidence["generator's gradient"] < 1e-6
    assert "--optimizer.learning-rate 0.001" in vanishing.cure  # the preset's is 4e-3


def test_a_generator_that_ignores_z_has_collapsed(healthy, tmp_path):
    """A healthy run whose weights on z are set to zero: one image, or one for each class."""
    settings = healthy.config
    if not isinstance(settings.model, GANConfig):
        return  # no other family promises diverse samples
    run = Run(shutil.copytree(healthy.folder, tmp_path / "r"))
    tensors = load_file(run.folder / "weights.safetensors")
    first = next(k for k in tensors if k.startswith("generator.trunk") and tensors[k].ndim == 2)
    tensors[first][:, : settings.model.latent_dim] = 0
    save_file(tensors, run.folder / "weights.safetensors")
    finding = next(f for f in examine(run, images()).findings if f.disease == "mode collapse")
    assert finding.severity == "severe"
    assert finding.evidence["variance of samples over that of real images"] < 0.01
    assert ("of classes 0, 1 and 2" in finding.sentence) == settings.model.conditional


def test_a_class_that_is_never_made_is_missing():
    data = images(600)
    settings = presets.gan_debug()
    assert isinstance(settings.model, GANConfig)
    whole = Replay(settings.model, data, len(data.train)).eval()
    assert mode_collapse(settings, whole, data, 500, 0) is None
    part = only_classes(data, {0, 2})
    model = Replay(settings.model, part, len(part.train)).eval()
    finding = mode_collapse(settings, model, data, 500, 0)
    assert finding is not None
    assert "class 1 is hardly ever made" in finding.sentence
    assert finding.severity == "mild"
    unlabelled = images(600, labelled=False)
    assert mode_collapse(settings, model, unlabelled, 500, 0) is None  # nobody knows of classes


def test_a_few_images_over_and_over_are_seen_though_they_vary():
    reals = torch.rand(100, 1, 8, 8)
    again = reals[:5].repeat(20, 1, 1, 1)
    assert spread(again, reals).nearest == 0
    assert spread(again, reals).variance > 0.6
    fresh = spread(torch.rand(100, 1, 8, 8), reals)
    assert fresh.nearest == pytest.approx(1, abs=0.1)
    assert fresh.variance == pytest.approx(1, abs=0.1)


def test_a_replaying_model_memorizes_and_one_that_replays_other_images_does_not():
    whole, settings = images(1200), presets.gan_debug()
    data = replace(whole, train=first(whole.train, 200))
    assert isinstance(settings.model, GANConfig)
    model = Replay(settings.model, data, len(data.train)).eval()
    found = diagnose(settings, model, data, [], n=400)
    assert [finding.disease for finding in found.findings] == ["memorization"]
    assert whole.train.labels is not None
    others = Split(whole.train.images[200:400], whole.train.labels[200:400])
    assert copies(settings, model, replace(data, train=others), 400, 0) is None


def test_a_vae_trained_long_on_few_images_memorizes_them(tmp_path):
    """Images with nothing in common, and networks large enough for each of them."""
    noise = np.random.default_rng(0).integers(0, 256, size=(1200, 1, 12, 10), dtype=np.uint8)
    whole = la.load_data(noise)
    data = replace(whole, train=first(whole.train, 64))
    settings = config("vae_debug", 2000, latent_dim=8, encoder=MLP, decoder=MLP)
    run = made(tmp_path / "r", settings, data)
    found = {
        f.disease: f for f in diagnose(run.config, run.load(), data, run.log(), n=400).findings
    }
    assert found.keys() == {"memorization", "overfit"}
    assert found["memorization"].evidence["share nearer to training images"] > 0.9


def test_classes_too_small_to_be_judged_alone_are_looked_at_with_the_others():
    data, settings = images(600), presets.get("cgan_debug")
    assert isinstance(settings.model, GANConfig)
    asked_few = 45  # 15 of each class
    alike = Replay(settings.model, data, 1).eval()
    finding = mode_collapse(settings, alike, data, asked_few, 0)
    assert finding is not None
    assert finding.sentence.startswith("the samples are nearly all alike")
    whole = Replay(settings.model, data, len(data.train)).eval()
    assert mode_collapse(settings, whole, data, asked_few, 0) is None


@pytest.mark.parametrize("n", [1, 5])
def test_samples_too_few_to_vary_are_not_said_to_have_been_looked_at(n, healthy):
    found = examine(healthy, images(), n=n)
    if isinstance(healthy.config.model, GANConfig):
        assert "mode collapse" in found.not_looked_for
        assert "mode collapse" not in found.looked_for


def test_a_seed_that_no_generator_takes_is_a_sentence(healthy):
    with pytest.raises(UserError, match="give 0 to"):
        examine(healthy, images(), seed=2**64)


def test_what_cannot_be_looked_for_is_said(tmp_path):
    data = images()
    settings = presets.gan_debug()
    found = diagnose(settings, build(settings.model, data.card).eval(), data, [], n=50)
    assert found.not_looked_for.keys() == {
        "discriminator has won",
        "vanishing generator gradient",
        "exploding penalty",
        "memorization",
    }
    assert not found.not_looked_for.keys() & set(found.looked_for)
    run = made(tmp_path / "r", presets.ae_debug(), data)
    with pytest.raises(UserError, match="give them with --data"):
        examine(run, images(300))
