"""The models that the page shows: runs with their images and training snapshots."""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from latentarium.data.dataset import Data
from latentarium.data.sources import load_training_data
from latentarium.errors import UserError
from latentarium.latent.latent_map import LatentMap
from latentarium.latent.snapshots import Snapshots
from latentarium.run import Run
from latentarium.run.priors import split_prior
from latentarium.run.shipped_models import SHIPPED, SHIPPED_NAMES, SHIPPED_PREFIX
from latentarium.studio.errors import NotFoundError
from latentarium.studio.loaded_model import LoadedModel
from latentarium.studio.preparation import Preparation
from latentarium.texts import Text

MAX_CACHED_SNAPSHOTS = 24
"""Snapshots in memory at the same time, over all runs."""
MAX_MODELS = 255
"""The decode socket has one byte for the model's number."""


class ModelRegistry:
    """The models that the page shows, by number; models may be added while the server runs.

    Arguments:
        models: The models at the start.
        data: The new source of the images, if they have moved; None: the source of each run.
        max_cached_snapshots: Snapshots in memory at the same time.
    """

    def __init__(
        self,
        models: Sequence[LoadedModel] = (),
        data: str | None = None,
        *,
        max_cached_snapshots: int = MAX_CACHED_SNAPSHOTS,
    ) -> None:
        self._models = list(models)
        self.data = data
        self.preparation = Preparation()
        for loaded in self._models:
            self.preparation.add(loaded.latent_map)
        self._max_cached_snapshots = max_cached_snapshots
        self._data_sets: WeakValueDictionary[tuple[str | int, ...], Data] = WeakValueDictionary()
        """Data sets by source and size, as long as a model needs them."""
        self._snapshots: OrderedDict[tuple[Snapshots, int], LatentMap] = OrderedDict()
        self._lock, self._load_lock = threading.RLock(), threading.Lock()

    def __len__(self) -> int:
        return len(self._models)

    def __iter__(self) -> Iterator[LoadedModel]:
        return iter(list(self._models))

    def __getitem__(self, index: int) -> LoadedModel:
        if not 0 <= index < len(self._models):
            raise NotFoundError(
                Text("There is no model {index}: reload the page.", index=index),
                code="unknown-model",
            )
        return self._models[index]

    def run_folders(self) -> list[Path]:
        """Return the folders of all models that were loaded from a folder."""
        return [loaded.run.folder for loaded in self if loaded.run]

    def index_of(self, folder: Path) -> int | None:
        """Return the number of the model in a folder; None if it is not shown."""
        folder = folder.resolve()
        for index, loaded in enumerate(self):
            shown = loaded.run
            if shown is not None and loaded.prior is None and shown.folder.resolve() == folder:
                return index
        return None

    def look_for_classifiers(self) -> None:
        """Use the classifier that an evaluation has trained, for all models of its images."""
        for loaded in self:
            loaded.latent_map.look_for_classifier()

    def describe(self) -> list[dict[str, Any]]:
        """Describe all models, each named by the shortest unique suffix of its path."""
        models = list(self)
        names = shortest_suffixes([loaded.path() for loaded in models])
        return [
            {**loaded.describe(i), "name": name, "learning": self._learning(loaded)}
            for i, (loaded, name) in enumerate(zip(models, names, strict=True))
        ]

    def _learning(self, loaded: LoadedModel) -> dict[str, Any] | None:
        learning = self.preparation.learning(loaded.latent_map)
        return None if learning is None else asdict(learning)

    def add(self, folder: Path, shown_as: str | None = None) -> int:
        """Load a run and return its number; a run that is already shown is reloaded.

        While a run has no final weights, its newest snapshot is shown.

        Arguments:
            folder: A run with weights or a snapshot; RUN@KIND is a run with a fitted prior.
            shown_as: The name of the folder on the page; None: its path.

        Raises:
            UserError: The run has neither weights nor a snapshot, its data is not an image set
                (code "not-images"), the images differ from those of the training (code
                "other-data"), or too many models are shown (code "too-many-models").
        """
        path, prior = split_prior(folder)
        run = Run(path)
        steps = run.snapshots() if run.weights_step() is None else []
        step = steps[-1] if steps else None
        model = run.load(step, prior=prior)
        if min(model.image_shape[1:]) < 2:
            raise UserError(
                Text(
                    "{folder} generates points on a plane; give a run that was trained on images.",
                    folder=folder,
                ),
                code="not-images",
            )
        added = LoadedModel(
            name=folder.resolve().name,
            folder=shown_as or str(folder),
            kind=model.kind,
            latent_map=LatentMap(model, self.load_images(run)),
            run=run,
            data_path=self.data,
            prior=prior,
            step=step,
        )
        self.preparation.add(added.latent_map)
        with self._lock:
            for index, loaded in enumerate(self._models):
                if loaded.folder == added.folder:
                    if loaded.history and loaded.history.update():
                        added = replace(added, known_history=loaded.history)
                    self._models[index] = added
                    return index
            if len(self._models) >= MAX_MODELS:
                raise UserError(
                    Text(
                        "{limit} models are shown, which is the maximum: restart the studio.",
                        limit=MAX_MODELS,
                    ),
                    code="too-many-models",
                )
            self._models.append(added)
            return len(self._models) - 1

    def load_images(self, run: Run) -> Data:
        """Return the images that a run was trained on; each data set is loaded once.

        Raises:
            UserError: They can't be loaded, or differ from those of the training (code
                "other-data").
        """
        settings = run.config.train
        path = settings.data if self.data is None else self.data
        source = (path, settings.labels, settings.label_column, settings.keys, settings.image_size)
        with self._load_lock:
            images = self._data_sets.get(source)
            if images is None or images.card.fingerprint != run.data.fingerprint:
                images = load_training_data(settings, self.data)  # the files may have changed
                self._data_sets[source] = images
        if images.card.fingerprint != run.data.fingerprint:
            raise UserError(
                Text(
                    "{folder} was trained on other images than {source} contains now: give the "
                    "original images with --data.",
                    folder=run.folder,
                    source=source[0],
                ),
                code="other-data",
            )
        return images

    def is_ready(self, index: int, snapshot: int = 0) -> bool:
        """Return whether a decode request can be answered without a long computation first.

        This is also true of a model or snapshot that doesn't exist: the reply is an error.
        """
        if index >= len(self):
            return True
        loaded = self[index]
        if snapshot == 0:
            return loaded.latent_map.is_prepared
        history = loaded.history
        if history is None:
            return True
        with self._lock:
            latent_map = self._snapshots.get((history, snapshot))
        return latent_map is not None and latent_map.is_prepared

    def latent_map(self, index: int, snapshot: int = 0) -> LatentMap:
        """Return the latent map of a model or of one of its snapshots.

        Arguments:
            index: The model's number.
            snapshot: The snapshot's number, from 1; 0 for the model itself.

        Raises:
            NotFoundError: There is no such model (code "unknown-model") or snapshot (code
                "no-snapshot").
        """
        loaded = self[index]
        if snapshot == 0:
            return loaded.latent_map
        history = loaded.history
        if history is None or not 1 <= snapshot <= len(history):
            raise NotFoundError(
                Text(
                    "{name} has no snapshot {snapshot}: it has {count} snapshots, "
                    "numbered from 1.",
                    name=loaded.name,
                    snapshot=snapshot,
                    count=len(loaded.snapshot_steps()),
                ),
                code="no-snapshot",
            )
        key = (history, snapshot)
        with self._lock:
            if key in self._snapshots:
                self._snapshots.move_to_end(key)
                return self._snapshots[key]
        latent_map = history.latent_map(snapshot)
        with self._lock:
            cached = self._snapshots.setdefault(key, latent_map)
            while len(self._snapshots) > self._max_cached_snapshots:
                self._snapshots.popitem(last=False)
        return cached

    def encoded_map(self, index: int, snapshot: int = 0) -> LatentMap:
        """Return the latent map of a model with an encoder, as `latent_map` does.

        Raises:
            NotFoundError: The model has no encoder (code "no-encoder"), or see `latent_map`.
        """
        latent_map = self.latent_map(index, snapshot)
        if not latent_map.can_encode:
            raise NotFoundError(
                "This model has no encoder, so there is no map of images: choose a model with an "
                "encoder.",
                code="no-encoder",
            )
        return latent_map


def shortest_suffixes(paths: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the shortest unique suffix of each path; the last part if no suffix is unique."""

    def suffix(path: tuple[str, ...]) -> str:
        for k in range(1, len(path) + 1):
            if sum(other[-k:] == path[-k:] for other in paths) == 1:
                return "/".join(path[-k:]).replace(f"{SHIPPED_PREFIX}/", SHIPPED_PREFIX)
        return path[-1]

    return [suffix(path) for path in paths]


def load_registry(folders: Sequence[Path], data: str | None = None) -> ModelRegistry:
    """Load runs with the images that they were trained on.

    Arguments:
        folders: Folders of runs; if there are none, the small models that ship with the package
            are loaded.
        data: The new source of the images, if they have moved; None: the source of each run.

    Raises:
        UserError: See `ModelRegistry.add`.
    """
    registry = ModelRegistry(data=data)
    for folder in folders:
        registry.add(folder)
    if not folders:
        for folder in shipped():
            registry.add(folder, f"{SHIPPED_PREFIX}{folder.name}")
    return registry


def shipped() -> list[Path]:
    """Return the folders of the small models that ship with the package."""
    return [SHIPPED / name for name in SHIPPED_NAMES]
