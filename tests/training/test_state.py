"""The average, the checkpoint's tensors, and what may not be saved."""

from dataclasses import replace

import pytest
import torch

from conftest import tiny_data
from latentarium import presets
from latentarium.config import AutoencoderConfig, NetConfig
from latentarium.errors import UserError
from latentarium.run import Run
from latentarium.training import train as loop
from latentarium.training.schedule import snapshot_steps
from latentarium.training.state import State

CPU = torch.device("cpu")


def vae(net: NetConfig | None = None, **settings) -> State:
    config = presets.vae_debug()
    net = net or NetConfig(width=4, depth=1, hidden=8)
    assert isinstance(config.model, AutoencoderConfig)
    config = replace(
        config,
        model=replace(config.model, encoder=net, decoder=net),
        train=replace(config.train, **settings),
    )
    return State(config, tiny_data().card, CPU)


def fill(module: torch.nn.Module, value: float) -> None:
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(value)


def test_after_a_halflife_half_of_the_old_value_is_left():
    """A step from 0 to 1, long after the start: after h images the average is 1/2."""
    state = vae(ema_halflife=160, batch_size=16)
    state.step = 10_000
    fill(state.average, 0.0)
    fill(state.model, 1.0)
    for _ in range(10):
        state.update_average()
    for parameter in state.average.parameters():
        torch.testing.assert_close(parameter, torch.full_like(parameter, 0.5))


def test_at_first_the_average_forgets_the_random_start():
    state = vae(ema_halflife=1_000_000, batch_size=16)
    fill(state.average, 1.0)
    fill(state.model, 0.0)
    for step in range(40):
        state.step = step
        state.update_average()
    assert all(float(p.detach().max()) < 0.01 for p in state.average.parameters())


def test_without_a_halflife_the_average_is_the_model():
    state = vae(ema_halflife=0)
    fill(state.model, 0.3)
    state.update_average()
    for mine, new in zip(state.use().parameters(), state.model.parameters(), strict=True):
        assert torch.equal(mine, new)
    for name, tensor in state.model.state_dict().items():
        assert torch.equal(state.tensors()[f"average.{name}"], tensor)


def test_running_statistics_are_copied_not_averaged():
    state = vae(NetConfig(width=4, depth=1, norm="batch"), ema_halflife=1_000_000)
    buffers = dict(state.model.named_buffers())
    assert any("running_mean" in name for name in buffers)
    for buffer in buffers.values():
        buffer.fill_(7)
    state.update_average()
    for name, buffer in state.average.named_buffers():
        assert torch.equal(buffer, buffers[name]), name


def trained(folder) -> dict[str, torch.Tensor]:
    saved = loop.train(presets.gan_debug(), folder, tiny_data()).latest_checkpoint()
    assert saved is not None
    return saved.tensors


def test_a_checkpoint_restores_to_itself_and_to_nothing_less(tmp_path):
    tensors = trained(tmp_path / "r")
    state = State(presets.gan_debug(), tiny_data().card, CPU)
    state.restore(tensors)
    again = state.tensors()
    assert again.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert torch.equal(again[name], tensor), name
    for prefix in ("model.", "average.", "optimizer.generator.", "optimizer.discriminator."):
        one = next(name for name in tensors if name.startswith(prefix))
        rest = {n: t for n, t in tensors.items() if not n.startswith(one.rpartition(".")[0])}
        with pytest.raises(UserError, match="does not fit this model"):
            State(presets.gan_debug(), tiny_data().card, CPU).restore(rest)
    with pytest.raises(UserError, match="does not fit this model"):
        State(presets.cgan_debug(), tiny_data().card, CPU).restore(tensors)


def test_the_weights_for_use_are_the_average(tmp_path):
    tensors = trained(tmp_path / "r")
    weights = Run(tmp_path / "r").load().state_dict()
    assert {f"average.{name}" for name in weights} <= tensors.keys()
    for name, tensor in weights.items():
        assert torch.equal(tensor, tensors[f"average.{name}"]), name
    assert any(not torch.equal(t, tensors[f"model.{name}"]) for name, t in weights.items())


def test_what_is_not_finite_is_never_saved(tmp_path, monkeypatch):
    """The losses up to step 20 are finite; only the parameters after it are not."""
    original, moves = loop.play_move, []

    def poisoned(player, model, optimizer, batch, noise, share=None):
        loss = original(player, model, optimizer, batch, noise)
        moves.append(player.name)
        if len(moves) == 40:  # the generator's move of step 20
            with torch.no_grad():
                next(player.part.parameters())[0] = float("nan")
        return loss

    monkeypatch.setattr(loop, "play_move", poisoned)
    words = "The generator's parameters are not finite after step 20"
    with pytest.raises(UserError, match=words):
        loop.train(presets.gan_debug(), tmp_path / "r", tiny_data())
    saved = Run(tmp_path / "r").latest_checkpoint()
    assert saved is not None
    assert saved.step == 10
    assert all(bool(tensor.isfinite().all()) for tensor in saved.tensors.values())


@pytest.mark.parametrize("count", range(1, 9))
def test_as_many_snapshots_as_asked_for(count):
    steps = snapshot_steps(10_000, count)
    assert len(steps) == count
    assert max(steps) == 10_000
    assert min(steps) == 0 or count == 1
