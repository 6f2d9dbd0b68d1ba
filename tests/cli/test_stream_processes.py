"""Real processes with closed, full and broken streams, in locales without UTF-8, and Ctrl-C."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from latentarium import presets
from latentarium.run import Run
from latentarium.training import train
from support.tiny import tiny_data

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs Linux"),
]
LATENTARIUM = shlex.join([sys.executable, "-m", "latentarium"])
PLAIN_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("processes") / "a run"
    train(presets.vae_debug(), folder, tiny_data())
    return folder


def shell(command: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command line of bash in which L stands for latentarium."""
    words = "set -o pipefail; " + command.replace("L ", f"{LATENTARIUM} ")
    done = subprocess.run(
        ["bash", "-c", words], capture_output=True, cwd=folder, env={**os.environ, **environment},
        check=False, timeout=120,
    )  # fmt: skip
    assert b"Traceback" not in done.stderr, done.stderr.decode(errors="replace")
    assert b"Exception ignored" not in done.stderr, done.stderr.decode(errors="replace")
    return done


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("L train >/dev/full", 2),
        ("L train >&-", 2),
        ("L train | true", 141),
        ("L train | head -1", 0),  # it has read a part, but all of it was printed
        ("L --help 2>&-", 0),
        ("L --help >&- 2>&- <&-", 2),
        ("L finish missing 2>/dev/full", 2),
        ("L finish missing 2>&- >&-", 2),
        ("L train vae_debug --help | head -c 1", 141),
        ("L sample {run} --out a.png >/dev/full", 0),
        ("L sample {run} --out a.png >&- 2>&- <&-", 0),
        ("L sample {run} --out a.npz 2>/dev/full", 0),
        ("L sample {run} --out /dev/full", 2),
    ],
)
def test_broken_streams(run, tmp_path, command, code):
    done = shell(command.format(run=shlex.quote(str(run))), tmp_path)
    # how much a pipe takes before its reader ends depends on the system
    assert done.returncode in ((0, 141) if "head" in command else (code,)), done.stderr
    if ">/dev/full" in command and code == 2 and "2>/dev/full" not in command:
        assert len(done.stderr.splitlines()) == 1


def test_files_are_not_mixed_with_messages_if_streams_are_closed(run, tmp_path):
    """Without standard streams, the first files that are opened would get their numbers."""
    out = tmp_path / "a.npz"
    assert shell(f"L sample {shlex.quote(str(run))} --out a.npz -n 40 >&- 2>&- <&-", tmp_path)
    again = tmp_path / "b.npz"
    assert shell(f"L sample {shlex.quote(str(run))} --out b.npz -n 40", tmp_path).returncode == 0
    assert out.read_bytes() == again.read_bytes()


@pytest.mark.parametrize("encoding", ["cp950", "ascii", "latin-1", "utf-16"])
def test_plain_locales_and_names_that_are_not_utf_8(run, tmp_path, encoding):
    environment = {**PLAIN_LOCALE, "PYTHONIOENCODING": encoding}
    source = os.fsencode(tmp_path) + b"/d\xff \xe7\x8c\xab"
    os.mkdir(source)
    for number in range(12):
        picture = f"L sample {shlex.quote(str(run))} -n 1 --scale 1 --out x.png"
        if number == 0:
            assert shell(picture, tmp_path, **environment).returncode == 0
        os.link(tmp_path / "x.png", source + b"/%d\xfe.png" % number)
    name = "$'d\\xff \\xe7\\x8c\\xab'"
    report = shell(f"L data check {name} --json", tmp_path, **environment)
    assert report.returncode == 0, report.stderr
    assert json.loads(report.stdout.decode(encoding))["counts"]
    steps = "--train.steps 4 --train.batch-size 4"
    done = shell(
        f"L train vae_debug --data {name} --run $'r\\xff' {steps}", tmp_path, **environment
    )
    assert done.returncode == 0, done.stderr
    assert Run(os.fsdecode(os.fsencode(tmp_path) + b"/r\xff")).weights_step() == 4
    for command in ("resume", "finish", "doctor", "sample"):
        done = shell(f"L {command} $'r\\xff'", tmp_path, **environment)
        assert done.returncode in (0, 2), done.stderr
        assert done.stderr.strip()


@pytest.mark.parametrize("library", ["", "numpy", "libtorch"])
def test_ctrl_c_during_the_imports(run, tmp_path, library):
    child = subprocess.Popen(
        [*shlex.split(LATENTARIUM), "sample", str(run), "--out", str(tmp_path / "x.npz"),
         "-n", "2000000"],
        stderr=subprocess.PIPE, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while library and library not in Path(f"/proc/{child.pid}/maps").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.005)
    if not library:  # during the sampling
        while not list(tmp_path.glob(".x.npz*")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    error = child.communicate(timeout=60)[1]
    assert child.returncode == 130
    assert b"Traceback" not in error
    assert len(error.split(b"\n")) <= 3, error
    assert list(tmp_path.iterdir()) == []


def test_processes_of_torchrun_print_once(run, tmp_path):
    arguments = "train vae_debug --folder r --train.steps 4 --data " + str(tmp_path / "missing")
    command = shlex.join([sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2",
                          "--no-python", sys.executable, "-m", "latentarium"])  # fmt: skip
    done = subprocess.run(
        ["bash", "-c", f"{command} {arguments}"], capture_output=True, cwd=tmp_path, check=False,
        env={**os.environ, **PLAIN_LOCALE, "PYTHONIOENCODING": "cp950"}, timeout=120,
    )  # fmt: skip
    assert done.returncode != 0
    assert done.stderr.count(b"latentarium: ") == 1
