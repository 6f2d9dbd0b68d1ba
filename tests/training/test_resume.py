"""2N steps = N, kill, resume, N: bit for bit, for every family."""

import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest
from safetensors.torch import load_file

from conftest import tiny_data
from latentarium import presets
from latentarium.errors import UserError
from latentarium.run import Run
from latentarium.training.loop import train

CHILD = """
import os, signal, sys
import torch
torch.set_num_threads(1)
from latentarium import presets
from latentarium.models import game
from latentarium import files
from latentarium.training import loop

name, folder, source, how, count = sys.argv[1:6]
calls = 0
def die_at(original):
    def wrapped(*arguments, **more):
        global calls
        calls += 1
        if calls == int(count):
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments, **more)
    return wrapped

if how == "step":  # in the middle of a move: the gradient is there, the step is not
    torch.Tensor.backward = die_at(torch.Tensor.backward)
elif how == "write":  # between the temporary file and its name
    files.Path.replace = die_at(files.Path.replace)
from latentarium.data.sources import load_data
loop.train(presets.get(name), folder, load_data(source))
"""


def same(a: Run, b: Run) -> None:
    for name in ("weights.safetensors", "checkpoints/000000040.safetensors"):
        left, right = load_file(a.folder / name), load_file(b.folder / name)
        assert left.keys() == right.keys()
        for key, tensor in left.items():
            assert tensor.equal(right[key]), f"{key} differs"
    for picture in sorted((a.folder / "samples").iterdir()):
        assert picture.read_bytes() == (b.folder / "samples" / picture.name).read_bytes()


@pytest.mark.parametrize(
    ("name", "how", "count"),
    [
        ("ae_debug", "step", 27),
        ("vae_debug", "write", 9),
        ("gan_debug", "step", 55),
        ("cgan_debug", "write", 12),
    ],
)
def test_kill_and_resume_equals_never_killed(name, how, count, npz, tmp_path):
    from latentarium.data.sources import load_data

    data = load_data(str(npz))
    whole = train(presets.get(name), tmp_path / "whole", data)
    arguments = [name, str(tmp_path / "killed"), str(npz), how, str(count)]
    child = subprocess.run([sys.executable, "-c", CHILD, *arguments], check=False)
    assert child.returncode == -signal.SIGKILL
    assert not (tmp_path / "killed" / "weights.safetensors").exists()
    resumed = train(presets.get(name), tmp_path / "killed", data)
    same(whole, resumed)
    assert [row["step"] for row in resumed.log()] == [row["step"] for row in whole.log()]
    leftovers = [p for p in resumed.folder.rglob("*.tmp") if p.parent.name == "checkpoints"]
    assert leftovers == []


def test_a_run_that_has_ended_is_left_as_it_is(tmp_path):
    data = tiny_data()
    run = train(presets.cgan_debug(), tmp_path / "r", data)
    before = (run.folder / "weights.safetensors").read_bytes()
    rows = len(run.log())
    train(presets.cgan_debug(), tmp_path / "r", data)
    assert (run.folder / "weights.safetensors").read_bytes() == before
    assert len(run.log()) == rows


def test_the_log_says_whose_parameters_moved(tmp_path):
    run = train(presets.gan_debug(), tmp_path / "r", tiny_data())
    rows = run.log()
    assert [row["step"] for row in rows] == [10, 20, 30, 40]
    for row in rows:
        for player in ("discriminator", "generator"):
            assert row[player]["own_change"] > 0
            assert row[player]["foreign_change"] == 0


def test_training_learns(tmp_path):
    config = presets.ae_debug()
    config = replace(
        config,
        optimizer=replace(config.optimizer, warmup_steps=0),
        train=replace(config.train, steps=150),
    )
    rows = train(config, tmp_path / "r", tiny_data()).log()
    assert rows[-1]["autoencoder"]["total"] < 0.9 * rows[0]["autoencoder"]["total"]


def test_no_average_equals_the_model(tmp_path):
    config = presets.vae_debug()
    config = replace(config, train=replace(config.train, ema_halflife=0))
    run = train(config, tmp_path / "r", tiny_data())
    tensors = load_file(run.folder / "checkpoints" / "000000040.safetensors")
    for key, tensor in tensors.items():
        if key.startswith("model."):
            assert tensor.equal(tensors["average." + key.removeprefix("model.")])


def test_snapshots_hold_all_players(tmp_path):
    run = train(presets.gan_debug(), tmp_path / "r", tiny_data())
    assert run.snapshots() == [0, 1, 40]
    first, last = run.load(0), run.load(40)
    names = {name.split(".")[0] for name, _ in first.named_parameters()}
    assert names == {"generator", "discriminator"}
    pairs = zip(first.parameters(), last.parameters(), strict=True)
    assert any(not a.equal(b) for a, b in pairs)


def test_ctrl_c_keeps_the_checkpoint(tmp_path):
    data = tiny_data()

    from latentarium.training.log import Reporter

    class Impatient(Reporter):
        def update(self, step, row):
            if step == 20:
                os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(presets.ae_debug(), tmp_path / "r", data, reporter=Impatient())
    saved = Run(tmp_path / "r").latest_checkpoint()
    assert saved is not None
    assert saved.step in (10, 20)


def test_too_few_images_say_so(tmp_path):
    config = presets.ae_debug()
    config = replace(config, train=replace(config.train, batch_size=500))
    with pytest.raises(UserError, match="batch_size is 500"):
        train(config, tmp_path / "r", tiny_data())
