"""kill -9 anywhere, then the same call: every tensor as if nothing had happened.

One child process imports torch once and forks for each family; each fork trains, and kills itself
at a chosen place. The test then makes the same call and compares with a run that nobody killed.
"""

import errno
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

from conftest import tiny_data
from latentarium import files, presets
from latentarium.config import AutoencoderConfig, Config, GANConfig, NetConfig
from latentarium.errors import UserError
from latentarium.models.autoencoder import Autoencoder
from latentarium.models.gan import GAN
from latentarium.run import Run, checkpoints, folder
from latentarium.training import train as loop

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


def die_at(count: int, original: Callable, *, after: bool = False, when: str = "") -> Callable:
    """The function, but the count-th call whose first arguments name `when` is the last act."""
    calls = 0

    def deadly(*arguments, **more):
        nonlocal calls
        calls += any(when in str(a) for a in arguments[:2])
        if calls == count and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*arguments, **more)
        if calls == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return deadly


def in_the_loss(count):
    Autoencoder.loss = die_at(count, Autoencoder.loss)
    GAN.generator_loss = die_at(count, GAN.generator_loss)


def between_two_moves(count):
    loop.play_move = die_at(2 * count - 1, loop.play_move, after=True)


def before_the_rename(count):
    files.Path.replace = die_at(count, Path.replace, when=".safetensors")


def between_weights_and_card(count):
    checkpoints.write_atomic = die_at(count, checkpoints.write_atomic, when="checkpoints/0000000")


def while_dropping_old_ones(count):
    files.Path.unlink = die_at(count, Path.unlink, when="checkpoints/0000000")


def before_the_first_file(count):
    files.Path.replace = die_at(count, Path.replace)


def before_the_weights_for_use(count):
    folder.write_atomic = die_at(count, folder.write_atomic, when="weights.safetensors")


DEATHS = {
    "ae": (in_the_loss, 27),
    "dae": (before_the_rename, 4),
    "vae": (between_weights_and_card, 4),
    "vae_batch": (in_the_loss, 35),
    "vae_class": (while_dropping_old_ones, 2),
    "cvae": (before_the_first_file, 1),
    "gan": (between_two_moves, 14),
    "gan_hinge": (in_the_loss, 23),
    "cgan": (between_two_moves, 29),
    "cgan_ns": (before_the_weights_for_use, 1),
}


def test_every_family_dies_somewhere():
    assert CONFIGS.keys() == DEATHS.keys()
    assert len({death for death, _ in DEATHS.values()}) == 7


@pytest.fixture(scope="module")
def killed(tmp_path_factory) -> Path:
    """A folder of runs, each killed in its own way."""
    folder = tmp_path_factory.mktemp("killed")
    paths = [str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    child = subprocess.run(
        [sys.executable, __file__, str(folder)], env=env, capture_output=True, check=True
    )
    fates = json.loads(child.stdout)
    assert fates == dict.fromkeys(CONFIGS, signal.SIGKILL), "some fork lived or raised"
    return folder


@pytest.mark.parametrize("name", CONFIGS)
def test_the_same_call_leads_to_the_same_bits(name, killed, tmp_path):
    data = tiny_data()
    assert not (killed / name / "weights.safetensors").exists()
    resumed = loop.train(CONFIGS[name], killed / name, data)
    whole = loop.train(CONFIGS[name], tmp_path / "whole", data)
    bitwise_equal(whole, resumed)


def bitwise_equal(whole: Run, resumed: Run) -> None:
    found = [p.relative_to(whole.folder) for p in whole.folder.rglob("*.safetensors")]
    assert len(found) == 6  # weights, two checkpoints, three snapshots
    for path in found:
        left, right = load_file(whole.folder / path), load_file(resumed.folder / path)
        assert left.keys() == right.keys()
        for key, tensor in left.items():
            assert torch.equal(tensor, right[key]), f"{key} differs in {path}"
    pictures = sorted(p.name for p in (whole.folder / "samples").iterdir())
    assert pictures == ["000000020.png", "000000040.png"]
    for path in pictures:
        left, right = whole.folder / "samples" / path, resumed.folder / "samples" / path
        assert left.read_bytes() == right.read_bytes()
    assert rows(whole) == rows(resumed)
    assert len(list((resumed.folder / "checkpoints").iterdir())) == 4


def rows(of: Run) -> list[dict]:
    return [{k: v for k, v in row.items() if k != "seconds"} for row in of.log()]


@pytest.mark.parametrize("write", [1, 2, 5, 9, 12, 21, 24])
def test_wherever_the_disk_fills_the_same_call_leads_to_the_same_bits(
    write, monkeypatch, tmp_path
):
    """Flushes count two for a file: its content and its folder."""
    calls = 0

    def full(handle):
        nonlocal calls
        calls += 1
        if calls == write:
            raise OSError(errno.ENOSPC, "No space left on device")

    config, data = CONFIGS["cgan"], tiny_data()
    with monkeypatch.context() as patch:
        patch.setattr(files.os, "fsync", full)
        with pytest.raises(UserError, match="the disk is full; free some space"):
            loop.train(config, tmp_path / "r", data)
    resumed = loop.train(config, tmp_path / "r", data)
    bitwise_equal(loop.train(config, tmp_path / "whole", data), resumed)
    assert not list(resumed.folder.rglob("*.tmp"))


def test_the_comparison_can_fail(tmp_path):
    """Another seed is another run."""
    config = CONFIGS["gan"]
    other = replace(config, train=replace(config.train, seed=1))
    one = loop.train(config, tmp_path / "one", tiny_data())
    two = loop.train(other, tmp_path / "two", tiny_data())
    with pytest.raises(AssertionError, match="differs"):
        bitwise_equal(one, two)


def main(folder: Path) -> None:
    data = tiny_data()
    one = torch.zeros(1)
    one.grad = one.clone()
    torch.optim.Adam([one]).step()  # imports for seconds at its first call: once, before the forks
    fates = {}
    for name, (death, count) in DEATHS.items():
        pid = os.fork()
        if pid == 0:
            death(count)
            loop.train(CONFIGS[name], folder / name, data)
            os._exit(0)
        status = os.waitpid(pid, 0)[1]
        fates[name] = os.WTERMSIG(status) if os.WIFSIGNALED(status) else -1
    sys.stdout.write(json.dumps(fates))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
