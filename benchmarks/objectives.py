"""Compare likelihoods and objectives of VAEs by short trainings, measured on validation images.

    python benchmarks/objectives.py                            # binary digits
    python benchmarks/objectives.py --images emoji64.zip       # and colour images

Digits: the presets for dynamically binarized MNIST with trunks of 200 units, 100 pseudo-inputs and
2,000 steps; the NLL of 500 images with 500 importance samples. Images: `vae_logistic_images` at 32
x 32 pixels with 600 steps; the ELBO of all validation images in bits per dimension, in which a
Gaussian is integrated over the bins of the 8-bit values. Each case has seeds 0, 1 and 2. What
benchmarks/results/objectives.json contains is not measured again. The table is in docs/results.md.
"""

import argparse
import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from committed import RESULTS

import latentarium as la
from latentarium.config import (
    AutoencoderConfig,
    Config,
    FreeBitsConfig,
    HierarchicalConfig,
    ImportanceWeightedConfig,
    VampPriorConfig,
)
from latentarium.distributions import Gaussian
from latentarium.evaluation.likelihood import elbo, importance_nll
from latentarium.machine import describe_machine, versions
from latentarium.models.base import LatentModel
from latentarium.presets.variants import vary
from latentarium.shapes import Images, PerSample, Pixels

OUT = RESULTS / "objectives.json"
SEEDS = (0, 1, 2)
DIGITS: dict[str, tuple[str, dict[str, Any]]] = {
    "VAE, elbo": ("vae_dynamic_mnist", {}),
    "VAE, importance_weighted, 5 samples": (
        "vae_dynamic_mnist", {"objective": ImportanceWeightedConfig(samples=5)},
    ),
    "hierarchical VAE, elbo": ("hvae_dynamic_mnist", {"kl_warmup_steps": 0}),
    "hierarchical VAE, free_bits, 0.25 nats": (
        "hvae_dynamic_mnist", {"kl_warmup_steps": 0, "objective": FreeBitsConfig(nats=0.25)},
    ),
    "hierarchical VAE, elbo, warm-up of 500 steps": (
        "hvae_dynamic_mnist", {"kl_warmup_steps": 500},
    ),
    "hierarchical VAE, free_bits, 0.25 nats, warm-up of 500 steps": (
        "hvae_dynamic_mnist", {"kl_warmup_steps": 500, "objective": FreeBitsConfig(nats=0.25)},
    ),
}  # fmt: skip
"""Presets and settings of the cases on binary digits."""
IMAGES: dict[str, dict[str, Any]] = {
    "VAE, gaussian, std 0.2": {"likelihood": "gaussian", "likelihood_std": 0.2},
    "VAE, gaussian, std 0.3": {"likelihood": "gaussian", "likelihood_std": 0.3},
    "VAE, gaussian, std 0.4": {"likelihood": "gaussian", "likelihood_std": 0.4},
    "VAE, discretized_logistic": {},
}
"""Settings of the cases on colour images."""
QUIET = {
    "sample_every": 0, "snapshots": 0, "log_every": 100, "checkpoint_every": 10**6, "threads": 1,
}  # fmt: skip


class BinnedGaussian(Gaussian):
    """A Gaussian integrated over the bins of 8-bit values; those of 0 and 255 are unbounded."""

    def nll(self, output: Images, x: Images) -> PerSample:
        level, mean = ((x + 1) * 127.5).round().double(), output.double()
        low = torch.where(level <= 0, -torch.inf, ((level - 0.5) / 127.5 - 1 - mean) / self.std)
        high = torch.where(level >= 255, torch.inf, ((level + 0.5) / 127.5 - 1 - mean) / self.std)
        upper = low > 0  # by symmetry, so that no difference of values near 1 is computed
        low, high = torch.where(upper, -high, low), torch.where(upper, -low, high)
        log_low, log_high = torch.special.log_ndtr(low), torch.special.log_ndtr(high)
        log_p = log_high + torch.log1p(-torch.exp(log_low - log_high))
        return -log_p.flatten(1).sum(1).to(output.dtype)


def main() -> None:
    """Measure what is not measured yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--images", default="", help="colour images, as --data of train takes them"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    results: dict[str, Any] = json.loads(OUT.read_text()) if OUT.exists() else {"cases": {}}
    for group, names in (("digits", DIGITS), ("images", IMAGES if options.images else {})):
        for name in names:
            for seed in SEEDS:
                case = f"{group}: {name}; {seed}"
                if case not in results["cases"]:
                    results["cases"][case] = measure(group, name, seed, options.images)
                    results |= {"machine": describe_machine(), "versions": versions()}
                    OUT.write_text(json.dumps(results, indent=2) + "\n")
                    print(case, results["cases"][case], flush=True)


def measure(group: str, name: str, seed: int, images: str) -> dict[str, float]:
    """Train one case and return its measurements."""
    config = digits_config(name) if group == "digits" else images_config(name, images)
    config = vary(config, "", train={**QUIET, "seed": seed})
    with tempfile.TemporaryDirectory() as folder:
        run = la.train(config, Path(folder) / "run")
        model, data = run.load(), run.load_data()
    if group == "images":
        return measure_images(model, data.validation.images)
    some = data.validation.images[:500]
    nll = importance_nll(model, some, samples=500)
    bound = elbo(model, some)
    return {"nll": nll.nll, "elbo": bound.elbo, "rate": bound.rate}


def measure_images(model: LatentModel, pixels: Pixels) -> dict[str, float]:
    """Return the ELBO in bits per dimension, and the rate in nats."""
    if isinstance(model.likelihood, Gaussian):
        model.likelihood = BinnedGaussian(model.likelihood.std)
    bound = elbo(model, pixels)
    return {"bits": bound.bits_per_dimension, "rate": bound.rate}


def digits_config(name: str) -> Config:
    """Return the configuration of a case on binary digits."""
    preset, settings = DIGITS[name]
    config = la.presets.get(preset)
    assert isinstance(config.model, AutoencoderConfig)
    trunk = replace(config.model.encoder, width=200)  # pyright: ignore[reportCallIssue]
    small: dict[str, Any] = {"encoder": trunk, "decoder": trunk}
    if isinstance(config.model, HierarchicalConfig):
        small |= {"prior": VampPriorConfig(pseudo_inputs=100), "width": 200}
    return vary(config, "", model=small | settings, train={"steps": 2000})


def images_config(name: str, source: str) -> Config:
    """Return the configuration of a case on colour images."""
    train = {"steps": 600, "data": source, "image_size": 32}
    return vary(la.presets.get("vae_logistic_images"), "", model=IMAGES[name], train=train)


if __name__ == "__main__":
    main()
