"""After kill -9 at any point, the same call leads to the same tensors as an uninterrupted run.

One child process imports torch once and forks for each configuration; each fork trains and kills
itself at a chosen point. The test then repeats the call and compares with an uninterrupted run.
"""

import errno
import functools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from latentarium import files, presets
from latentarium.config import AutoencoderConfig, Config, GANConfig, NetConfig
from latentarium.run import Run, checkpoints, folder
from latentarium.training import game, loop
from support.errors import raises_code
from support.tiny import tiny_data

BATCH = NetConfig(width=4, depth=1, hidden=8, norm="batch")


def autoencoder(preset: str, **changes: object) -> Config:
    config = presets.get(preset)
    assert isinstance(config.model, AutoencoderConfig)
    return replace(config, model=replace(config.model, **changes))


def gan(preset: str, **changes: object) -> Config:
    config = presets.get(preset)
    assert isinstance(config.model, GANConfig)
    return replace(config, model=replace(config.model, **changes))


CONFIGS = {
    "ae": autoencoder("ae_debug"),
    "dae": autoencoder("ae_debug", noise_std=0.3),
    "vae": autoencoder("vae_debug"),
    "vae_batch": autoencoder("vae_debug", encoder=BATCH, decoder=BATCH),
    "vae_class": autoencoder("vae_class_debug"),
    "cvae": autoencoder("vae_debug", conditional=True),
    "gan": gan("gan_debug"),
    "gan_hinge": gan("gan_debug", loss="hinge", generator=BATCH),
    "cgan": gan("cgan_debug"),
    "cgan_ns": gan("cgan_debug", loss="non_saturating"),
}


def kill_at(count: int, original: Callable, *, after: bool = False, path: str = "") -> Callable:
    """Return the function with a kill at its count-th call whose first arguments contain `path`.

    Arguments:
        count: Which call, from 1.
        original: The function.
        after: True to make the call before the kill; False to kill instead.
        path: Part of a file name, to count writes of certain files only.
    """
    calls = 0

    def killing(*arguments, **options):
        nonlocal calls
        calls += any(path in str(a) for a in arguments[:2])
        if calls == count and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*arguments, **options)
        if calls == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return killing


def in_a_loss(count):
    """After the loss of a move was computed, before its backward pass."""
    play_move, calls = game.play_move, 0

    def play(player, *arguments):
        nonlocal calls
        calls += 1
        if calls == count:
            player = replace(player, loss=kill_at(1, player.loss, after=True))
        return play_move(player, *arguments)

    game.play_move = play


def between_two_moves(count):
    game.play_move = kill_at(2 * count - 1, game.play_move, after=True)


def before_a_rename(count):
    files.Path.replace = kill_at(count, Path.replace, path=".safetensors")


def between_tensors_and_card(count):
    checkpoints.write_atomic = kill_at(count, checkpoints.write_atomic, path="checkpoints/0000000")


def while_deleting_old_checkpoints(count):
    files.Path.unlink = kill_at(count, Path.unlink, path="checkpoints/0000000")


def before_the_first_file(count):
    files.Path.replace = kill_at(count, Path.replace)


def before_the_weights_for_use(count):
    folder.write_atomic = kill_at(count, folder.write_atomic, path="weights.safetensors")


KILLS = {
    "ae": (in_a_loss, 27),
    "dae": (before_a_rename, 4),
    "vae": (between_tensors_and_card, 4),
    "vae_batch": (in_a_loss, 35),
    "vae_class": (while_deleting_old_checkpoints, 2),
    "cvae": (before_the_first_file, 1),
    "gan": (between_two_moves, 14),
    "gan_hinge": (in_a_loss, 46),
    "cgan": (between_two_moves, 29),
    "cgan_ns": (before_the_weights_for_use, 1),
}


def test_every_configuration_is_killed_and_every_point_is_used():
    assert CONFIGS.keys() == KILLS.keys()
    assert len({kill for kill, _ in KILLS.values()}) == 7


