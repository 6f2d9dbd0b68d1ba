"""Limits of time and memory for the metrics, on two cores."""

import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch

import latentarium as la
from latentarium import presets
from latentarium.evaluation.evaluate import evaluate
from latentarium.metrics.distances import (
    frechet,
    frechet_interval,
    frechet_reference,
    kernel_distance,
)
from latentarium.metrics.fidelity import density_coverage, precision_recall


@pytest.mark.slow
def test_distances_of_ten_thousand_images_take_at_most_twenty_seconds():
    """All distances with their intervals in one thread; 4 s on two idle cores."""
    real, fake = torch.randn(10_000, 128), 0.9 * torch.randn(10_000, 128)
    started = time.process_time()  # independent of other load
    frechet(real, fake)
    frechet_interval(real, fake, resamples=20)
    frechet_reference(real, 10_000)
    kernel_distance(real, fake)
    precision_recall(real, fake)
    density_coverage(real, fake)
    assert time.process_time() - started < 20


@pytest.mark.slow
def test_fifty_thousand_images_need_at_most_four_gibibytes():
    program = """
import resource, torch
from latentarium.metrics.fidelity import density_coverage, precision_recall
from latentarium.metrics.memorization import measure_memorization
a, b = torch.randn(50_000, 128), 0.9 * torch.randn(50_000, 128)
precision_recall(a, b), density_coverage(a, b)
del a, b
pixels = lambda n: torch.randint(256, (n, 3, 32, 32), dtype=torch.uint8)
measure_memorization(torch.rand(5000, 3, 32, 32) * 2 - 1, pixels(50_000), pixels(5000))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert int(result.stdout) < 4096


@pytest.mark.slow
def test_evaluation_of_a_conditional_gan_takes_at_most_ninety_seconds(tmp_path):
    """With few training steps, which don't affect the time of the evaluation."""
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
