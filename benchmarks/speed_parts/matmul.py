"""Compare the FLOP rate of training steps with that of matrix products."""

import statistics
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from latentarium import presets
from latentarium.data.sources import load_data
from latentarium.workers import threads
from speed_parts.common import Results, seconds, spread, with_settings
from speed_parts.steps import TrainingSteps


def measure(rounds: int, quick: bool) -> Results:
    """Compare the FLOP rate of a training step with that of a matrix product on as many
    threads."""
    data = load_data("mnist")
    cases = {
        "MLP VAE, batch 128": (presets.vae_mnist(), 128),
        "MLP VAE, batch 512": (presets.vae_mnist(), 512),
        "conv GAN, batch 64": (presets.gan_mnist(), 64),
    }
    results: Results = {}
    for name, (config, batch_size) in cases.items():
        training = TrainingSteps(with_settings(config, batch_size=batch_size), data)
        with FlopCounter() as counter:
            training.step()
        shares, rate, duration = [], 0.0, 0.0
        for _ in range(rounds):  # both in each round, since clock rates change
            with threads(training.threads):
                rate = max(_matmul_rate(n) for n in (512, 1024, 2048))
            duration = training.median_seconds()
            shares.append(counter.total / duration / rate)
        results[name] = {
            "share": spread(shares),
            "flops": counter.total,
            "matmul_gflops": round(rate / 1e9, 1),
            "step_ms": round(1000 * duration, 2),
        }
    return results


class FlopCounter(TorchDispatchMode):
    """Counts FLOPs with torch's formulas.

    torch's own FlopCounterMode also tracks modules, which fails in the double backward of a
    gradient penalty.
    """

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        formula = flop_registry.get(func._overloadpacket)
        if formula is not None:
            self.total += formula(*args, **(kwargs or {}), out_val=output)
        return output


def _matmul_rate(n: int) -> float:
    """Return the FLOPs per second of a product of n x n matrices."""
    a, b, out = torch.randn(n, n), torch.randn(n, n), torch.empty(n, n)
    times = [seconds(lambda: torch.mm(a, b, out=out)) for _ in range(12)]
    return 2 * n**3 / statistics.median(times)
