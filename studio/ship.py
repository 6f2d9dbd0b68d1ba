"""Train the small models that the studio shows first and copy them into the package.

    python studio/ship.py [FOLDER]

The runs are trained, or resumed, in the folder (default: runs/shipped). The package gets the files
that loading and comparing need: configuration, weights and metrics.
"""

import shutil
import sys
from pathlib import Path

from latentarium import presets
from latentarium.evaluation import evaluate_run
from latentarium.progress import console_progress
from latentarium.studio.registry import SHIPPED, SHIPPED_NAMES
from latentarium.training import train

FILES = ("config.json", "weights.safetensors", "metrics.json")


def main(runs: Path) -> None:
    """Train, evaluate and copy all models.

    Arguments:
        runs: The folder of the runs.
    """
    for name in SHIPPED_NAMES:
        run = train(presets.get(f"{name}_small"), runs / name)
        with console_progress() as shown:
            evaluate_run(run.folder, shown=shown)
        target = SHIPPED / name
        target.mkdir(parents=True, exist_ok=True)
        for file in FILES:
            shutil.copyfile(run.folder / file, target / file)
        size = (target / "weights.safetensors").stat().st_size
        sys.stdout.write(f"{target}: {size:,} bytes\n")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/shipped"))
