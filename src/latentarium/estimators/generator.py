"""The estimator that generates new rows."""

from typing import Any

import numpy as np
import torch
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from latentarium.arguments import as_count
from latentarium.config import Config
from latentarium.data.dataset import Data, Split
from latentarium.errors import UserError, did_you_mean
from latentarium.estimators.base import LatentEstimator
from latentarium.estimators.defaults import resolve_config
from latentarium.estimators.storage import SavedEstimator
from latentarium.latent.prior_fit import fit_to_latents
from latentarium.rng import Noise
from latentarium.run.priors import PRIOR_KINDS, PriorKind

AUTO, TRAINED = "auto", "trained"
MIN_PER_CLASS = 10
"""Each class gets its own prior if every class has at least this number of samples."""
HELD_OUT_SHARE = 0.1
MIN_HELD_OUT = 5
"""Fewest samples that are held out to choose the number of components of a prior."""


class ImageGenerator(LatentEstimator):
    """Generate images, or rows of a table, like the training data; of a class if y is given.

    Arguments:
        config: "auto" for a GAN on images, which is conditional if y is given, and on tables for
            a VAE with a mixture of Gaussians as its prior; "gan", "vae" or "ae"; the name of a
            preset; or a `Config`.
        prior: The distribution of the latents that are decoded: "trained"; the kind of a prior
            that is fitted to the latents after the training, as for `latentarium.fit_prior`; or
            "auto" for a fitted mixture for a VAE or an autoencoder, with separate components
            for each class if there are enough samples, and the trained one for a GAN.
        latent_dim, steps, batch_size, learning_rate, image_shape, device, random_state: As for
            `LatentEncoder`.

    Attributes:
        classes_: The sorted classes of y; missing if no labels are used.
        class_prior_: The share of each class in y.
        model_, config_, n_features_in_, feature_names_in_: As for `LatentEncoder`.
    """

    classes_: np.ndarray
    class_prior_: np.ndarray

    def __init__(
        self,
        config: str | Config = AUTO,
        *,
        prior: str = AUTO,
        latent_dim: int | None = None,
        steps: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        image_shape: tuple[int, ...] | None = None,
        device: str = "cpu",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.config = config
        self.prior = prior
        self.latent_dim = latent_dim
        self.steps = steps
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.image_shape = image_shape
        self.device = device
        self.random_state = random_state

    def fit(self, X: Any, y: object = None) -> "ImageGenerator":  # noqa: ANN401
        """Train the model.

        Arguments:
            X: A table (n_samples, n_features), or images.
            y: The class of each sample, of any type; None if there are no classes.

        Raises:
            UserError: y has no classes (code "wrong-type"), the configuration does not fit the
                data, or X has a wrong format.
        """
        for name in ("classes_", "class_prior_", "_trained_prior"):
            vars(self).pop(name, None)
        rows = self._read_training_rows(X)
        labels = None if y is None else self._read_classes(y, rows)
        config = resolve_config(
            ("vae" if self.format_.is_table else "gan") if self.config == AUTO else self.config,
            self.format_,
            len(rows),
            labelled=labels is not None,
            generates=True,
        )
        kind = self._prior_kind(config, labels)
        takes_label = config.model.takes_label or (kind or "").startswith("class-")
        if labels is not None and not takes_label:
            labels = None
            del self.classes_, self.class_prior_
        names = () if labels is None else tuple(map(str, range(len(self.classes_))))
        data = self._train(rows, config, labels, names)
        if kind is not None:
            fit = fit_to_latents(
                self.model_, _with_held_out(data), kind, seed=self.config_.train.seed
            )
            self._trained_prior = self.model_.prior
            self.model_.use_prior(fit.prior, kind)
            self.model_.eval()
        self.noise_std_ = self._residual_std(data)
        return self

    def sample(
        self,
        n: int = 1,
        y: object = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> np.ndarray:
        """Generate samples.

        Arguments:
            n: Number of samples.
            y: One of `classes_`, or one for each sample; None draws classes with their shares in
                the training data. Only for a model that was fitted with classes.
            random_state: Seed; None for that of the estimator, which gives the same samples in
                each call if it is an integer.

        Returns:
            Samples in the units, the type and the shape of the training data.

        Raises:
            UserError: n is not a positive integer (code "invalid-count"), a class is unknown
                (code "unknown-class"), or the model takes none (code "label-not-taken").
        """
        check_is_fitted(self, "model_")
        count = as_count("n", n)
        generator = check_random_state(self.random_state if random_state is None else random_state)
        seed = int(generator.randint(2**31 - 1))
        labels = self._read_requested(y, count, generator)
        numbers = None if labels is None else torch.from_numpy(labels)
        z, numbers = self.model_.latents(count, numbers, seed)
        images = self._decode(z, numbers)
        if self.format_.is_table:
            noise = torch.from_numpy(generator.standard_normal((count, self.n_features_in_)))
            noise = noise * torch.from_numpy(self.noise_std_)
            images = images.double() + noise[:, :, None, None]
        return self.format_.from_model(images)

    def _read_classes(self, y: object, rows: np.ndarray) -> np.ndarray:
        """Set the classes, and return the class number of each row."""
        values = column_or_1d(y, warn=True)
        check_consistent_length(rows, values)
        if type_of_target(values) not in ("binary", "multiclass"):
            raise UserError(
                f"y has values of type {values.dtype} that are not classes (Unknown label type): "
                "give a class for each sample, or no y.",
                code="wrong-type",
            )
        self.classes_, labels, counts = np.unique(values, return_inverse=True, return_counts=True)
        self.class_prior_ = counts / counts.sum()
        return labels

    def _prior_kind(self, config: Config, labels: np.ndarray | None) -> PriorKind | None:
        """Return the kind of the prior to fit; None for the trained one."""
        if self.prior == TRAINED:
            return None
        if self.prior != AUTO:
            for kind in PRIOR_KINDS:
                if kind == self.prior:
                    return kind
            known = (AUTO, TRAINED, *PRIOR_KINDS)
            raise UserError(
                f"There is no prior {self.prior!r}.{did_you_mean(str(self.prior), known)}",
                code="unknown-prior",
            )
        if not config.model.has_encoder:
            return None
        enough = labels is not None and np.bincount(labels).min() >= MIN_PER_CLASS
        return "class-mixture" if enough else "mixture"

    def _residual_std(self, data: Data) -> np.ndarray:
        """Return the standard deviation of what the model's images of a table leave out.

        A GAN's samples are complete; the images of a model with an encoder are means.
        """
        if not (self.format_.is_table and self.model_.has_encoder):
            return np.zeros(self.n_features_in_)
        images, model = data.train.images, self.model_
        y = data.train.labels if model.decodes_label else None
        with torch.no_grad():
            z = model.encode(images, y).sample(Noise("residuals", self.config_.train.seed))
            residual = model.decode(z, y) - images
        return residual.square().mean(0).flatten().sqrt().double().numpy()

    def _read_requested(
        self, y: object, count: int, generator: np.random.RandomState
    ) -> np.ndarray | None:
        """Return the class number of each sample to generate; None without classes."""
        classes: np.ndarray | None = getattr(self, "classes_", None)
        if classes is None:
            if y is not None:
                raise UserError(
                    "y is given, but the estimator was fitted without classes: fit it with y, or "
                    "leave y out.",
                    code="label-not-taken",
                )
            return None
        if y is None:
            return generator.choice(len(classes), count, p=self.class_prior_)
        values = np.asarray(y)
        values = np.repeat(values, count) if values.ndim == 0 else values
        if values.shape != (count,):
            raise UserError(
                f"y has shape {values.shape}; give one class, or {count}, one for each sample.",
                code="label-shape",
            )
        known = {value: number for number, value in enumerate(classes.tolist())}
        unknown = [value for value in values.tolist() if value not in known]
        if unknown:
            raise UserError(
                f"y has the class {unknown[0]!r}; the classes are "
                f"{', '.join(map(repr, classes.tolist()[:20]))}.",
                code="unknown-class",
            )
        return np.array([known[value] for value in values.tolist()])

    def _to_saved(self) -> SavedEstimator:
        saved = super()._to_saved()
        saved.trained_prior = getattr(self, "_trained_prior", None)
        saved.fitted["noise_std"] = self.noise_std_.tolist()
        if hasattr(self, "classes_"):
            saved.fitted["classes"] = self.classes_.tolist()
            saved.fitted["class_type"] = str(self.classes_.dtype)
            saved.fitted["class_prior"] = self.class_prior_.tolist()
        return saved

    def _from_saved(self, saved: SavedEstimator) -> None:
        super()._from_saved(saved)
        if saved.trained_prior is not None:
            self._trained_prior = saved.trained_prior
        self.noise_std_ = np.array(saved.fitted["noise_std"])
        if "classes" in saved.fitted:
            self.classes_ = np.array(saved.fitted["classes"], dtype=saved.fitted["class_type"])
            self.class_prior_ = np.array(saved.fitted["class_prior"])


def _with_held_out(data: Data) -> Data:
    """Return data whose validation split is a part of the training data.

    With few samples, the validation split is the training split itself.
    """
    split, count = data.train, round(HELD_OUT_SHARE * len(data.train))
    if count < MIN_HELD_OUT:
        return Data(data.card, split, split, data.test)
    order = torch.randperm(len(split), generator=torch.Generator().manual_seed(0))
    parts = [_subset(split, order[count:]), _subset(split, order[:count])]
    return Data(data.card, parts[0], parts[1], data.test)


def _subset(split: Split, index: torch.Tensor) -> Split:
    labels = None if split.labels is None else split.labels[index]
    return Split(split.images[index], labels)
