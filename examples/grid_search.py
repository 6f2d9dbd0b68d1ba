"""Choose the settings of an encoder and a classifier together, with few labels.

    python examples/grid_search.py

Of 1,078 small digits of scikit-learn, only 50 have a label. The encoder of a pipeline learns from
all of them, and logistic regression from the labelled ones. `GridSearchCV` chooses the size of the
latent space and the regularization of the classifier, by cross-validation on the labelled images.
The encoder is that of a denoising autoencoder, which is given as a `Config`. The script prints the accuracy on other images next to that of the same search on
the raw pixels.
"""

import time
import warnings
from tempfile import TemporaryDirectory
from typing import Any, Self

import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from latentarium.config import AutoencoderConfig, Config, NetConfig, OptimizerConfig, TrainConfig
from latentarium.estimators import LatentEncoder

NUM_LABELS = 50
DRAWS = 2
"""How often labels are drawn."""
TRUNK = NetConfig(kind="mlp", width=128, depth=2)
DENOISING = Config(
    model=AutoencoderConfig(posterior="point", noise_std=1.0, encoder=TRUNK, decoder=TRUNK),
    optimizer=OptimizerConfig(learning_rate=4e-3, warmup_steps=100),
    train=TrainConfig(steps=1000),
)
UNLABELLED = -1
"""The label of images without label, as for scikit-learn's semi-supervised estimators."""
STRENGTHS = [0.01, 0.1, 1.0]


class LabelledOnly(LogisticRegression):
    """Logistic regression that learns from the labelled samples only."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:  # noqa: ANN401
        labelled = np.asarray(y) != UNLABELLED
        return super().fit(np.asarray(X)[labelled], np.asarray(y)[labelled])


def splits(y: np.ndarray, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return folds of the labelled samples; each training part has all unlabelled ones too."""
    labelled = np.flatnonzero(y != UNLABELLED)
    unlabelled = np.flatnonzero(y == UNLABELLED)
    folds = StratifiedKFold(3, shuffle=True, random_state=seed).split(labelled, y[labelled])
    return [(np.r_[labelled[train], unlabelled], labelled[test]) for train, test in folds]


def search(
    steps: list[tuple[str, Any]], grid: dict[str, list], x: np.ndarray, y: np.ndarray, seed: int
) -> GridSearchCV:
    """Search a pipeline that ends with the classifier."""
    with TemporaryDirectory() as cache:  # the same encoder is trained only once
        classifier = [("scale", StandardScaler()), ("classify", LabelledOnly(max_iter=500))]
        pipeline = Pipeline([*steps, *classifier], memory=cache)
        result = GridSearchCV(pipeline, grid, cv=splits(y, seed))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return result.fit(x, y)


def main() -> None:
    """Print the accuracy with and without the encoder, for several draws of the labels."""
    started = time.monotonic()
    pixels, digits = load_digits(return_X_y=True)
    x, x_test, y, y_test = train_test_split(
        pixels / 16, digits, test_size=0.4, random_state=0, stratify=digits
    )
    encoder = LatentEncoder(DENOISING, image_shape=(8, 8), random_state=0)
    scores: dict[str, list[float]] = {"latents": [], "raw pixels": []}
    for seed in range(DRAWS):
        labelled, _ = train_test_split(
            np.arange(len(y)), train_size=NUM_LABELS, random_state=seed, stratify=y
        )
        known = np.full(len(y), UNLABELLED)
        known[labelled] = y[labelled]
        grid = {"encode__latent_dim": [16, 32], "classify__C": STRENGTHS}
        latents = search([("encode", encoder)], grid, x, known, seed)
        raw = search([], {"classify__C": STRENGTHS}, x, known, seed)
        scores["latents"].append(float(latents.score(x_test, y_test)))
        scores["raw pixels"].append(float(raw.score(x_test, y_test)))
        print(f"labels {seed}: {latents.best_params_}", flush=True)
    for name, values in scores.items():
        each = ", ".join(f"{value:.1%}" for value in values)
        print(f"{name}: {np.mean(values):.1%} of {len(y_test)} other images ({each})")
    better = np.mean(scores["latents"]) > np.mean(scores["raw pixels"])
    print(f"The latents are {'better' if better else 'not better'} than the raw pixels.")
    print(f"{time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
