"""A model that the page shows, and its description for the page."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from latentarium.data.sources import loading_code
from latentarium.latent.calibration import SCORE_COLUMNS
from latentarium.latent.latent_map import LatentMap
from latentarium.latent.snapshots import Snapshots
from latentarium.run import Run
from latentarium.run.priors import prior_kinds, split_prior
from latentarium.run.shipped_models import SHIPPED_PREFIX


@dataclass(frozen=True, kw_only=True)
class LoadedModel:
    """A model that the page shows, with its images."""

    name: str
    """Short name."""
    folder: str
    """The run's folder, or shipped:NAME."""
    kind: str
    """The displayed kind: autoencoder, VAE, conditional VAE, GAN or conditional GAN."""
    latent_map: LatentMap
    run: Run | None = None
    """None if the model was not loaded from a folder."""
    data_path: str | None = None
    """The new source of its images, if they have moved; None: the source of the training."""
    known_history: Snapshots | None = None
    """The snapshots that an earlier entry for the same run has already loaded; None: none."""
    prior: str | None = None
    """The kind of the fitted prior that was asked for; None: the default."""
    step: int | None = None
    """The step of the shown snapshot, for a run without final weights; None: the final weights."""

    @property
    def is_shipped(self) -> bool:
        """Whether the model comes with the package."""
        return self.folder.startswith(SHIPPED_PREFIX)

    @property
    def can_fit_prior(self) -> bool:
        """Whether a prior can be fitted to its latents and kept in the folder of its run."""
        has_ended = self.run is not None and self.step is None
        return has_ended and not self.is_shipped and self.latent_map.model.has_encoder

    @cached_property
    def history(self) -> Snapshots | None:
        """The snapshots of its training; None without a run."""
        return self.known_history or (
            Snapshots(self.run, self.latent_map.data) if self.run else None
        )

    def snapshot_steps(self) -> list[int]:
        """Return the steps of its snapshots, in ascending order."""
        return self.history.steps if self.history else []

    def model_code(self) -> str:
        """Return Python code that loads the model."""
        folder = json.dumps(split_prior(self.folder)[0])
        if self.prior is not None:
            return f'la.load({folder}, prior="{self.prior}")'
        return f"la.load({folder})" if self.step is None else f"la.Run({folder}).load({self.step})"

    def data_code(self) -> str:
        """Return Python code that loads the images it was trained on."""
        if self.run is None:
            return f"la.load_data({json.dumps(self.latent_map.data.card.source)})"
        return loading_code(self.run.config.train, self.data_path)

    def path(self) -> tuple[str, ...]:
        """Return the parts of its path, the name last."""
        if self.is_shipped:
            return SHIPPED_PREFIX, self.name
        return *Path(self.folder).resolve().parts[:-1], self.name

    def describe(self, index: int) -> dict[str, Any]:
        """Return the properties of the model that the page needs, as JSON values."""
        model, data = self.latent_map.model, self.latent_map.data
        layout = self.latent_map.layout
        return {
            "id": index,
            "name": self.name,
            "folder": self.folder,
            "run": split_prior(self.folder)[0],
            "kind": self.kind,
            "latent_dim": model.latent_dim,
            "image_shape": list(model.image_shape),
            "classes": list(model.classes or data.card.classes),
            "decodes_label": model.decodes_label,
            "takes_label": model.takes_label,
            "fitted_prior": model.fitted_prior,
            "can_fit_prior": self.can_fit_prior,
            "fitted_priors": prior_kinds(self.run.folder) if self.run else [],
            "has_map": self.latent_map.can_encode,
            "images": self.latent_map.encoded.num_images,
            "train_images": len(self.latent_map.encoded.train),
            "test_images": len(data.test),
            "background": None if layout.background is None else list(layout.background),
            "centred_by": layout.centre,
            "contrast": layout.contrast,
            "data": data.card.source,
            "data_code": self.data_code(),
            "moved": self.data_path,
            "model_code": self.model_code(),
            "step": self.step,
            "snapshots": self.snapshot_steps(),
            "score_columns": list(SCORE_COLUMNS),
            "gaps": list(self.latent_map.gap_layers.measures),
        }
