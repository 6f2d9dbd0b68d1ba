"""latentarium: train, measure, explore and ship autoencoders, VAEs, GANs and conditional GANs."""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from latentarium import presets
    from latentarium.config import Config
    from latentarium.data.sources import load_data
    from latentarium.errors import UserError
    from latentarium.evaluation.evaluate import evaluate
    from latentarium.evaluation.report import compare
    from latentarium.latent import LatentMap
    from latentarium.run import Run, load
    from latentarium.training.train import train

__version__ = "0.1.0"
__all__ = [
    "Config",
    "LatentMap",
    "Run",
    "UserError",
    "compare",
    "evaluate",
    "load",
    "load_data",
    "presets",
    "train",
]

_HOMES = {
    "Config": "config",
    "LatentMap": "latent",
    "Run": "run",
    "UserError": "errors",
    "compare": "evaluation.report",
    "evaluate": "evaluation.evaluate",
    "load": "run",
    "load_data": "data.sources",
    "train": "training.train",
}


def __getattr__(name: str) -> object:
    # torch takes seconds to import, so a name is fetched when it is first used
    if name == "presets":
        return importlib.import_module("latentarium.presets")
    if name not in _HOMES:
        raise AttributeError(f"module 'latentarium' has no attribute {name!r}")
    return getattr(importlib.import_module(f"latentarium.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
