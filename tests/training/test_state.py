"""The EMA, the tensors of a checkpoint, and what is never saved."""

from dataclasses import replace

import pytest
import torch

from latentarium import presets
from latentarium.config import AutoencoderConfig, NetConfig
from latentarium.run import Checkpoint, Run
from latentarium.training import game, loop
from latentarium.training.schedule import snapshot_steps
from latentarium.training.state import State
from support.errors import raises_code
from support.tiny import tiny_data

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


def test_after_one_halflife_half_of_the_old_value_is_left():
    """A step from 0 to 1, long after the start: after one half-life the EMA is 1/2."""
    state = vae(ema_halflife=160, batch_size=16)
    state.step = 10_000
    fill(state.ema, 0.0)
    fill(state.model, 1.0)
    for _ in range(10):
        state.update_ema()
    for parameter in state.ema.parameters():
        torch.testing.assert_close(parameter, torch.full_like(parameter, 0.5))


def test_the_ema_forgets_the_initial_weights():
    state = vae(ema_halflife=1_000_000, batch_size=16)
    fill(state.ema, 1.0)
    fill(state.model, 0.0)
    for step in range(40):
        state.step = step
        state.update_ema()
    assert all(float(p.detach().max()) < 0.01 for p in state.ema.parameters())


def test_without_a_halflife_the_ema_model_is_the_model():
    state = vae(ema_halflife=0)
    fill(state.model, 0.3)
    state.update_ema()
    for ema, raw in zip(state.ema_model().parameters(), state.model.parameters(), strict=True):
        assert torch.equal(ema, raw)
    for name, tensor in state.model.state_dict().items():
        assert torch.equal(state.checkpoint().tensors[f"ema.{name}"], tensor)


def test_running_statistics_are_copied_not_averaged():
    state = vae(NetConfig(width=4, depth=1, norm="batch"), ema_halflife=1_000_000)
    buffers = dict(state.model.named_buffers())
    assert any("running_mean" in name for name in buffers)
    for buffer in buffers.values():
        buffer.fill_(7)
    state.update_ema()
    for name, buffer in state.ema.named_buffers():
        assert torch.equal(buffer, buffers[name]), name


def trained(folder) -> Checkpoint:
    checkpoint = loop.train(presets.gan_debug(), folder, tiny_data()).latest_checkpoint()
    assert checkpoint is not None
    return checkpoint


def test_a_checkpoint_restores_the_whole_state(tmp_path):
    checkpoint = trained(tmp_path / "r")
    state = State(presets.gan_debug(), tiny_data().card, CPU)
    state.restore(checkpoint)
    restored = state.checkpoint()
    assert (restored.step, restored.seconds) == (checkpoint.step, checkpoint.seconds)
    assert restored.tensors.keys() == checkpoint.tensors.keys()
    for name, tensor in checkpoint.tensors.items():
        assert torch.equal(restored.tensors[name], tensor), name


@pytest.mark.parametrize(
    "prefix", ["model.", "ema.", "optimizer.generator.", "optimizer.discriminator."]
)
def test_a_checkpoint_with_a_missing_tensor_is_refused(prefix, tmp_path):
    checkpoint = trained(tmp_path / "r")
    layer = next(n for n in checkpoint.tensors if n.startswith(prefix)).rpartition(".")[0]
    rest = {n: t for n, t in checkpoint.tensors.items() if not n.startswith(layer)}
    with raises_code("checkpoint-mismatch"):
        State(presets.gan_debug(), tiny_data().card, CPU).restore(
            replace(checkpoint, tensors=rest)
        )


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    checkpoint = trained(tmp_path / "r")
    with raises_code("checkpoint-mismatch"):
        State(presets.cgan_debug(), tiny_data().card, CPU).restore(checkpoint)


def test_the_weights_for_use_are_the_ema(tmp_path):
    tensors = trained(tmp_path / "r").tensors
    weights = Run(tmp_path / "r").load().state_dict()
    assert {f"ema.{name}" for name in weights} <= tensors.keys()
    for name, tensor in weights.items():
        assert torch.equal(tensor, tensors[f"ema.{name}"]), name
    assert any(not torch.equal(t, tensors[f"model.{name}"]) for name, t in weights.items())


def test_non_finite_parameters_are_never_saved(tmp_path, monkeypatch):
    """The losses up to step 20 are finite; the parameters after it are not."""
    play_move, moves = game.play_move, []

    def poisoned(player, model, optimizer, batch, noise, all_reduce_gradients=None):
        loss = play_move(player, model, optimizer, batch, noise)
        moves.append(player.name)
        if len(moves) == 40:  # the generator's move of step 20
            with torch.no_grad():
                next(player.part.parameters())[0] = float("nan")
        return loss

    monkeypatch.setattr(game, "play_move", poisoned)
    with raises_code("not-finite") as caught:
        loop.train(presets.gan_debug(), tmp_path / "r", tiny_data())
    assert "generator" in str(caught.value)
    assert "step 20" in str(caught.value)
    saved = Run(tmp_path / "r").latest_checkpoint()
    assert saved is not None
    assert saved.step == 10
    assert all(bool(tensor.isfinite().all()) for tensor in saved.tensors.values())


@pytest.mark.parametrize("count", range(1, 9))
def test_there_are_as_many_snapshot_steps_as_requested(count):
    steps = snapshot_steps(10_000, count)
    assert len(steps) == count
    assert max(steps) == 10_000
    assert min(steps) == 0 or count == 1


@pytest.mark.parametrize(("limit", "expected"), [(0.0, 5.0), (2.0, 2.0), (7.0, 5.0)])
def test_a_gradient_above_the_limit_is_scaled_down_to_it(limit, expected):
    config = presets.gan_debug()
    config = replace(config, optimizer=replace(config.optimizer, max_gradient_norm=limit))
    state = State(config, tiny_data().card, CPU)
    player, other = state.players
    parameters = list(player.part.parameters())
    gradients = [torch.randn_like(p) for p in parameters]
    norm = torch.cat([g.flatten() for g in gradients]).norm()
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = 5 * gradient / norm
    state.optimizers[player.name].step()
    for parameter, gradient in zip(parameters, gradients, strict=True):
        torch.testing.assert_close(parameter.grad, expected * gradient / norm)
    assert all(p.grad is None for p in other.part.parameters())
