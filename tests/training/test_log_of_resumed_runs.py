"""The log of a resumed run equals that of an unbroken one."""

from dataclasses import replace

import pytest
import torch

from latentarium import presets
from latentarium.models.game import Loss, Player
from latentarium.run import Run
from latentarium.training import train
from latentarium.training.distributed import Distributed
from latentarium.training.game import Move
from latentarium.training.logging import LossLogger
from support.stopping import train_until
from support.tiny import tiny_data


def rows(run: Run) -> list[dict]:
    return [{k: v for k, v in row.items() if k != "seconds"} for row in run.log()]


# what is stored at a stop depends on the players only, of which a VAE has one
@pytest.mark.parametrize(
    ("preset", "stops"),
    [
        ("cgan_debug", (17,)), ("cgan_debug", (3, 9, 11)), ("cgan_debug", (10, 20)),
        ("cgan_debug", (39,)), ("vae_debug", (3, 9, 11)),
    ],
)  # fmt: skip
def test_stops_between_rows_change_no_row(preset, stops, tmp_path):
    data, config = tiny_data(), presets.get(preset)
    whole = train(config, tmp_path / "whole", data)
    for step in stops:
        train_until(step, config, tmp_path / "stopped", data)
    assert rows(train(config, tmp_path / "stopped", data)) == rows(whole)


def test_checkpoints_between_rows_change_no_row(tmp_path):
    """The run is killed after a checkpoint at step 9, and has rows at 5, 10, ..."""
    data, config = tiny_data(), presets.gan_debug()
    config = replace(
        config, train=replace(config.train, log_every=5, checkpoint_every=9, steps=23)
    )
    whole = train(config, tmp_path / "whole", data)
    train_until(21, config, tmp_path / "killed", data)
    for path in (tmp_path / "killed" / "checkpoints").glob("000000021*"):
        path.unlink()
    assert max(Run(tmp_path / "killed").checkpoints()) == 18
    assert rows(train(config, tmp_path / "killed", data)) == rows(whole)


def test_a_checkpoint_of_an_earlier_version_has_no_losses_and_resumes(tmp_path):
    data, config, folder = tiny_data(), presets.vae_debug(), tmp_path / "r"
    run = train_until(17, config, folder, data)
    checkpoint = run.latest_checkpoint()
    assert checkpoint is not None
    assert any(name.startswith("log.") for name in checkpoint.tensors)
    tensors = {k: t for k, t in checkpoint.tensors.items() if not k.startswith("log.")}
    run.save_checkpoint(replace(checkpoint, tensors=tensors))
    assert [row["step"] for row in train(config, folder, data).log()] == [10, 20, 30, 40]


def move(value: float) -> dict[str, Move]:
    loss = Loss(torch.tensor(value), {"a.b": torch.tensor(-value)})
    return {"player": Move(loss, {})}


def test_restored_losses_give_the_same_means_and_name_the_same_step():
    alone, cpu = Distributed(torch.device("cpu")), torch.device("cpu")
    player = Player("player", torch.nn.Identity(), lambda batch, noise: Loss(torch.zeros(()), {}))
    first, second = LossLogger(), LossLogger()
    values = [0.1, 0.7, 1e-8, 3e7, 0.3]
    for step, value in enumerate(values, 10):
        first.add(step, move(value))
        if step == 12:
            second.restore(first.to_tensors(alone), [player], 13, cpu)
        elif step > 12:
            second.add(step, move(value))
    options = {"step": 15, "images": 1, "learning_rate": 0.1}
    assert first.flush(alone, **options) == second.flush(alone, **options)
    assert second.to_tensors(alone) == {}
    diverged = LossLogger()
    diverged.add(20, move(float("nan")))
    restored = LossLogger()
    restored.restore(diverged.to_tensors(alone), [player], 21, cpu)
    with pytest.raises(ValueError, match="step 21"):
        restored.require_finite()
