"""Trains the small models that the studio shows first, and puts them into the package:
`python studio/ship.py`. Each is a run's config.json and weights.safetensors, as its preset makes
them, and what was measured of it.
"""

import shutil
import sys
from pathlib import Path

from latentarium import presets
from latentarium.evaluation import evaluate_run
from latentarium.progress import console_progress
from latentarium.studio.registry import SHIPPED, SHIPPED_NAMES
from latentarium.training import train


def main(runs: Path) -> None:
    """Trains or resumes in this folder."""
    for name in SHIPPED_NAMES:
        run = train(presets.get(f"{name}_small"), runs / name)
        with console_progress() as shown:
            evaluate_run(run.folder, shown=shown)
        place = SHIPPED / name
        place.mkdir(parents=True, exist_ok=True)
        for file in ("config.json", "weights.safetensors", "metrics.json"):
            shutil.copyfile(run.folder / file, place / file)
        sys.stdout.write(f"{place}: {(place / 'weights.safetensors').stat().st_size:,} bytes\n")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/shipped"))
