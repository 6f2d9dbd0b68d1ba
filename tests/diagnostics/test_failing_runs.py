"""Each issue is found in a run that has it, and alone; nothing is found in healthy runs."""

import json
import shutil
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from latentarium import presets
from latentarium.config import GANConfig
from latentarium.data.dataset import Split
from latentarium.data.subsets import first
from latentarium.diagnostics.collapse import mode_collapse, spread
from latentarium.diagnostics.examine import diagnose, examine, issues_of
from latentarium.diagnostics.model_rules import copies
from latentarium.models.build import build
from latentarium.models.gan import GAN
from latentarium.run import Run
from latentarium.training import loop, state
from support.errors import raises_code
from support.failing_runs import (
    FAILING,
    HEALTHY,
    MLP,
    Replay,
    config,
    data_for,
    images,
    noise_images,
    only_classes,
    train_run,
)


@pytest.mark.parametrize("name", FAILING)
def test_a_failing_run_has_its_issue_and_no_other(name, tmp_path):
    settings, _ = FAILING[name]
    data = data_for(name)
    diagnosis = examine(train_run(tmp_path / "r", settings, data), data)
    assert [issue.name for issue in diagnosis.issues] == [name]
    issue = diagnosis.issues[0]
    assert issue.evidence
    assert "--" in str(issue.fix)
    assert issue.description.endswith(".")
    content = json.loads(diagnosis.to_json())
    assert content["issues"][0]["issue"] == name
    assert name in content["checked"]


@pytest.fixture(scope="module", params=HEALTHY)
def healthy(request, tmp_path_factory) -> Run:
    """A healthy run of each family."""
    folder = tmp_path_factory.mktemp("healthy") / request.param
    return train_run(folder, HEALTHY[request.param], images())


def test_no_issue_is_found_in_a_healthy_run(healthy):
    diagnosis = examine(healthy, images())
    assert diagnosis.issues == ()
    # of 40 held-out images, memorization can't be told
    can_tell = healthy.config.model.kind == "autoencoder"
    assert diagnosis.status.name == ("no issues found" if can_tell else "can't tell")
    expected = set(issues_of(healthy.config.model)) - set(diagnosis.not_checked)
    assert set(diagnosis.checked) == expected
    assert all(name in diagnosis.lines()[0] for name in diagnosis.checked)


def test_the_gradient_of_a_saturated_generator_vanishes(tmp_path, monkeypatch):
    """Its last bias moves tanh to its flat end, for every pixel."""

    def saturated(*arguments):
        model = build(*arguments)
        assert isinstance(model, GAN)
        with torch.no_grad():
            list(model.generator.parameters())[-1].fill_(20.0)
        return model

    monkeypatch.setattr(state, "build", saturated)
    data = images()
    settings = config("gan_debug", 60, rows=10)
    issues = examine(loop.train(settings, tmp_path / "r", data), data).issues
    vanishing = next(i for i in issues if i.name == "vanishing generator gradient")
    assert [sign.code for sign in vanishing.signs] == ["saturated"]
    assert vanishing.evidence["norm of the generator's gradient"] < 1e-6
    assert "--optimizer.learning-rate 0.001" in str(vanishing.fix)  # the preset's is 4e-3


def test_a_generator_that_ignores_z_has_collapsed(healthy, tmp_path):
    """A healthy run whose weights on z are set to zero: one image, or one per class."""
    settings = healthy.config
    if not isinstance(settings.model, GANConfig):
        return  # mode collapse is an issue of GANs
    run = Run(shutil.copytree(healthy.folder, tmp_path / "r"))
    tensors = load_file(run.folder / "weights.safetensors")
    first = next(k for k in tensors if k.startswith("generator.trunk") and tensors[k].ndim == 2)
    tensors[first][:, : settings.model.latent_dim] = 0
    save_file(tensors, run.folder / "weights.safetensors")
    issue = next(i for i in examine(run, images()).issues if i.name == "mode collapse")
    assert issue.severity == "severe"
    assert issue.evidence["variance of samples relative to real images"] < 0.01
    sign = issue.signs[0]
    if settings.model.conditional:
        assert (sign.code, sign.values) == ("alike within", {"classes": ["0", "1", "2"]})
    else:
        assert (sign.code, sign.values) == ("alike", {})


