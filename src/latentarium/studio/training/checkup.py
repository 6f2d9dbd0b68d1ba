"""What of a run is measured when the page asks: its cost before it starts, its duality gap, and
its health at the end. All of it in processes of their own, behind whatever else is at work."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from latentarium.errors import UserError
from latentarium.studio.processes import Processes, answer_of
from latentarium.studio.training.jobs import Trainings, Wish, key_of

MOST_SECONDS = 600.0
"""For a rehearsal or an examination."""


class Measurements:
    """What is measured of trainings.

    Arguments:
        trainings: Which.
    """

    def __init__(self, trainings: Trainings) -> None:
        self.trainings = trainings
        self.gaps = Processes(trainings.folder / ".studio" / "gap")
        self._busy, self._steady = threading.Lock(), threading.Lock()

    def estimate(self, wish: Wish) -> dict[str, Any]:
        """What a training would cost on this machine, from a few steps of it.

        Raises:
            UserError: It can't work, or something else is being measured.
        """
        arguments = [*self.trainings.command(wish), "--dry-run", "--json"]
        with self._alone():
            return json.loads(answer_of(*arguments, seconds=MOST_SECONDS).splitlines()[-1])

    def examine(self, name: str) -> dict[str, Any]:
        """What the doctor finds in a run's log and in its model.

        Raises:
            UserError: It has no weights yet, or something else is being measured.
        """
        folder = self.trainings.run(name).folder
        with self._alone(), TemporaryDirectory() as place:
            path = Path(place) / "doctor.json"
            answer_of("doctor", str(folder), "--json", str(path), seconds=MOST_SECONDS)
            return json.loads(path.read_text())

    def gap(self, name: str) -> dict[str, Any]:
        """What is known of a run's duality gap, and whether more is being measured."""
        run = self.trainings.run(name)
        key = key_of(run.folder)
        measuring = self.gaps.lives(key)
        known = run.gap() or {"protocol": None, "wanted": [], "moments": {}}
        failure = "" if measuring else self.gaps.failure(key)
        return {**known, "measuring": measuring, "failure": failure}

    def measure_gap(self, name: str) -> None:
        """Begins to measure it.

        Raises:
            UserError: Another one is being measured, or the run kept no weights on its way.
        """
        run = self.trainings.run(name)
        if not run.snapshots():
            raise UserError(f"{name} kept no weights on its way: train anew from this page.")
        with self._steady:
            if any(self.gaps.lives(key) for key in self.gaps.names()):
                raise UserError("Another gap is being measured: wait for it.")
            self.gaps.start(key_of(run.folder), run.folder, ["gap", str(run.folder)], low=True)

    def leave_gap(self, name: str) -> None:
        """Ends the measurement; what was measured is kept."""
        self.gaps.end(key_of(self.trainings.run(name).folder))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One at a time: others are told so at once, as waiting would hold up the server."""
        if not self._busy.acquire(blocking=False):
            raise UserError("Something else is being measured: try again in a while.")
        try:
            yield
        finally:
            self._busy.release()
