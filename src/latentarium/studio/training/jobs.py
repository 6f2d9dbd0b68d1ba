"""Trainings as the page sees them: which there are, and what can be done with them."""

import os
import re
import threading
import time
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from latentarium import presets
from latentarium.errors import UserError
from latentarium.run import Run
from latentarium.run.jsonl import OF_ANOTHER_HAND
from latentarium.studio.processes import Processes, interrupt, is_ours
from latentarium.studio.redact import brief
from latentarium.studio.registry import SHIPPED, Gallery, Missing
from latentarium.studio.training.status import State, about, progress_of, state_of
from latentarium.studio.training.uploads import UPLOAD, Uploads, require_plain
from latentarium.training.train import finish

NAMED = ("mnist", "mnist-dynamic", "stacked-mnist", "ring", "grid")
"""What can be trained on with no file of one's own."""
SNAPSHOTS = 24
RESERVED = ("uploads",)
"""Names in the folder of runs that are taken by others."""
MOST_AT_ONCE = 4
"""Trainings begun from the page: more would all come to a stand."""
STOP_SECONDS = 60.0
"""For a step in progress and its checkpoint."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What is to be trained."""

    preset: str
    data: str
    """One of `NAMED`, or upload: and the name of an upload."""
    name: str
    """Of the folder."""
    steps: int | None
    """None: the preset's."""
    seed: int


