"""The training loop gives each move its own batch, noise, optimizer and learning rate."""

from dataclasses import replace

import pytest
import torch

from conftest import tiny_data
from latentarium import presets
from latentarium.errors import UserError
from latentarium.run import Run
from latentarium.training import game, loop
from latentarium.training.logging import ProgressFile
from latentarium.training.schedule import learning_rate


@pytest.fixture
def moves(tmp_path, monkeypatch) -> list[dict]:
    """All moves of a short GAN training, in order."""
    recorded: list[dict] = []
    play_move = game.play_move

    def recording(player, model, optimizer, batch, noise, all_reduce_gradients=None):
        own = {id(p) for p in player.part.parameters()}
        group = optimizer.param_groups[0]
        recorded.append(
            {
                "player": player.name,
                "rate": group["lr"],
                "x": batch.x.clone(),
                "eps": noise.normal(4),
                "own": own == {id(p) for p in group["params"]},
            }
        )
        return play_move(player, model, optimizer, batch, noise)

    monkeypatch.setattr(game, "play_move", recording)
    config = presets.gan_debug()
    config = replace(config, train=replace(config.train, steps=10))
    loop.train(config, tmp_path / "r", tiny_data())
    return recorded


def test_players_alternate_with_their_own_optimizers(moves):
    assert [move["player"] for move in moves] == ["discriminator", "generator"] * 10
    assert all(move["own"] for move in moves)


def test_the_learning_rate_follows_the_schedule(moves):
    config = presets.gan_debug().optimizer
    expected = [learning_rate(config, step, 10) for step in range(10)]
    assert [move["rate"] for move in moves[::2]] == expected
    assert [move["rate"] for move in moves[1::2]] == expected
    assert len(set(expected)) == 10


def test_no_two_moves_share_noise_or_images(moves):
    """160 images make ten batches per epoch, so twenty moves see each image twice."""
    noises = {tuple(move["eps"].tolist()) for move in moves}
    batches = {move["x"].numpy().tobytes() for move in moves}
    assert len(noises) == len(batches) == len(moves)
    epochs = [torch.cat([move["x"] for move in part]) for part in (moves[:10], moves[10:])]
    images = [{image.numpy().tobytes() for image in epoch} for epoch in epochs]
    assert images[0] == images[1]
    assert len(images[0]) == 160


def test_the_progress_file_is_rate_limited_and_survives_a_full_disk(tmp_path, monkeypatch):
    run = Run.start(tmp_path / "r", presets.vae_debug(), tiny_data().card)
    progress = ProgressFile(run)
    written = []
    for step, seconds in ((1, 5.0), (2, 5.5), (3, 6.1), (4, 6.2)):
        progress.update(step, seconds)
        written.append(run.progress())
    assert written == [(1, 5.0), (1, 5.0), (3, 6.1), (3, 6.1)]
    progress.update(4, 6.2, force=True)
    assert run.progress() == (4, 6.2)

    def full(*_: object) -> None:
        raise UserError("The disk is full.")

    monkeypatch.setattr(run, "save_progress", full)
    progress.update(5, 9.0)