def test_a_class_that_is_never_generated_is_missing():
    data = images(600)
    settings = presets.gan_debug()
    assert isinstance(settings.model, GANConfig)
    complete = Replay(settings.model, data, len(data.train)).eval()
    assert mode_collapse(settings, complete, data, 500, 0) is None
    part = only_classes(data, {0, 2})
    model = Replay(settings.model, part, len(part.train)).eval()
    issue = mode_collapse(settings, model, data, 500, 0)
    assert issue is not None
    (sign,) = issue.signs
    assert (sign.code, sign.values) == ("missing one", {"classes": ["1"]})
    assert issue.severity == "mild"
    unlabelled = images(600, labelled=False)
    assert mode_collapse(settings, model, unlabelled, 500, 0) is None  # no classes to miss


def test_repeated_images_are_found_by_their_neighbours_though_they_vary():
    real = torch.rand(100, 1, 8, 8)
    repeated = real[:5].repeat(20, 1, 1, 1)
    assert spread(repeated, real).nearest == 0
    assert spread(repeated, real).variance > 0.6
    fresh = spread(torch.rand(100, 1, 8, 8), real)
    assert fresh.nearest == pytest.approx(1, abs=0.1)
    assert fresh.variance == pytest.approx(1, abs=0.1)


def test_memorization_is_found_in_a_model_that_replays_its_training_images_only():
    everything, settings = images(1200), presets.gan_debug()
    data = replace(everything, train=first(everything.train, 200))
    assert isinstance(settings.model, GANConfig)
    model = Replay(settings.model, data, len(data.train)).eval()
    diagnosis = diagnose(settings, model, data, [], n=400)
    assert [issue.name for issue in diagnosis.issues] == ["memorization"]
    assert everything.train.labels is not None
    others = Split(everything.train.images[200:400], everything.train.labels[200:400])
    assert copies(settings, model, replace(data, train=others), 400, 0) is None


def test_a_vae_trained_long_on_few_images_memorizes_and_overfits(tmp_path):
    """The images have nothing in common, and the networks are large enough for each of them."""
    everything = noise_images(1200)
    data = replace(everything, train=first(everything.train, 32))
    settings = config("vae_debug", 600, 5e-3, latent_dim=8, encoder=MLP, decoder=MLP)
    run = train_run(tmp_path / "r", settings, data)
    diagnosis = diagnose(run.config, run.load(), data, run.log(), n=400)
    issues = {issue.name: issue for issue in diagnosis.issues}
    assert issues.keys() == {"memorization", "overfit"}
    assert issues["memorization"].evidence["share nearer to training images"] > 0.9


def test_classes_with_few_images_are_examined_together():
    data, settings = images(600), presets.get("cgan_debug")
    assert isinstance(settings.model, GANConfig)
    few = 45  # 15 of each class
    alike = Replay(settings.model, data, 1).eval()
    issue = mode_collapse(settings, alike, data, few, 0)
    assert issue is not None
    assert [sign.code for sign in issue.signs] == ["alike"]
    complete = Replay(settings.model, data, len(data.train)).eval()
    assert mode_collapse(settings, complete, data, few, 0) is None


@pytest.mark.parametrize("n", [1, 5])
def test_mode_collapse_is_not_checked_with_too_few_samples(n, healthy):
    diagnosis = examine(healthy, images(), n=n)
    if isinstance(healthy.config.model, GANConfig):
        assert diagnosis.not_checked["mode collapse"].code == "few samples"
        assert "mode collapse" not in diagnosis.checked


def test_a_seed_that_no_generator_takes_is_refused(healthy):
    with raises_code("invalid-setting"):
        examine(healthy, images(), seed=2**64)


def test_issues_that_cannot_be_checked_are_listed_with_reasons():
    data = images()
    settings = presets.gan_debug()
    assert isinstance(settings.model, GANConfig)
    model = Replay(settings.model, data, len(data.train)).eval()
    diagnosis = diagnose(settings, model, data, [], n=50)
    assert diagnosis.status.name == "can't tell"
    assert {name: reason.code for name, reason in diagnosis.not_checked.items()} == {
        "discriminator has won": "few rows",
        "vanishing generator gradient": "few rows",
        "exploding penalty": "few rows",
        "memorization": "error",  # the error of the metric
    }
    assert not diagnosis.not_checked.keys() & set(diagnosis.checked)


def test_other_images_than_those_of_the_training_are_refused(tmp_path):
    run = train_run(tmp_path / "r", presets.ae_debug(), images())
    with raises_code("data-mismatch"):
        examine(run, images(300))
