"""The files in examples/ work: their components are trained, and each runs to the end."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "examples"
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}


def run_python(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=ENVIRONMENT | {"PYTHONPATH": str(FOLDER)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_components_of_own_model_are_trained(npz, tmp_path):
    code = """
from dataclasses import replace
import sys
import latentarium as la
from own_model import own_gan, own_vae, own_wae
for preset in (own_gan, own_vae, own_wae):
    config = preset()
    config = replace(config, train=replace(config.train, steps=2))
    run = la.train(config, preset.__name__, sys.argv[1])
    print(run.config.name, *run.load().sample(2).shape)
"""
    lines = run_python(tmp_path, "-c", code, str(npz)).splitlines()
    assert lines == [f"{name} 2 1 12 10" for name in ("own_gan", "own_vae", "own_wae")]


def test_encoder_of_the_grid_search_learns_from_images_without_labels(tmp_path):
    code = """
import numpy as np
from grid_search import UNLABELLED, search
from latentarium.estimators import LatentEncoder
x = np.random.default_rng(0).uniform(size=(40, 16))
y = np.where(np.arange(40) < 12, np.arange(40) % 2, UNLABELLED)
encoder = LatentEncoder(image_shape=(4, 4), steps=2, random_state=0)
found = search([("encode", encoder)], {"encode__latent_dim": [1, 2]}, x, y, 0)
print(*found.classes_, found.n_splits_, len(found.cv_results_["params"]))
print(found.best_estimator_["encode"].transform(x).shape[0])
"""
    assert run_python(tmp_path, "-c", code).split() == ["0", "1", "3", "2", "40"]


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_example_runs(path, tmp_path):
    assert run_python(tmp_path, str(path)).strip()