class Trainings:
    """The runs on show, those in a folder, and those that are started there.

    Arguments:
        folder: Where runs are found and started; it need not exist.
        gallery: The models on show.
        uploads: Images of the visitor's own.
    """

    def __init__(self, folder: Path, gallery: Gallery, uploads: Uploads) -> None:
        self.folder, self.gallery, self.uploads = folder, gallery, uploads
        self.processes = Processes(folder / ".studio" / "train")
        self._given = [one.run.folder for one in gallery if one.run and not _ships(one.run.folder)]
        self._steady = threading.Lock()

    # ----------------------------------------------------------------------------- which there are

    def folders(self) -> dict[str, Path]:
        """The folders of all runs by a name that holds nothing of the path: those that were on
        show from the beginning, then those in the folder, then those whose process has not made
        one yet, or failed before."""
        found = list(self._given)
        if self.folder.is_dir():
            found += sorted(p for p in self.folder.iterdir() if Run.is_at(p))
        for name in self.processes.names():
            started = self.processes.started(name)
            if started and (self.processes.lives(name) or self.processes.failure(name)):
                found.append(started.folder)
        named: dict[str, Path] = {}
        seen: set[Path] = set()
        for folder in found:
            place = folder.resolve()
            if place in seen or not place.name.isprintable():
                continue
            seen.add(place)
            name, number = place.name, 1
            while name in named:
                number += 1
                name = f"{place.name}~{number}"
            named[name] = folder
        return named

    def folder_of(self, name: str) -> Path:
        """Where a run lies.

        Raises:
            Missing: There is no such run.
        """
        folder = self.folders().get(name)
        if folder is None:
            raise Missing(f"There is no run {name[:80]} here: reload the page.")
        return folder

    def run(self, name: str) -> Run:
        """A run.

        Raises:
            Missing: There is no such run, or it has not begun yet.
        """
        folder = self.folder_of(name)
        if not Run.is_at(folder):
            raise Missing(f"{name} has not begun yet: wait for it.")
        return Run(folder)

    def infos(self) -> list[dict[str, Any]]:
        """All of them, as the page must know them; those that are gone meanwhile are left out."""
        found = []
        for name, folder in self.folders().items():
            try:
                found.append(self.info(name, folder))
            except (UserError, OSError):
                continue
        return found

    def info(self, name: str, folder: Path | None = None) -> dict[str, Any]:
        """One of them, as the page must know it."""
        folder = self.folder_of(name) if folder is None else folder
        key = key_of(folder)
        lives = self.processes.lives(key)
        failure = brief(self.processes.failure(key), self.gallery, self.folder)
        begun = {"id": name, "name": name, "folder": str(folder), "failure": failure}
        if not Run.is_at(folder):
            return begun | self._not_yet(key, lives)
        try:
            return begun | self._read(folder, lives, failure)
        except UserError as error:  # it is listed all the same, and says why
            reason = str(error)
        except OF_ANOTHER_HAND as error:
            reason = f"{folder} holds what latentarium did not write ({error}): move that away."
        why = brief(reason, self.gallery, self.folder)
        return begun | self._not_yet(key, lives) | {"state": "failed", "failure": why}

    def _read(self, folder: Path, lives: bool, failure: str) -> dict[str, Any]:
        """Of a training that has a folder."""
        run = Run(folder)
        state = state_of(run, lives=lives, failure=failure)
        return {
            "failure": "" if state in ("training", "waiting", "done") else failure,
            **about(run),
            "state": state,
            **progress_of(run, state),
            "model": self._shown(folder),
            "has_weights": run.ends_at() is not None,
            "moments": run.snapshots(),
            "samples": list(run.samples()),
        }

    def _not_yet(self, key: str, lives: bool) -> dict[str, Any]:
        """Of a training whose process has not made the folder, or failed before."""
        started = self.processes.started(key)
        words = started.arguments if started else ()
        asked = dict(zip(words[::2], words[1::2], strict=False))  # train PRESET --data SOURCE ...
        preset = asked.get("train", "")
        config = presets.get(preset) if preset in presets.PRESETS else None
        usual = config.train.steps if config else 0
        state: State = "waiting" if lives else "failed"
        return {
            "preset": preset,
            "family": ("gan" if config.model.adversarial else "autoencoder") if config else "",
            "loss": None, "equilibrium": None, "data": asked.get("--data", ""),
            "seed": int(asked.get("--train.seed", 0)), "state": state,
            "step": 0, "steps": int(asked.get("--train.steps", usual)), "seconds": 0.0,
            "seconds_left": None, "model": None, "has_weights": False, "moments": [],
            "samples": [],
        }  # fmt: skip

    def _shown(self, folder: Path) -> int | None:
        """Its number in the gallery."""
        for index, one in enumerate(self.gallery):
            if one.run is not None and one.run.folder.resolve() == folder.resolve():
                return index
        return None

    # ---------------------------------------------------------------------------- what can be done

    def start(self, wish: Wish) -> str:
        """Begins a training, and says what it is called.

        Raises:
            UserError: The name is taken or none, or nothing can be written there.
        """
        require_plain(wish.name)
        folder = self.folder / wish.name
        arguments = [
            *self.command(wish), "--run", str(folder), "--train.snapshots", str(SNAPSHOTS),
        ]  # fmt: skip
        with self._steady:
            taken = folder.exists() or wish.name.lower() in RESERVED
            if taken or self.processes.lives(key_of(folder)):
                raise UserError(
                    f"There is a {wish.name} already: call it {self.proposal(wish.name)}."
                )
            self._require_room()
            self.processes.start(key_of(folder), folder, arguments)
        return next(n for n, f in self.folders().items() if f.resolve() == folder.resolve())

    def _require_room(self) -> None:
        if sum(map(self.processes.lives, self.processes.names())) >= MOST_AT_ONCE:
            raise UserError(
                f"{MOST_AT_ONCE} trainings are going on, as many as are begun from here: pause "
                "one, or wait for it."
            )

    def proposal(self, name: str) -> str:
        """The name with the first number after it that is free."""
        stem = re.sub(r"-\d+$", "", name)
        number = 2
        while (self.folder / f"{stem}-{number}").exists():
            number += 1
        return f"{stem}-{number}"

    def pause(self, name: str) -> None:
        """Tells the process that trains a run to save what it has and end.

        Raises:
            UserError: It is not training, or its process is none that can be told.
        """
        folder = self.folder_of(name)
        key = key_of(folder)
        held = Run.is_at(folder) and Run(folder).is_held()
        if not held and self.processes.lives(key):
            self.processes.end(key)
            return
        if not held:
            raise UserError(f"{name} is not training: there is nothing to pause.")
        pid = Run(folder).holder()
        if pid is None or pid == os.getpid() or not is_ours(pid):
            raise UserError(
                f"{name} is trained by a process that can't be told from here: press Ctrl-C where "
                "it was started."
            )
        interrupt(pid)

    def resume(self, name: str) -> None:
        """Goes on with a training that was paused, stopped, or failed.

        Raises:
            UserError: It is training, or done.
        """
        folder = self.folder_of(name)
        key = key_of(folder)
        with self._steady:
            state = self.info(name)["state"]
            if state not in ("paused", "stopped", "failed"):
                raise UserError(f"{name} is {state}: there is nothing to go on with.")
            started = self.processes.started(key)
            begun = Run.is_at(folder)
            again = ("resume", str(folder)) if begun or not started else started.arguments
            self._require_room()
            self.processes.start(key, folder, again)

    def stop(self, name: str) -> None:
        """Ends a training early, and makes what it has learned the weights for use.

        Raises:
            UserError: It has not learned anything yet, or its process does not end.
        """
        state = self.info(name)["state"]
        if state in ("done", "stopped"):
            raise UserError(f"{name} is {state}: there is nothing to stop.")
        if state in ("training", "waiting"):
            self.pause(name)
        until = time.monotonic() + STOP_SECONDS
        while self.info(name)["state"] in ("training", "waiting"):
            if time.monotonic() > until:
                raise UserError(f"{name} still takes its step: press Stop again in a while.")
            time.sleep(0.05)
        finish(self.run(name).folder)

    def forget(self, name: str) -> None:
        """Takes a training that never made its folder off the list.

        Raises:
            UserError: It has a folder, or is about to.
        """
        folder = self.folder_of(name)
        if folder.exists() or self.processes.lives(key_of(folder)):
            raise UserError(f"{name} is there: remove its folder {folder} to be rid of it.")
        self.processes.forget(key_of(folder))

    def show(self, name: str) -> int:
        """Puts a run with weights on show, and says its number.

        Raises:
            UserError: It has no weights yet, or can't be shown.
        """
        run = self.run(name)
        index = self._shown(run.folder)
        shown_as = None if index is None else self.gallery[index].folder
        return self.gallery.add(run.folder, shown_as)

    def command(self, wish: Wish) -> list[str]:
        """What the command line would be told.

        Raises:
            UserError: There is no such preset, or there are no such images.
        """
        presets.get(wish.preset)
        if wish.data.startswith(UPLOAD):
            data = str(self.uploads.source(wish.data.removeprefix(UPLOAD)))
        elif wish.data in NAMED:
            data = wish.data
        else:
            raise UserError(f"There are no images called {wish.data[:80]}: choose from the list.")
        steps = [] if wish.steps is None else ["--train.steps", str(wish.steps)]
        return ["train", wish.preset, "--data", data, "--train.seed", str(wish.seed), *steps]


def key_of(folder: Path) -> str:
    """What a run's processes are kept under, whichever way its folder is named."""
    place = folder.resolve()
    return f"{place.name[:64]}-{sha256(str(place).encode()).hexdigest()[:12]}"


def _ships(folder: Path) -> bool:
    return folder.resolve().is_relative_to(SHIPPED.resolve())
