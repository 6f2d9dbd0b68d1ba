"""The estimator that detects rows which differ from the training data."""

from numbers import Real
from typing import Any

import numpy as np
import torch
from sklearn.base import OutlierMixin

from latentarium.arguments import describe
from latentarium.config import Config
from latentarium.errors import UserError
from latentarium.estimators.base import LatentEstimator
from latentarium.estimators.defaults import resolve_config
from latentarium.estimators.scores import deviances, require_encoder
from latentarium.estimators.storage import SavedEstimator
from latentarium.unchecked import unchecked_inputs


class AnomalyDetector(OutlierMixin, LatentEstimator):
    """Detect rows of a table, or images, that an autoencoder or a VAE explains badly.

    The score of a row is the ELBO of a VAE, or minus the reconstruction error of an autoencoder.
    As for scikit-learn's detectors, rows whose score is below `offset_` are outliers.

    Arguments:
        config: "vae" or "ae" for settings that fit the data; the name of a preset; or a `Config`.
        contamination: Share of outliers in the training data, above 0 and at most 0.5, which
            determines the threshold.
        latent_dim, steps, batch_size, learning_rate, image_shape, device, random_state: As for
            `LatentEncoder`.

    Attributes:
        offset_: The threshold: `decision_function` is `score_samples` minus this number.
        model_, config_, n_features_in_, feature_names_in_: As for `LatentEncoder`.
    """

    offset_: float

    def __init__(
        self,
        config: str | Config = "vae",
        *,
        contamination: float = 0.1,
        latent_dim: int | None = None,
        steps: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        image_shape: tuple[int, ...] | None = None,
        device: str = "cpu",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.config = config
        self.contamination = contamination
        self.latent_dim = latent_dim
        self.steps = steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.image_shape = image_shape
        self.device = device
        self.random_state = random_state

    def fit(self, X: Any, y: object = None) -> "AnomalyDetector":  # noqa: ANN401
        """Train the model, and set the threshold to a quantile of the training scores.

        Arguments:
            X: A table (n_samples, n_features), or images, most of them normal.
            y: Ignored.

        Raises:
            UserError: The contamination is out of range (code "invalid-contamination"), the
                configuration does not fit the data, or X has a wrong format.
        """
        share = self.contamination
        if isinstance(share, bool) or not isinstance(share, Real) or not 0 < float(share) <= 0.5:
            raise UserError(
                f"contamination is {describe(share)}; it must be above 0 and at most 0.5.",
                code="invalid-contamination",
            )
        rows = self._read_training_rows(X)
        config = resolve_config(self.config, self.format_, len(rows))
        require_encoder(config)
        self._train(rows, config, None, ())
        self.offset_ = float(np.percentile(self._scores(rows), 100 * float(share)))
        return self

    def score_samples(self, X: Any) -> np.ndarray:  # noqa: ANN401
        """Return the score of each row: the lower, the more abnormal.

        It is the ELBO of a VAE in nats, or for an autoencoder minus the mean squared error of the
        reconstruction, in units of standardized features or of pixels in [-1, 1].
        """
        return self._scores(self._read_rows(X))

    def decision_function(self, X: Any) -> np.ndarray:  # noqa: ANN401
        """Return the score of each row minus the threshold: negative for an outlier."""
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> np.ndarray:  # noqa: ANN401
        """Return -1 for each outlier, and 1 for each other row."""
        return np.where(self.decision_function(X) < 0, -1, 1)

    def explain(self, X: Any) -> np.ndarray:  # noqa: ANN401
        """Return a heat map for each row: how much each value deviates from its reconstruction.

        Returns:
            For images, the heat maps (n_samples, height, width), summed over the channels; for a
            table, the deviation of each feature (n_samples, n_features). A VAE's deviations are
            the log likelihood of the value itself minus that of the value under the
            reconstruction, in nats; an autoencoder's are squared errors, whose mean is minus the
            score. All are at least 0.
        """
        rows = self._read_rows(X)
        model = self._precise_model()
        with unchecked_inputs():
            parts = [deviances(model, x) for x in self._batches(rows, model)]
        values = torch.cat(parts).double()
        if self.format_.is_table:
            return values.flatten(1).numpy()
        return values.sum(1).numpy()

    def _to_saved(self) -> SavedEstimator:
        saved = super()._to_saved()
        saved.fitted["offset"] = self.offset_
        return saved

    def _from_saved(self, saved: SavedEstimator) -> None:
        super()._from_saved(saved)
        self.offset_ = float(saved.fitted["offset"])
