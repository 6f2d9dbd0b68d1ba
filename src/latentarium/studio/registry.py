"""The models on show: runs with the images that they were trained on, now and at the moments of
their training that were kept."""

import json
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import torch

from latentarium.data.dataset import Data
from latentarium.data.sources import load_data
from latentarium.errors import UserError
from latentarium.evaluation.subject import kind_of
from latentarium.latent.calibration import SCORE_COLUMNS
from latentarium.latent.gaps import decoder_stretch
from latentarium.latent.latent_map import LatentMap
from latentarium.latent.snapshots import Snapshots
from latentarium.run import Run

SHIPPED = Path(str(files("latentarium.run") / "shipped"))
SHIPPED_NAMES = ("ae", "vae", "gan", "cgan")
PACKAGE = "shipped:"
"""Before the name of a model that ships."""
KEPT_MOMENTS = 24
"""Models of moments in memory at once, of all runs together."""
MOST_MODELS = 255
"""As many as a frame can tell apart."""


class Missing(UserError):
    """What was asked for is not there."""


@dataclass(frozen=True, kw_only=True)
class Exhibit:
    """A model on show."""

    name: str
    """Short, for people."""
    folder: str
    """Where the run lies; shipped:NAME for a model of the package."""
    kind: str
    """autoencoder, VAE, GAN, conditional GAN."""
    latent_map: LatentMap
    run: Run | None = None
    """None where the model was not read from a folder."""
    moved: str | None = None
    """Where its images are now; None: where the run found them."""
    past: Snapshots | None = None
    """Its moments, where they are known from an earlier look at the run."""
    step: int | None = None
    """Of the snapshot that is shown of a run that has no weights for use yet; None: those."""

    @cached_property
    def history(self) -> Snapshots | None:
        """The moments of its training that were kept."""
        return self.past or (Snapshots(self.run, self.latent_map.data) if self.run else None)

    def moments(self) -> list[int]:
        """The steps of training whose weights were kept, from the first on."""
        return self.history.steps if self.history else []

    def model_code(self) -> str:
        """Python that loads it."""
        folder = json.dumps(self.folder)
        return f"la.load({folder})" if self.step is None else f"la.Run({folder}).load({self.step})"

    def data_code(self) -> str:
        """Python that loads the images that it was trained on."""
        if self.run is None:
            return f"la.load_data({json.dumps(self.latent_map.data.card.source)})"
        settings = self.run.config.train
        size = f", size={settings.image_size}" if settings.image_size else ""
        return f"la.load_data({json.dumps(self.moved or settings.data)}{size})"

    def path(self) -> tuple[str, ...]:
        """Its name, and before it the folders that it lies in."""
        if self.folder.startswith(PACKAGE):
            return PACKAGE, self.name
        return *Path(self.folder).resolve().parts[:-1], self.name

    def describe(self, index: int) -> dict[str, Any]:
        """What the page must know of it."""
        model, data = self.latent_map.model, self.latent_map.data
        return {
            "id": index,
            "name": self.name,
            "folder": self.folder,
            "kind": self.kind,
            "latent_dim": model.latent_dim,
            "image_shape": list(model.image_shape),
            "classes": list(model.classes or data.card.classes),
            "asks_class": model.decodes_label,
            "takes_class": model.takes_label,
            "has_map": self.latent_map.can_encode,
            "images": self.latent_map.encoded.num_images,
            "train_images": len(self.latent_map.encoded.train),
            "data": data.card.source,
            "data_code": self.data_code(),
            "moved": self.moved,
            "model_code": self.model_code(),
            "step": self.step,
            "moments": self.moments(),
            "trust": list(SCORE_COLUMNS),
            "gaps": list(self.latent_map.gap_layers.measures),
        }


