"""The suite's bars in time and memory, on two cores."""

import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch

import latentarium as la
from latentarium import presets
from latentarium.evaluation.evaluate import evaluate
from latentarium.metrics.distances import frechet, frechet_floor, frechet_interval, kernel_distance
from latentarium.metrics.fidelity import density_coverage, precision_recall


def test_ten_thousand_images_are_compared_in_twenty_seconds():
    """All distances with their intervals; one thread, 4 s on two cores when nothing else runs."""
    real, fake = torch.randn(10_000, 128), 0.9 * torch.randn(10_000, 128)
    started = time.process_time()  # whatever else this machine does
    frechet(real, fake)
    frechet_interval(real, fake, resamples=20)
    frechet_floor(real, 10_000)
    kernel_distance(real, fake)
    precision_recall(real, fake)
    density_coverage(real, fake)
    assert time.process_time() - started < 20


@pytest.mark.slow
def test_fifty_thousand_images_fit_into_four_gibibytes():
    program = """
import resource, torch
from latentarium.metrics.fidelity import density_coverage, precision_recall
from latentarium.metrics.memorization import memorization
a, b = torch.randn(50_000, 128), 0.9 * torch.randn(50_000, 128)
precision_recall(a, b), density_coverage(a, b)
del a, b
pixels = lambda n: torch.randint(256, (n, 3, 32, 32), dtype=torch.uint8)
memorization(torch.rand(5000, 3, 32, 32) * 2 - 1, pixels(50_000), pixels(5000))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert int(found.stdout) < 4096


@pytest.mark.slow
def test_a_conditional_gan_is_evaluated_in_ninety_seconds(tmp_path):
    """The tour's, hardly trained, which changes no time."""
    torch.set_num_threads(2)
    try:
        config = presets.get("cgan_mnist")
        config = replace(config, train=replace(config.train, steps=20))
        run = la.train(config, tmp_path / "run")
        data = la.load_data(config.train.data)
        started = time.perf_counter()
        report = evaluate(run.load(), data)
        assert time.perf_counter() - started < 90
        assert report["gan_test"].n == 10_000
    finally:
        torch.set_num_threads(1)
