"""The optimizers give the same numbers as torch's, and nothing imports torch's compiler."""

import subprocess
import sys

import pytest
import torch
from torch.optim.lr_scheduler import OneCycleLR

from latentarium import optimizers

USES = """
import sys
import tempfile
from dataclasses import replace
import latentarium as la
from latentarium.models.build import model_shapes
folder = tempfile.mkdtemp()
data = la.load_data("mnist")
for config in (la.presets.vae_mnist(), la.presets.cgan_mnist(), la.presets.vae_flow_mnist()):
    train = replace(config.train, steps=2, checkpoint_every=1)
    run = la.train(replace(config, train=train), f"{folder}/{config.name}", data)
    la.train(replace(config, train=train), f"{folder}/{config.name}", data)  # resumes
    run.load().sample(2)
la.load("shipped:gan").sample(2)
model_shapes(la.presets.hvae_dynamic_mnist().model, data.card)
print("torch._dynamo" in sys.modules)
"""


def test_training_loading_and_sampling_start_without_the_compiler():
    result = subprocess.run([sys.executable, "-c", USES], capture_output=True, text=True)
    assert result.stdout.split()[-1] == "False", result.stderr


def train(kind, settings):
    """Return the weights and the optimizer's state after 40 steps, half of them after a restart
    from the stored state."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.Tanh(), torch.nn.Linear(7, 2))
    x, y = torch.randn(64, 5), torch.randn(64, 2)
    state = None
    for _ in range(2):
        optimizer = kind(model.parameters(), lr=0.02, **settings)
        if state is not None:
            optimizer.load_state_dict(state)
        schedule = OneCycleLR(optimizer, 0.05, total_steps=20)
        for _ in range(20):
            optimizer.zero_grad()
            (model(x) - y).square().mean().backward()
            optimizer.step()
            schedule.step()
        state = optimizer.state_dict()
    assert state is not None
    assert all(p.grad is not None and not p.grad.requires_grad for p in model.parameters())
    return [p.detach() for p in model.parameters()], state


@pytest.mark.parametrize("name", ["Adam", "AdamW"])
@pytest.mark.parametrize("settings", [{}, {"fused": True, "betas": (0.0, 0.99)}])
def test_numbers_are_those_of_torch(name, settings):
    weights, state = train(getattr(optimizers, name), settings)
    expected_weights, expected_state = train(getattr(torch.optim, name), settings)
    assert all(map(torch.equal, weights, expected_weights))
    assert state["param_groups"] == expected_state["param_groups"]
    for own, expected in zip(
        state["state"].values(), expected_state["state"].values(), strict=True
    ):
        assert own.keys() == expected.keys()
        assert all(torch.equal(own[key], expected[key]) for key in own)
