"""N processes with the global batch B play the game that one process plays with B."""

import json
import os
import socket
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from safetensors.torch import load_file
from torch.multiprocessing.spawn import start_processes

from conftest import tiny_data
from latentarium import presets
from latentarium.config import Config, GANConfig
from latentarium.data.batches import Batches
from latentarium.errors import UserError
from latentarium.rng import Noise
from latentarium.run import Run
from latentarium.training import train
from latentarium.training.distributed import World, join
from latentarium.training.logging import player_losses

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
FAMILIES = ("ae_debug", "vae_class_debug", "gan_debug", "cgan_debug")


def config(preset: str, steps: int = 40) -> Config:
    given = presets.get(preset)
    return replace(given, train=replace(given.train, steps=steps))


def together(size: int, work, *arguments, address: str = "127.0.0.1") -> None:
    """Calls work(rank, *arguments) in `size` processes, with what torchrun sets around them."""
    with socket.socket() as free:
        free.bind((address, 0))
        port = free.getsockname()[1]
    start_processes(_one, (size, address, port, work, arguments), nprocs=size, start_method="fork")


def _one(rank, size, address, port, work, arguments):
    torch.set_num_threads(1)
    os.environ |= {
        "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(size),
        "MASTER_ADDR": address, "MASTER_PORT": str(port),
    }  # fmt: skip
    work(rank, *arguments)


def train_all(rank: int, folder: Path, steps: int = 40) -> None:
    dist.init_process_group("gloo")  # one for all families
    for preset in FAMILIES:
        train(config(preset, steps), folder / preset, tiny_data())
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("alone")
    for preset in FAMILIES:
        train(config(preset), folder / preset, tiny_data())
    return folder


@pytest.fixture(scope="module", params=[2, 4])
def shared(request, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp(f"shared{request.param}")
    together(request.param, train_all, folder)
    return folder


FREE = ("real_logit", "fake_logit", "wrong_logit", "weights")
"""A relativistic loss sees differences of logits: their common level, the bias of the last layer,
has a gradient of zero, of which Adam makes steps out of rounding alone."""


@pytest.mark.parametrize("preset", FAMILIES)
def test_losses_and_weights_are_those_of_one_process(preset, alone, shared):
    ours, theirs = Run(shared / preset), Run(alone / preset)
    for row, expected in zip(ours.log(), theirs.log(), strict=True):
        for player in player_losses(expected):
            for name in expected[player].keys() - set(FREE):
                assert row[player][name] == pytest.approx(
                    expected[player][name], rel=1e-2, abs=2e-4
                ), (preset, row["step"], player, name)
    assert_close(ours.load().state_dict(), theirs.load().state_dict())


def assert_close(ours, theirs) -> None:
    assert ours.keys() == theirs.keys()
    for key, expected in theirs.items():
        if key != "discriminator.realism.bias":
            assert torch.allclose(ours[key], expected, atol=1e-3), key


def test_only_the_first_process_writes(shared):
    for preset in FAMILIES:
        rows = (shared / preset / "log.jsonl").read_text().splitlines()
        assert [json.loads(row)["step"] for row in rows] == [10, 20, 30, 40]


def train_one(rank: int, folder: Path, steps: int) -> None:
    train(config("gan_debug", steps), folder, tiny_data())


def stop_at_20(rank: int, folder: Path) -> None:
    """The second process alone is told to stop; both do."""
    from latentarium.errors import StoppedError
    from latentarium.training import loop

    original = loop.Trainer.step

    def step(self):
        original(self)
        if self.state.step == 23 and rank == 1:
            import signal

            os.kill(os.getpid(), signal.SIGTERM)

    loop.Trainer.step = step
    try:
        train(config("gan_debug"), folder, tiny_data())
    except StoppedError:
        return
    raise AssertionError("it was told to stop")


def test_a_run_goes_on_with_another_number_of_processes(alone, tmp_path):
    together(2, stop_at_20, tmp_path / "r")
    saved = Run(tmp_path / "r").latest_checkpoint()
    assert saved is not None
    assert saved.step == 23
    together(4, train_one, tmp_path / "r", 40)
    ours = load_file(tmp_path / "r" / "weights.safetensors")
    assert_close(ours, load_file(alone / "gan_debug" / "weights.safetensors"))
    train(config("gan_debug"), tmp_path / "r", tiny_data())  # and on one


def mistaken(name: str):
    """A configuration that two processes can't train, or a folder that is taken."""
    odd, batch = config("ae_debug"), config("gan_debug")
    assert isinstance(batch.model, GANConfig)
    norm = replace(batch.model.generator, norm="batch")
    return {
        "full": (config("ae_debug"), "other files"),
        "odd": (replace(odd, train=replace(odd.train, batch_size=15)), "multiple of 2"),
        "batch": (replace(batch, model=replace(batch.model, generator=norm)), "whole batch"),
    }[name]


def refuse(rank: int, folder: Path) -> None:
    settings, sentence = mistaken(folder.name)
    with pytest.raises(UserError, match=sentence):
        train(settings, folder, tiny_data())


@pytest.mark.parametrize("name", ["full", "odd", "batch"])
def test_a_mistake_is_said_in_every_process_and_none_waits(name, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    together(2, refuse, tmp_path / name)  # each meets anew: who ends first takes the address along
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["full"]  # nothing was begun


def meet(rank: int, folder: Path) -> None:
    with join(torch.device("cpu")) as world:
        part = torch.nn.Linear(3, 2)
        for p in part.parameters():
            p.grad = torch.full_like(p, float(rank))
        world.share(part)
        for p in part.parameters():
            assert p.grad is not None
            assert torch.equal(p.grad, torch.full_like(p, 0.5))
        (folder / str(rank)).write_text(str(world.size))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has all of 127/8")
def test_processes_meet_at_another_address_than_the_usual(tmp_path):
    together(2, meet, tmp_path, address="127.0.0.2")
    assert [(tmp_path / str(rank)).read_text() for rank in range(2)] == ["2", "2"]


@pytest.mark.parametrize("size", [2, 4])
def test_parts_of_batches_and_noise_are_the_whole(size):
    data = tiny_data()
    whole = Batches(data.train, 16, 3)
    parts = [Batches(data.train, 16, 3, shard=(rank, size)) for rank in range(size)]
    for k in (0, 5, 23):
        drawn = [part.draw(k) for part in parts]
        assert torch.equal(torch.cat([d.x for d in drawn]), whole.draw(k).x)
        labels, expected = [d.y for d in drawn if d.y is not None], whole.draw(k).y
        assert expected is not None
        assert torch.equal(torch.cat(labels), expected)
    for draw in ("normal", "uniform"):
        one = getattr(Noise(1, 2), draw)(16, 3)
        each = [getattr(Noise(1, 2, shard=(r, size)), draw)(16 // size, 3) for r in range(size)]
        assert torch.equal(torch.cat(each), one)
    some = [Noise(1, shard=(r, size)).integers(9, 16 // size) for r in range(size)]
    assert torch.equal(torch.cat(some), Noise(1).integers(9, 16))


def test_one_process_is_a_world_that_changes_nothing():
    world = World(0, 1, torch.device("cpu"))
    assert world.first
    assert world.mean([torch.tensor(3.0)])[0] == 3
    assert world.any(True, 0)
    assert world.from_first(lambda: 5) == 5