class Gallery:
    """The models on show, by number; more may join while the page is open.

    Arguments:
        exhibits: Those that are there at first.
        data: Where images are now; None: where each run found them.
    """

    def __init__(self, exhibits: Sequence[Exhibit] = (), data: str | None = None) -> None:
        self._exhibits = list(exhibits)
        self.data = data
        self._loaded: WeakValueDictionary[tuple[str, int], Data] = WeakValueDictionary()
        """As long as a model on show was trained on them."""
        self._moments: OrderedDict[tuple[Snapshots, int], LatentMap] = OrderedDict()
        self._lock, self._loading = threading.RLock(), threading.Lock()

    def __len__(self) -> int:
        return len(self._exhibits)

    def __iter__(self) -> Iterator[Exhibit]:
        return iter(list(self._exhibits))

    def __getitem__(self, index: int) -> Exhibit:
        if not 0 <= index < len(self._exhibits):
            raise Missing(f"There is no model {index} here: reload the page.")
        return self._exhibits[index]

    def describe(self) -> list[dict[str, Any]]:
        """What the page must know of all, each called by the shortest end of its path that tells
        it from the others."""
        shown = list(self)
        names = shortest_ends([one.path() for one in shown])
        return [
            {**one.describe(i), "name": name}
            for i, (one, name) in enumerate(zip(shown, names, strict=True))
        ]

    def add(self, folder: Path, shown_as: str | None = None) -> int:
        """Puts a run on show, and says its number; one that is there already is read anew. While
        it has no weights for use, its newest snapshot is shown.

        Arguments:
            folder: Of a run with weights, or with a snapshot.
            shown_as: What the page calls the folder; None: its path.

        Raises:
            UserError: A run with neither, or images that are not those it was trained on.
        """
        run = Run(folder)
        kept = run.snapshots() if run.weights_step() is None else []
        step = kept[-1] if kept else None
        model = run.load(step)
        if min(model.image_shape[1:]) < 2:
            raise UserError(f"{folder} makes points in the plane: give a run that makes images.")
        exhibit = Exhibit(
            name=folder.resolve().name,
            folder=shown_as or str(folder),
            kind=kind_of(model),
            latent_map=LatentMap(model, self.images_of(run)),
            run=run,
            moved=self.data,
            step=step,
        )
        with self._lock:
            for index, one in enumerate(self._exhibits):
                if one.folder == exhibit.folder:
                    if one.history and one.history.update():
                        exhibit = replace(exhibit, past=one.history)
                    self._exhibits[index] = exhibit
                    return index
            if len(self._exhibits) >= MOST_MODELS:
                raise UserError("No more models can be shown at once: open the studio anew.")
            self._exhibits.append(exhibit)
            return len(self._exhibits) - 1

    def images_of(self, run: Run) -> Data:
        """The images that a run was trained on, loaded once for all runs.

        Raises:
            UserError: They are not there, or others are.
        """
        settings = run.config.train
        where = (self.data or settings.data, settings.image_size)
        with self._loading:
            images = self._loaded.get(where)
            if images is None or images.card.fingerprint != run.data.fingerprint:
                images = load_data(where[0], size=where[1])  # others may lie there now
                self._loaded[where] = images
        if images.card.fingerprint != run.data.fingerprint:
            raise UserError(
                f"{run.folder} was trained on other images than {where[0]} holds now: give them "
                "with --data."
            )
        return images

    def is_ready(self, index: int, moment: int = 0) -> bool:
        """Whether a decode of it, or the answer that it is not there, waits for nothing that is
        computed once."""
        if index >= len(self):
            return True
        exhibit = self[index]
        if moment == 0:
            return exhibit.latent_map.is_prepared
        history = exhibit.history
        if history is None:
            return True
        with self._lock:
            found = self._moments.get((history, moment))
        return found is not None and found.is_prepared

    def latent_map(self, index: int, moment: int = 0) -> LatentMap:
        """The map of a model: as it is, or as it was.

        Arguments:
            index: Of the model.
            moment: 0: as it is; else the number of the moment, from 1.

        Raises:
            Missing: There is no such model or moment.
        """
        exhibit = self[index]
        if moment == 0:
            return exhibit.latent_map
        history = exhibit.history
        if history is None or not 1 <= moment <= len(history):
            kept = len(exhibit.moments())
            raise Missing(f"{exhibit.name} has no moment {moment}: choose one of its {kept}.")
        key = (history, moment)
        with self._lock:
            if key in self._moments:
                self._moments.move_to_end(key)
                return self._moments[key]
        found = history.latent_map(moment)
        with self._lock:
            kept = self._moments.setdefault(key, found)
            while len(self._moments) > KEPT_MOMENTS:
                self._moments.popitem(last=False)
        return kept


def shortest_ends(paths: Sequence[tuple[str, ...]]) -> list[str]:
    """Of each path the shortest end that no other has; its last part where all ends are shared."""

    def end(path: tuple[str, ...]) -> str:
        for k in range(1, len(path) + 1):
            if sum(other[-k:] == path[-k:] for other in paths) == 1:
                return "/".join(path[-k:]).replace(f"{PACKAGE}/", PACKAGE)
        return path[-1]

    return [end(path) for path in paths]


def gallery_of(folders: Sequence[Path], data: str | None = None) -> Gallery:
    """Loads runs with the images that they were trained on.

    Arguments:
        folders: Runs whose training has ended; none: the small models that ship.
        data: Where the images are now; None: where each run found them.

    Raises:
        UserError: A run without weights, or images that are not those it was trained on.
    """
    gallery = Gallery(data=data)
    for folder in folders:
        gallery.add(folder)
    if not folders:
        for name in SHIPPED_NAMES:
            gallery.add(SHIPPED / name, f"{PACKAGE}{name}")
    return gallery


def shipped() -> list[Path]:
    """The small models that come with the package."""
    return [SHIPPED / name for name in SHIPPED_NAMES]


def prepare(gallery: Gallery) -> threading.Thread:
    """Encodes the images of all models, one model after the other, beside the server."""

    def work() -> None:
        for one in gallery:
            one.latent_map.prepare()
        for model in [one.latent_map.model for one in gallery if one.latent_map.can_encode][:1]:
            # torch builds what derivatives need when it is first asked, which holds up all threads
            decoder_stretch(model.decode, torch.zeros(1, model.latent_dim))

    thread = threading.Thread(target=work, name="prepare", daemon=True)
    thread.start()
    return thread
