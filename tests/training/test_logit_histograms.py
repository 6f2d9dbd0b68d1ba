"""Histograms of the discriminator's logits on held-out images."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from conftest import tiny_data
from latentarium import presets
from latentarium.models.build import build
from latentarium.training import loop
from latentarium.training.held_out import BINS, HeldOutBatch

CPU = torch.device("cpu")


@pytest.mark.parametrize("preset", ["gan_debug", "cgan_debug"])
def test_the_counts_are_those_of_the_logits(preset):
    data = tiny_data()
    model = build(presets.get(preset).model, data.card)
    histograms = HeldOutBatch(data.validation, 16, 0, CPU).logit_histograms(model)
    assert model.training
    for part in (histograms["real"], histograms["fake"], histograms["margin"]["counts"]):
        assert len(part) == BINS
        assert sum(part) == 16
    # a discriminator whose logits, and so the counts, are known
    model.discriminate = lambda x, y=None: x.flatten(1).mean(1)  # pyright: ignore
    model.decode = lambda z, y=None: torch.full((len(z), 1, 12, 10), 2.0)  # pyright: ignore
    histograms = HeldOutBatch(data.validation, 16, 0, CPU).logit_histograms(model)
    assert histograms["fake"] == [0] * (BINS - 1) + [16]
    assert histograms["high"] == pytest.approx(2)
    assert histograms["real"][-1] == 0
    assert histograms["margin"]["high"] < 0
    assert histograms["low"] - 2 == pytest.approx(histograms["margin"]["low"])


def test_there_are_no_histograms_without_discriminator_images_or_finite_logits():
    data = tiny_data()
    batch = HeldOutBatch(data.validation, 16, 0, CPU)
    assert batch.logit_histograms(build(presets.vae_debug().model, data.card)) == {}
    model = build(presets.gan_debug().model, data.card)
    with torch.no_grad():
        model.get_parameter("discriminator.realism.bias").fill_(float("inf"))
    assert batch.logit_histograms(model) == {}
    empty = replace(data.validation, images=data.validation.images[:0], labels=None)
    assert HeldOutBatch(empty, 16, 0, CPU).logit_histograms(model) == {}


def test_logging_histograms_does_not_change_the_weights(tmp_path, monkeypatch):
    data = tiny_data()
    measured = loop.train(presets.cgan_debug(), tmp_path / "measured", data)
    monkeypatch.setattr(HeldOutBatch, "logit_histograms", lambda *a: {})
    unmeasured = loop.train(presets.cgan_debug(), tmp_path / "unmeasured", data)
    name = "checkpoints/000000040.safetensors"
    left, right = load_file(measured.folder / name), load_file(unmeasured.folder / name)
    assert all(torch.equal(left[key], right[key]) for key in left)
    assert all("scores" in row for row in measured.log())
    assert not any("scores" in row for row in unmeasured.log())
