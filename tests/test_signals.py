"""What a shell sees of a training that is told to stop."""

import os
import signal
import subprocess
import sys
import time

import pytest

from latentarium.run import Run


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_the_exit_code_says_the_signal_and_the_checkpoint_is_there(number, code, npz, tmp_path):
    folder = tmp_path / "r"
    command = [
        sys.executable, "-m", "latentarium", "train", "gan_debug", "--data", str(npz),
        "--run", str(folder), "--train.steps", "100000", "--train.snapshots", "0",
    ]  # fmt: skip
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)  # children inherit "ignore"
    process = subprocess.Popen(
        command, env={**os.environ, "OMP_NUM_THREADS": "1"}, stderr=subprocess.PIPE, text=True
    )
    signal.signal(signal.SIGINT, usual)
    for _ in range(600):
        if (folder / "log.jsonl").exists():
            break
        time.sleep(0.1)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == code, said
    assert "The same command resumes" in said
    assert "Traceback" not in said
    saved = Run(folder).latest_checkpoint()
    assert saved is not None
    assert saved.step >= 10
