"""The estimator that turns rows into latents."""

import math
from typing import Any

import numpy as np
import torch
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags, check_array
from sklearn.utils.validation import check_is_fitted

from latentarium.config import Config
from latentarium.errors import UserError
from latentarium.estimators.base import LatentEstimator
from latentarium.estimators.defaults import resolve_config
from latentarium.estimators.scores import require_encoder
from latentarium.unchecked import unchecked_inputs


class LatentEncoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, LatentEstimator):
    """Encode the rows of a table, or images, as latents of an autoencoder or a VAE.

    Rows of a table are standardized, and their likelihood is Gaussian. Images are grey or colour
    pixels, integers from 0 to 255 or floats from 0 to 1, as rows with `image_shape` or as arrays
    (n_samples, ...).

    Arguments:
        config: "vae" or "ae" for settings that fit the data; the name of a preset; or a `Config`.
        latent_dim: Number of dimensions of the latents; None for that of the configuration. By
            default, it is half the number of features of a table, and 16 at most.
        steps: Number of training steps; None for that of the configuration. By default, it is
            the number of samples, within limits.
        batch_size: Rows in a step; None for that of the configuration.
        learning_rate: The highest learning rate; None for that of the configuration.
        image_shape: Shape of the images in X: (height, width), (channels, height, width) or
            (height, width, channels); None for a table.
        device: The torch device of the training; "auto" is a GPU if there is one.
        random_state: Seed of the training, as for scikit-learn.

    Attributes:
        model_: The trained model, with the methods of `latentarium.load`.
        config_: The configuration that it was trained with.
        n_features_in_: Number of values of a row.
        feature_names_in_: Names of the columns of X, if it has names.
    """

    def __init__(
        self,
        config: str | Config = "vae",
        *,
        latent_dim: int | None = None,
        steps: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        image_shape: tuple[int, ...] | None = None,
        device: str = "cpu",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.config = config
        self.latent_dim = latent_dim
        self.steps = steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.image_shape = image_shape
        self.device = device
        self.random_state = random_state

    def fit(self, X: Any, y: object = None) -> "LatentEncoder":  # noqa: ANN401
        """Train the model.

        Arguments:
            X: A table (n_samples, n_features), or images.
            y: Ignored.

        Raises:
            UserError: The configuration does not fit the data, or X has a wrong format.
        """
        rows = self._read_training_rows(X)
        config = resolve_config(self.config, self.format_, len(rows))
        require_encoder(config)
        self._train(rows, config, None, ())
        return self

    def transform(self, X: Any) -> np.ndarray:  # noqa: ANN401
        """Return the latents of rows, (n_samples, latent_dim): the means of their posteriors."""
        rows = self._read_rows(X)
        model = self._precise_model()
        with torch.no_grad(), unchecked_inputs():
            parts = [model.encode(x).mean for x in self._batches(rows, model)]
        dtype = np.float32 if rows.dtype == np.float32 else np.float64
        return torch.cat(parts).numpy().astype(dtype)

    def inverse_transform(self, X: Any) -> np.ndarray:  # noqa: ANN401
        """Decode latents (n_samples, latent_dim).

        Returns:
            Rows in the units, the type and the shape of the training data.
        """
        check_is_fitted(self, "model_")
        latents = check_array(X, dtype=[np.float64, np.float32])
        if latents.shape[1] != self.model_.latent_dim:
            raise UserError(
                f"X has {latents.shape[1]} features, but the latents of this estimator have "
                f"{self.model_.latent_dim}: give what `transform` returns.",
                code="shape-mismatch",
            )
        return self.format_.from_model(self._decode(torch.from_numpy(np.array(latents))))

    def score_samples(self, X: Any) -> np.ndarray:  # noqa: ANN401
        """Return the score of each row: the higher, the better the model explains it.

        For a VAE, it is the ELBO, a lower bound of the log density of the row, in nats. For an
        autoencoder, it is minus the mean squared error of the reconstruction, in units of
        standardized features or of pixels in [-1, 1].
        """
        return self._scores(self._read_rows(X))

    def score(self, X: Any, y: object = None) -> float:  # noqa: ANN401
        """Return the mean of `score_samples`."""
        return math.fsum(self.score_samples(X)) / len(X)

    @property
    def _n_features_out(self) -> int:
        return self.model_.latent_dim

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        assert tags.transformer_tags is not None
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
