"""What all estimators share: their parameters, the training, and saved files."""

import copy
import os
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor

from latentarium.config import Config, DataCard
from latentarium.data.dataset import Data, Split, fingerprint
from latentarium.estimators.data_format import DataFormat, flatten, measure_format
from latentarium.estimators.defaults import with_overrides
from latentarium.estimators.scores import scores
from latentarium.estimators.storage import (
    SavedEstimator,
    naming_damage,
    read_estimator,
    write_estimator,
)
from latentarium.models.base import LatentModel
from latentarium.training.in_memory import train_in_memory
from latentarium.unchecked import unchecked_inputs

E = TypeVar("E", bound="LatentEstimator")
BATCH_SIZE = 1000
"""Rows that are computed at a time."""


class LatentEstimator(BaseEstimator):
    """Base class of the estimators, which train a latent-variable model on the rows of X.

    The constructor of a subclass sets the parameters that are declared here.
    """

    config: str | Config
    latent_dim: int | None
    steps: int | None
    batch_size: int | None
    learning_rate: float | None
    image_shape: tuple[int, ...] | None
    device: str
    random_state: int | np.random.RandomState | None

    model_: LatentModel
    """The trained model, on the CPU."""
    config_: Config
    """The configuration that it was trained with."""
    format_: DataFormat
    n_features_in_: int

    def _read_training_rows(self, X: Any) -> np.ndarray:  # noqa: ANN401
        """Check X, set the attributes that describe it, and return its rows."""
        X, image_shape, is_nested = flatten(X, self.image_shape)
        rows: np.ndarray = validate_data(self, X, dtype="numeric", ensure_min_samples=2)
        self.format_ = measure_format(rows, image_shape, is_nested=is_nested)
        return rows

    def _read_rows(self, X: Any) -> np.ndarray:  # noqa: ANN401
        """Check that X has the format of the training data, and return its rows."""
        check_is_fitted(self, "model_")
        X, _, _ = flatten(X, self.format_.image_shape)
        return validate_data(self, X, dtype="numeric", reset=False)

    def _train(
        self, rows: np.ndarray, config: Config, labels: np.ndarray | None, classes: tuple[str, ...]
    ) -> Data:
        """Train the model and set it; return the training data.

        Arguments:
            rows: The training rows.
            config: The configuration, before the estimator's parameters override it.
            labels: Class numbers; None if there are no labels.
            classes: The names of the classes.
        """
        generator = check_random_state(self.random_state)
        self.config_ = with_overrides(
            config,
            len(rows),
            latent_dim=self.latent_dim,
            steps=self.steps,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            device=self.device,
            seed=int(generator.randint(2**31 - 1)),
        )
        numbers = None if labels is None else torch.from_numpy(labels.astype(np.int64))
        split = Split(self.format_.to_storage(rows), numbers)
        nothing = Split(split.images[:0], None if numbers is None else numbers[:0])
        card = DataCard(
            source="the training data of an estimator",
            fingerprint=fingerprint(split),
            image_shape=self.format_.model_shape,
            classes=classes,
        )
        data = Data(card, split, nothing, nothing)
        self.model_ = train_in_memory(self.config_, data)
        return data

    def _precise_model(self) -> LatentModel:
        """Return the model in the precision of results.

        The result for a row of a table must not depend on the other rows, beyond the rounding of
        float64. For images, whose models are large, the rounding of float32 is accepted.
        """
        return copy.deepcopy(self.model_).double() if self.format_.is_table else self.model_

    def _batches(self, rows: np.ndarray, model: LatentModel) -> list[Tensor]:
        """Return the images of rows in batches, with the model's type."""
        dtype = next(model.parameters()).dtype
        parts = range(0, len(rows), BATCH_SIZE)
        return [self.format_.to_model(rows[start : start + BATCH_SIZE], dtype) for start in parts]

    def _scores(self, rows: np.ndarray) -> np.ndarray:
        """Return the scores of rows, in units of the data; see `scores`."""
        model = self._precise_model()
        with unchecked_inputs():
            values = torch.cat([scores(model, x) for x in self._batches(rows, model)])
        constant = self.format_.log_scale if model.has_likelihood else 0.0
        return values.double().numpy() - constant

    def _decode(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        """Decode latents (N, Z), with their class numbers if the model decodes them.

        `LatentModel.sample` limits the results to the range of pixels, which a table exceeds.
        """
        model = self._precise_model()
        z = z.to(next(model.parameters()).dtype)
        parts = []
        with torch.no_grad(), unchecked_inputs():
            for start in range(0, len(z), BATCH_SIZE):
                rows = slice(start, start + BATCH_SIZE)
                labels = None if y is None or not model.decodes_label else y[rows]
                parts.append(model.decode(z[rows], labels))
        return torch.cat(parts)

    # ------------------------------------------------------------------------------ files

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Save the fitted estimator in a new folder, without pickle.

        The folder is a run folder, which `latentarium.load` and the command line also read:
        config.json, weights.safetensors and estimator.json, which contains everything else.

        Arguments:
            folder: A folder that does not exist, or is empty.

        Raises:
            NotFittedError: The estimator is not fitted.
            UserError: The folder is not empty (code "folder-not-empty"), or it can't be written.
        """
        check_is_fitted(self, "model_")
        return write_estimator(Path(folder), type(self).__name__, self._to_saved())

    @classmethod
    def load(cls: type[E], folder: str | os.PathLike[str]) -> E:
        """Load an estimator that `save` wrote.

        Raises:
            UserError: The folder has no estimator (code "not-an-estimator"), it has one of another
                class (code "other-estimator"), or a file is damaged.
        """
        saved = read_estimator(Path(folder), cls.__name__)
        with naming_damage(Path(folder)):
            estimator = cls(**saved.parameters)
            estimator._from_saved(saved)
        return estimator

    def _to_saved(self) -> SavedEstimator:
        """Return everything that `save` writes."""
        names = getattr(self, "feature_names_in_", None)
        return SavedEstimator(
            model=self.model_,
            config=self.config_,
            parameters=self.get_params(deep=False),
            data_format=self.format_,
            feature_names=None if names is None else tuple(map(str, names)),
            fitted={},
        )

    def _from_saved(self, saved: SavedEstimator) -> None:
        """Set the fitted attributes from a saved estimator."""
        self.model_, self.config_ = saved.model, saved.config
        self.format_ = saved.data_format
        self.n_features_in_ = saved.data_format.num_features
        if saved.feature_names is not None:
            self.feature_names_in_ = np.array(saved.feature_names, dtype=object)