@pytest.fixture(scope="module")
def killed(tmp_path_factory) -> Path:
    """A folder of killed runs."""
    folder = tmp_path_factory.mktemp("killed")
    paths = [str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    child = subprocess.run(
        [sys.executable, __file__, str(folder)], env=env, capture_output=True, check=True
    )
    signals = json.loads(child.stdout)
    assert signals == dict.fromkeys(CONFIGS, signal.SIGKILL), "a fork ended or raised"
    return folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Callable[[str], Run]:
    """Return the uninterrupted run of a configuration, which is trained once."""
    folder = tmp_path_factory.mktemp("whole")
    return functools.cache(lambda name: loop.train(CONFIGS[name], folder / name, tiny_data()))


@pytest.mark.parametrize("name", CONFIGS)
def test_resuming_after_a_kill_is_bit_identical(name, killed, whole):
    assert not (killed / name / "weights.safetensors").exists()
    resumed = loop.train(CONFIGS[name], killed / name, tiny_data())
    assert_bit_identical(whole(name), resumed)


def assert_bit_identical(whole: Run, resumed: Run) -> None:
    paths = [p.relative_to(whole.folder) for p in whole.folder.rglob("*.safetensors")]
    assert len(paths) == 6  # weights, two checkpoints, three snapshots
    for path in paths:
        left, right = load_file(whole.folder / path), load_file(resumed.folder / path)
        assert left.keys() == right.keys()
        for key, tensor in left.items():
            assert torch.equal(tensor, right[key]), f"{key} differs in {path}"
    pictures = sorted(p.name for p in (whole.folder / "samples").iterdir())
    assert pictures == ["000000020.png", "000000040.png"]
    for path in pictures:
        left, right = whole.folder / "samples" / path, resumed.folder / "samples" / path
        assert left.read_bytes() == right.read_bytes()
    assert timeless_rows(whole) == timeless_rows(resumed)
    assert len(list((resumed.folder / "checkpoints").iterdir())) == 4


def timeless_rows(run: Run) -> list[dict]:
    return [{k: v for k, v in row.items() if k != "seconds"} for row in run.log()]


@pytest.mark.parametrize("write", [1, 2, 5, 9, 12, 21, 24])
def test_resuming_after_a_full_disk_is_bit_identical(write, whole, monkeypatch, tmp_path):
    """Each file is flushed twice: its content and its folder."""
    calls = 0

    def full(handle):
        nonlocal calls
        calls += 1
        if calls == write:
            raise OSError(errno.ENOSPC, "No space left on device")

    config, data = CONFIGS["cgan"], tiny_data()
    with monkeypatch.context() as patch:
        patch.setattr(files.os, "fsync", full)
        with raises_code("cannot-write"):
            loop.train(config, tmp_path / "r", data)
    resumed = loop.train(config, tmp_path / "r", data)
    assert_bit_identical(whole("cgan"), resumed)
    assert not list(resumed.folder.rglob("*.tmp"))


def test_another_seed_is_not_bit_identical(whole, tmp_path):
    """The comparison can fail."""
    config = CONFIGS["gan"]
    other = replace(config, train=replace(config.train, seed=1))
    second = loop.train(other, tmp_path / "second", tiny_data())
    with pytest.raises(AssertionError, match="differs"):
        assert_bit_identical(whole("gan"), second)


def main(folder: Path) -> None:
    data = tiny_data()
    parameter = torch.zeros(1)
    parameter.grad = parameter.clone()
    torch.optim.Adam([parameter]).step()  # its first call imports for seconds: before the forks
    signals = {}
    for name, (kill, count) in KILLS.items():
        pid = os.fork()
        if pid == 0:
            kill(count)
            loop.train(CONFIGS[name], folder / name, data)
            os._exit(0)
        status = os.waitpid(pid, 0)[1]
        signals[name] = os.WTERMSIG(status) if os.WIFSIGNALED(status) else -1
    sys.stdout.write(json.dumps(signals))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
