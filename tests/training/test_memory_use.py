"""Memory that a process keeps after trainings, which a notebook would otherwise hold for hours."""

import subprocess
import sys

import pytest

MAX_KEPT = 100
"""MiB."""
SCRIPT = """
import gc
from dataclasses import replace
from tempfile import TemporaryDirectory

import psutil

import latentarium as la
from latentarium import presets

def resident():
    gc.collect()
    return psutil.Process().memory_info().rss / 2**20

data = la.load_data("mnist")
with TemporaryDirectory() as folder:
    def train(name, steps):
        config = presets.get(name)
        settings = replace(config.train, steps=steps, snapshots=0, sample_every=0)
        run = la.train(replace(config, train=settings), f"{folder}/{name}", data)
        return run, run.load().sample(500, seed=0)

    train("ae_debug", 20)  # imports, and pools of threads
    before = resident()
    kept = [train(name, 60) for name in ("vae_mnist", "gan_mnist", "cgan_mnist")]
    during = resident()
    del kept
    print(before, during, resident())
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc returns the memory")
def test_three_trainings_return_their_memory():
    process = subprocess.run(
        [sys.executable, "-c", SCRIPT], check=True, capture_output=True, text=True
    )
    before, _, after = map(float, process.stdout.split())
    assert after - before < MAX_KEPT
