"""Training without files gives the same model as training into a run folder."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import latentarium as la
from latentarium.training.in_memory import train_in_memory
from support.errors import raises_code


@pytest.fixture(scope="module")
def data():
    images = np.random.default_rng(0).integers(0, 256, (40, 12, 12), dtype=np.uint8)
    return la.load_data((images, np.arange(40) % 2))


@pytest.mark.parametrize("preset", ["ae_debug", "vae_debug", "gan_debug", "cgan_debug"])
def test_weights_are_those_of_a_run(preset, data, tmp_path):
    config = la.presets.get(preset)
    config = replace(config, train=replace(config.train, steps=7))
    model = train_in_memory(config, data)
    saved = la.train(config, tmp_path / "run", data).load()
    for name, value in saved.state_dict().items():
        assert torch.equal(model.state_dict()[name], value), name
    assert not model.training


def test_a_loss_that_is_not_finite_is_refused(data):
    config = la.presets.ae_debug()
    optimizer = replace(config.optimizer, learning_rate=1e30, warmup_steps=0)
    with raises_code("not-finite"):
        train_in_memory(replace(config, optimizer=optimizer), data)
