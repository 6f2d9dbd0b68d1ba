"""Print how much memory three trainings leave in their process: `memory_run.py STEPS`.

The result is JSON: the resident memory in MiB with the data loaded, with the modules imported that
the first training imports, and after three trainings whose runs and models were deleted.
"""

import gc
import importlib
import json
import sys
import tempfile
from pathlib import Path

import psutil
from speed_parts.common import with_settings

import latentarium as la
from latentarium.data.sources import load_data

PRESETS = ("vae_mnist", "gan_mnist", "cgan_mnist")


def resident() -> float:
    """Return the resident memory of this process in MiB."""
    return psutil.Process().memory_info().rss / 2**20


def main() -> None:
    """Train three models, delete them, and print the resident memory."""
    steps = int(sys.argv[1])
    data = load_data("mnist")
    loaded = resident()
    importlib.import_module("latentarium.training")
    importlib.import_module("torch._dynamo")  # as the first optimizer does
    imported = resident()
    with tempfile.TemporaryDirectory() as folder:
        runs = [
            la.train(with_settings(la.presets.get(name), steps=steps), Path(folder) / name, data)
            for name in PRESETS
        ]
        models = [run.load() for run in runs]
        del runs, models
        gc.collect()
    print(json.dumps({"loaded": loaded, "imported": imported, "after": resident()}))


if __name__ == "__main__":
    main()
