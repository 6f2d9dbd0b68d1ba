"""Histograms of what the discriminator says of images that nobody trained on."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from conftest import tiny_data
from latentarium import presets
from latentarium.models.build import build
from latentarium.training import train as loop
from latentarium.training.held_out import BINS, HeldOut

CPU = torch.device("cpu")


@pytest.mark.parametrize("preset", ["gan_debug", "cgan_debug"])
def test_the_counts_are_those_of_the_logits(preset):
    data = tiny_data()
    model = build(presets.get(preset).model, data.card)
    found = HeldOut(data.validation, 16, 0, CPU).scores(model)
    assert model.training
    for part in (found["real"], found["fake"], found["margin"]["counts"]):
        assert len(part) == BINS
        assert sum(part) == 16
    # a discriminator that says the mean of the image, so that the counts can be known
    model.discriminate = lambda x, y=None: x.flatten(1).mean(1)  # pyright: ignore
    model.decode = lambda z, y=None: torch.full((len(z), 1, 12, 10), 2.0)  # pyright: ignore
    found = HeldOut(data.validation, 16, 0, CPU).scores(model)
    assert found["fake"] == [0] * (BINS - 1) + [16]
    assert found["high"] == pytest.approx(2)
    assert found["real"][-1] == 0
    assert found["margin"]["high"] < 0
    assert found["low"] - 2 == pytest.approx(found["margin"]["low"])


def test_only_a_game_has_scores_and_only_finite_ones(tmp_path):
    data = tiny_data()
    watch = HeldOut(data.validation, 16, 0, CPU)
    assert watch.scores(build(presets.vae_debug().model, data.card)) == {}
    model = build(presets.gan_debug().model, data.card)
    with torch.no_grad():
        model.get_parameter("discriminator.realism.bias").fill_(float("inf"))
    assert watch.scores(model) == {}
    assert HeldOut(replace(data.validation, images=data.validation.images[:0], labels=None),
                   16, 0, CPU).scores(model) == {}  # fmt: skip


def test_logging_them_changes_no_weights(tmp_path, monkeypatch):
    data = tiny_data()
    looked = loop.train(presets.cgan_debug(), tmp_path / "looked", data)
    monkeypatch.setattr(HeldOut, "scores", lambda *a: {})
    blind = loop.train(presets.cgan_debug(), tmp_path / "blind", data)
    name = "checkpoints/000000040.safetensors"
    left, right = load_file(looked.folder / name), load_file(blind.folder / name)
    assert all(torch.equal(left[key], right[key]) for key in left)
    assert all("scores" in row for row in looked.log())
    assert not any("scores" in row for row in blind.log())
