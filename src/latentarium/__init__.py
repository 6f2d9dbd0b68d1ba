"""latentarium: train, measure, explore and ship autoencoders, VAEs, GANs and conditional GANs."""

import importlib
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from latentarium import presets
    from latentarium.config import (
        AdversarialLossConfig,
        Config,
        DataCard,
        LikelihoodConfig,
        ModelConfig,
        ObjectiveConfig,
        PriorConfig,
        TrunkConfig,
    )
    from latentarium.data.sources import load_data
    from latentarium.distributions import Distribution, Likelihood, Prior, PriorContext
    from latentarium.errors import UserError
    from latentarium.evaluation.evaluate import evaluate
    from latentarium.evaluation.report import compare
    from latentarium.evaluation.section import Section
    from latentarium.image_files import save_images
    from latentarium.latent.latent_map import LatentMap
    from latentarium.latent.prior_fit import fit_prior
    from latentarium.models import LatentModel, Loss, Player
    from latentarium.nn import DecoderTrunk, EncoderTrunk, Trunk
    from latentarium.objectives import AdversarialLoss, Inference, Objective, ObjectiveValue
    from latentarium.registry import import_file, register
    from latentarium.rng import Noise
    from latentarium.run import Run, load
    from latentarium.studio.lab import Lab
    from latentarium.training import train

__version__ = "0.2.0"
__all__ = [
    "AdversarialLoss",
    "AdversarialLossConfig",
    "Config",
    "DataCard",
    "DecoderTrunk",
    "Distribution",
    "EncoderTrunk",
    "Inference",
    "Lab",
    "LatentMap",
    "LatentModel",
    "Likelihood",
    "LikelihoodConfig",
    "Loss",
    "ModelConfig",
    "Noise",
    "Objective",
    "ObjectiveConfig",
    "ObjectiveValue",
    "Player",
    "Prior",
    "PriorConfig",
    "PriorContext",
    "Run",
    "Section",
    "Trunk",
    "TrunkConfig",
    "UserError",
    "compare",
    "evaluate",
    "fit_prior",
    "import_file",
    "load",
    "load_data",
    "presets",
    "register",
    "save_images",
    "train",
]

_MODULES = {
    "AdversarialLoss": "objectives",
    "AdversarialLossConfig": "config",
    "Config": "config",
    "DataCard": "config",
    "DecoderTrunk": "nn",
    "Distribution": "distributions",
    "EncoderTrunk": "nn",
    "Inference": "objectives",
    "Lab": "studio.lab",
    "LatentMap": "latent.latent_map",
    "LatentModel": "models",
    "Likelihood": "distributions",
    "LikelihoodConfig": "config",
    "Loss": "models",
    "ModelConfig": "config",
    "Noise": "rng",
    "Objective": "objectives",
    "ObjectiveConfig": "config",
    "ObjectiveValue": "objectives",
    "Player": "models",
    "Prior": "distributions",
    "PriorConfig": "config",
    "PriorContext": "distributions",
    "Run": "run",
    "Section": "evaluation.section",
    "Trunk": "nn",
    "TrunkConfig": "config",
    "UserError": "errors",
    "compare": "evaluation.report",
    "evaluate": "evaluation.evaluate",
    "fit_prior": "latent.prior_fit",
    "import_file": "registry",
    "load": "run",
    "load_data": "data.sources",
    "register": "registry",
    "save_images": "image_files",
    "train": "training",
}

_SPIN_COUNT = "1000"
"""Checks, a few microseconds in all, for which a thread that waits for others keeps its core."""


def _limit_spinning() -> None:
    """Let threads that wait for each other give up their processor cores soon.

    By default, they spin for milliseconds, so that a training on several threads is several times
    slower next to another program. GNU OpenMP, which torch uses on Linux, reads the variable when
    it is loaded. What the user has set stays.
    """
    if "torch" not in sys.modules and "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", _SPIN_COUNT)


_limit_spinning()


def __getattr__(name: str) -> object:
    # imported on first use, because torch takes seconds to import
    if name == "presets":
        return importlib.import_module("latentarium.presets")
    if name not in _MODULES:
        raise AttributeError(f"module 'latentarium' has no attribute {name!r}")
    return getattr(importlib.import_module(f"latentarium.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
