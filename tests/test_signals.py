"""A stopped training exits with the code of the signal and saves a checkpoint."""

import random
import signal
import subprocess
import sys
import time

import pytest
import torch

from latentarium.run import Run


def test_sigterm_sets_the_exit_code_and_saves_a_checkpoint(npz, tmp_path):
    """For SIGINT, see `tests/cli/test_mistakes.py`."""
    folder = tmp_path / "r"
    command = [
        sys.executable, "-m", "latentarium", "train", "gan_debug", "--data", str(npz),
        "--run", str(folder), "--train.steps", "100000", "--train.snapshots", "0",
    ]  # fmt: skip
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    for _ in range(600):
        if (folder / "log.jsonl").exists():
            break
        time.sleep(0.1)
    process.terminate()
    _, error = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM, error
    assert error.strip()
    assert "Traceback" not in error
    saved = Run(folder).latest_checkpoint()
    assert saved is not None
    assert saved.step >= 10


@pytest.mark.slow
def test_a_run_killed_at_twenty_random_times_is_bit_identical(npz, tmp_path):
    def start(folder):
        command = [
            sys.executable, "-m", "latentarium", "train", "cgan_debug", "--data", str(npz),
            "--run", str(folder), "--train.steps", "4000", "--train.checkpoint-every", "7",
            "--train.snapshots", "0", "--train.sample-every", "50",
        ]  # fmt: skip
        return subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    assert start(tmp_path / "whole").wait(timeout=600) == 0
    rng, killed = random.Random(0), 0
    while killed < 20:
        process = start(tmp_path / "killed")
        time.sleep(2.5 + 1.5 * rng.random())  # importing torch takes two seconds
        if process.poll() is not None:
            break
        process.kill()
        process.wait()
        killed += 1
    assert killed >= 5  # else too few kills hit the training
    assert start(tmp_path / "killed").wait(timeout=600) == 0
    whole, other = Run(tmp_path / "whole"), Run(tmp_path / "killed")
    for key, tensor in whole.load().state_dict().items():
        assert torch.equal(tensor, other.load().state_dict()[key]), key
