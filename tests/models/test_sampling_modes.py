"""`sample` has no side effects, and truncation scales the deviation from the mean."""

from dataclasses import replace

import torch

from conftest import tiny_data
from latentarium import presets
from latentarium.config import GANConfig, NetConfig
from latentarium.models.build import build
from support.errors import raises_code


def test_sampling_changes_no_mode_no_statistics_and_no_random_state():
    config = presets.gan_debug().model
    assert isinstance(config, GANConfig)
    normed = replace(config, generator=NetConfig(width=4, depth=1, norm="batch"))
    model = build(normed, tiny_data().card).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    state = torch.get_rng_state()
    images = model.sample(20, seed=1)
    assert model.training
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    assert torch.equal(torch.get_rng_state(), state)
    assert not images.requires_grad
    torch.testing.assert_close(model.eval().sample(20, seed=1), images)
    assert not model.training


def test_truncation_moves_samples_to_the_mean_of_the_class():
    """At 0 every sample is the decoded mean of the class's Gaussian."""
    model = build(presets.vae_class_debug().model, tiny_data().card).eval()
    label = torch.tensor([2])
    with torch.no_grad():
        middle = model.decode(model.prior(label, 1).mean)
    torch.testing.assert_close(model.sample(1, 2, truncation=0.0), middle)
    far = [(model.sample(1, 2, truncation=t) - middle).norm() for t in (1.0, 0.5, 0.1)]
    assert far[0] > far[1] > far[2] > 0
    for wrong in (-0.1, float("nan"), float("inf")):
        with raises_code("invalid-truncation"):
            model.sample(1, 2, truncation=wrong)


def test_weights_are_a_function_of_the_seed_alone():
    card, config = tiny_data().card, presets.cgan_debug().model
    state = torch.get_rng_state()
    one = build(config, card, seed=3)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(99)
    two, other = build(config, card, seed=3), build(config, card, seed=4)
    same = [torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True)]
    assert all(same)
    different = zip(one.parameters(), other.parameters(), strict=True)
    assert not any(torch.equal(a, b) for a, b in different)
