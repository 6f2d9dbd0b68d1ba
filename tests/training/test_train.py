"""What the loop hands to each move."""

from dataclasses import replace

import pytest
import torch

from conftest import tiny_data
from latentarium import presets
from latentarium.errors import UserError
from latentarium.run import Run
from latentarium.training import train as loop
from latentarium.training.logging import Heartbeat
from latentarium.training.schedule import learning_rate


@pytest.fixture
def moves(tmp_path, monkeypatch) -> list[dict]:
    """Every move of a short GAN game, in order."""
    seen: list[dict] = []
    original = loop.play_move

    def spy(player, model, optimizer, batch, noise, share=None):
        own = {id(p) for p in player.part.parameters()}
        group = optimizer.param_groups[0]
        seen.append(
            {
                "player": player.name,
                "rate": group["lr"],
                "x": batch.x.clone(),
                "eps": noise.normal(4),
                "own": own == {id(p) for p in group["params"]},
            }
        )
        return original(player, model, optimizer, batch, noise)

    monkeypatch.setattr(loop, "play_move", spy)
    config = presets.gan_debug()
    config = replace(config, train=replace(config.train, steps=10))
    loop.train(config, tmp_path / "r", tiny_data())
    return seen


def test_players_take_turns_with_their_own_optimizers(moves):
    assert [move["player"] for move in moves] == ["discriminator", "generator"] * 10
    assert all(move["own"] for move in moves)


def test_the_rate_is_the_schedules(moves):
    config = presets.gan_debug().optimizer
    expected = [learning_rate(config, step, 10) for step in range(10)]
    assert [move["rate"] for move in moves[::2]] == expected
    assert [move["rate"] for move in moves[1::2]] == expected
    assert len(set(expected)) == 10


def test_no_two_moves_share_their_noise_or_their_images(moves):
    """160 images make ten batches an epoch, so twenty moves see each image twice."""
    noises = {tuple(move["eps"].tolist()) for move in moves}
    batches = {move["x"].numpy().tobytes() for move in moves}
    assert len(noises) == len(batches) == len(moves)
    epochs = [torch.cat([move["x"] for move in part]) for part in (moves[:10], moves[10:])]
    once = [{image.numpy().tobytes() for image in epoch} for epoch in epochs]
    assert once[0] == once[1]
    assert len(once[0]) == 160


def test_a_heart_beats_once_a_second_at_most_and_a_full_disk_does_not_stop_it(
    tmp_path, monkeypatch
):
    run = Run.start(tmp_path / "r", presets.vae_debug(), tiny_data().card)
    heart = Heartbeat(run)
    told = []
    for step, seconds in ((1, 5.0), (2, 5.5), (3, 6.1), (4, 6.2)):
        heart.beat(step, seconds)
        told.append(run.progress())
    assert told == [(1, 5.0), (1, 5.0), (3, 6.1), (3, 6.1)]
    heart.beat(4, 6.2, now=True)
    assert run.progress() == (4, 6.2)

    def full(*_: object) -> None:
        raise UserError("The disk is full.")

    monkeypatch.setattr(run, "save_progress", full)
    heart.beat(5, 9.0)
