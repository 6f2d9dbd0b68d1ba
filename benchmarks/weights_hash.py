"""Print one hash of the trained weights per preset, to prove that a refactoring changes no result.

Debug presets are trained to the end, all others for 100 steps. The hash is the sha256 of the bytes
of all tensors in order of construction; names are left out, so that they may change. Compare the
lists of two commits on one machine: other processors round differently.

    python benchmarks/weights_hash.py            # all presets
    python benchmarks/weights_hash.py gan_debug  # some
"""

import hashlib
import inspect
import sys
import tempfile
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

import latentarium as la
from latentarium.data.dataset import Data

STEPS = 100
NUM_IMAGES, NUM_CLASSES, SIDE = 600, 3, 64


def main() -> None:
    """Train each preset and print its hash."""
    names = sys.argv[1:] or preset_names()
    for name in names:
        print(f"{weights_hash(name)}  {name}", flush=True)


def preset_names() -> list[str]:
    """Return the names of all presets, in alphabetical order."""
    functions = inspect.getmembers(la.presets, inspect.isfunction)
    return [
        name
        for name, function in functions
        if not name.startswith("_") and function.__annotations__ == {"return": la.Config}
    ]


def weights_hash(name: str) -> str:
    """Train one preset and return the sha256 of its weights."""
    config = getattr(la.presets, name)()
    if not name.endswith("_debug"):
        config = replace(config, train=replace(config.train, steps=STEPS))
    data = generated_images() if name.endswith("_images") else None
    digest = hashlib.sha256()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = la.train(config, Path(folder) / "run", data)
        for tensor in la.load(run.folder).state_dict().values():
            digest.update(tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def generated_images() -> Data:
    """Return labelled colour images: one random background per class, under noise."""
    rng = np.random.default_rng(0)
    labels = np.arange(NUM_IMAGES) % NUM_CLASSES
    backgrounds = rng.integers(0, 200, (NUM_CLASSES, 3, SIDE, SIDE))
    noise = rng.integers(0, 56, (NUM_IMAGES, 3, SIDE, SIDE))
    return la.load_data((backgrounds[labels] + noise).astype(np.uint8), labels=labels)


if __name__ == "__main__":
    main()
