"""N processes that share a batch train the same model as one process."""

import json
import os
import socket
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from safetensors.torch import load_file
from torch.multiprocessing.spawn import start_processes

from latentarium import presets
from latentarium.config import Config, GANConfig
from latentarium.data.batches import Batches
from latentarium.errors import StoppedError, UserError
from latentarium.rng import Noise
from latentarium.run import Run
from latentarium.training import train
from latentarium.training.distributed import Distributed, join_processes
from latentarium.training.logging import player_losses
from support.errors import raises_code
from support.stopping import signal_in_step
from support.tiny import tiny_data

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
FAMILIES = ("ae_debug", "vae_class_debug", "gan_debug", "cgan_debug")


def config(preset: str, steps: int = 20) -> Config:
    given = presets.get(preset)
    return replace(given, train=replace(given.train, steps=steps))


def run_processes(size: int, work, *arguments, address: str = "127.0.0.1") -> None:
    """Call work(rank, *arguments) in `size` processes with the environment that torchrun sets."""
    with socket.socket() as free:
        free.bind((address, 0))
        port = free.getsockname()[1]
    start_processes(
        _run_rank, (size, address, port, work, arguments), nprocs=size, start_method="fork"
    )


def _run_rank(rank, size, address, port, work, arguments):
    torch.set_num_threads(1)
    os.environ |= {
        "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(size),
        "MASTER_ADDR": address, "MASTER_PORT": str(port),
    }  # fmt: skip
    work(rank, *arguments)


def train_all(rank: int, folder: Path) -> None:
    dist.init_process_group("gloo")  # once for all families
    for preset in FAMILIES:
        train(config(preset), folder / preset, tiny_data())
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def single(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("single")
    for preset in FAMILIES:
        train(config(preset), folder / preset, tiny_data())
    return folder


@pytest.fixture(scope="module", params=[2, 4])
def shared(request, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp(f"shared{request.param}")
    run_processes(request.param, train_all, folder)
    return folder


FREE = ("real_logit", "fake_logit", "wrong_logit", "weights")
"""A relativistic loss depends on differences of logits only. Their common level, the bias of the
last layer, has a gradient of zero, and Adam scales its rounding errors up to whole steps."""


@pytest.mark.parametrize("preset", FAMILIES)
def test_losses_and_weights_equal_those_of_one_process(preset, single, shared):
    ours, theirs = Run(shared / preset), Run(single / preset)
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


def test_only_the_main_process_writes(shared):
    for preset in FAMILIES:
        rows = (shared / preset / "log.jsonl").read_text().splitlines()
        assert [json.loads(row)["step"] for row in rows] == [10, 20]


def train_one(rank: int, folder: Path) -> None:
    train(config("gan_debug"), folder, tiny_data())


def stop_in_step_13(rank: int, folder: Path) -> None:
    """Send a signal to the second process only; both must stop."""
    with signal_in_step(13) if rank == 1 else nullcontext(), pytest.raises(StoppedError):
        train(config("gan_debug"), folder, tiny_data())


def test_a_run_can_resume_with_another_number_of_processes(single, tmp_path):
    run_processes(2, stop_in_step_13, tmp_path / "r")
    saved = Run(tmp_path / "r").latest_checkpoint()
    assert saved is not None
    assert saved.step == 13
    run_processes(4, train_one, tmp_path / "r")
    ours = load_file(tmp_path / "r" / "weights.safetensors")
    assert_close(ours, load_file(single / "gan_debug" / "weights.safetensors"))
    train(config("gan_debug"), tmp_path / "r", tiny_data())  # with one process


def invalid(name: str) -> tuple[Config, str]:
    """Return a configuration that two processes can't train into their folder, and the error."""
    odd, batch = config("ae_debug"), config("gan_debug")
    assert isinstance(batch.model, GANConfig)
    norm = replace(batch.model.generator, norm="batch")
    return {
        "full": (config("ae_debug"), "folder-not-empty"),
        "odd": (replace(odd, train=replace(odd.train, batch_size=15)), "batch-not-divisible"),
        "batch": (
            replace(batch, model=replace(batch.model, generator=norm)),
            "batch-norm-distributed",
        ),
    }[name]


def refuse(rank: int, folder: Path) -> None:
    settings, code = invalid(folder.name)
    with raises_code(code):
        train(settings, folder, tiny_data())


@pytest.mark.parametrize("name", ["full", "odd", "batch"])
def test_an_error_is_raised_in_every_process_and_creates_nothing(name, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    run_processes(2, refuse, tmp_path / name)
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["full"]


def average_gradients(rank: int, folder: Path) -> None:
    with join_processes(torch.device("cpu")) as distributed:
        part = torch.nn.Linear(3, 2)
        for p in part.parameters():
            p.grad = torch.full_like(p, float(rank))
        distributed.all_reduce_gradients(part)
        for p in part.parameters():
            assert p.grad is not None
            assert torch.equal(p.grad, torch.full_like(p, 0.5))
        (folder / str(rank)).write_text(str(distributed.size))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has all of 127/8")
def test_processes_connect_at_another_address(tmp_path):
    run_processes(2, average_gradients, tmp_path, address="127.0.0.2")
    assert [(tmp_path / str(rank)).read_text() for rank in range(2)] == ["2", "2"]


@pytest.mark.parametrize("size", [2, 4])
def test_shards_of_batches_and_noise_add_up_to_the_whole(size):
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


def test_a_single_process_changes_nothing():
    distributed = Distributed(torch.device("cpu"))
    assert distributed.is_main
    assert distributed.mean([torch.tensor(3.0)])[0] == 3
    assert distributed.any_rank(True, 0)
    assert distributed.broadcast_from_main(lambda: 5) == 5


def fail_in_main(rank: int, folder: Path) -> None:
    """The main process can't write a checkpoint; the others lose the connection to it."""

    def full(run: Run, checkpoint: object) -> None:
        raise UserError("The disk is full.", code="cannot-write")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "save_checkpoint", full)
        with raises_code("cannot-write" if rank == 0 else "other-process-ended"):
            train(config("vae_debug"), folder, tiny_data())


def test_if_the_main_process_fails_the_others_end_with_a_message(tmp_path):
    run_processes(2, fail_in_main, tmp_path / "r")
