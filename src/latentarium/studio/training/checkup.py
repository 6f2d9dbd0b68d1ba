"""What of a run is measured when the page asks: its cost before it starts, its duality gap, and
its health at the end. All of it in processes of their own, behind whatever else is at work."""

import json
import threading
from collections.abc import Generator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from latentarium.errors import UserError
from latentarium.studio.processes import Processes
from latentarium.studio.training.eta import Lines, Waits
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
        self.waits = Waits()

    def estimate(self, wish: Wish) -> Lines:
        """What a training would cost on this machine, from a few steps of it.

        Raises:
            UserError: It can't work, or something else is being measured.
        """
        arguments = [*self.trainings.command(wish), "--dry-run", "--json"]
        printed = yield from self._alone(*arguments)
        yield {"found": json.loads(printed.splitlines()[-1])}

    def examine(self, name: str) -> Lines:
        """What the doctor finds in a run's log and in its model.

        Raises:
            UserError: It has no weights yet, or something else is being measured.
        """
        folder = self.trainings.run(name).folder
        with TemporaryDirectory() as place:
            path = Path(place) / "doctor.json"
            yield from self._alone("doctor", str(folder), "--json", str(path))
            yield {"found": json.loads(path.read_text())}

    def gap(self, name: str) -> dict[str, Any]:
        """What is known of a run's duality gap, and whether more is being measured."""
        run = self.trainings.run(name)
        key = key_of(run.folder)
        measuring = self.gaps.lives(key)
        known = run.duality_gap() or {"protocol": None, "wanted": [], "snapshots": {}}
        failure = "" if measuring else self.gaps.failure(key)
        return {**known, "measuring": measuring, "failure": failure}

    def measure_gap(self, name: str) -> dict[str, Any]:
        """Begins to measure it, and says what is known.

        Raises:
            UserError: Another one is being measured, or the run kept no weights on its way.
        """
        run = self.trainings.run(name)
        if not run.snapshots():
            raise UserError(f"{name} kept no weights on its way: train anew from this page.")
        with self._steady:
            if any(self.gaps.lives(key) for key in self.gaps.names()):
                raise UserError("Another gap is being measured: wait for it.")
            self.gaps.start(
                key_of(run.folder), run.folder, ["duality-gap", str(run.folder)], low=True
            )
        return self.gap(name)

    def leave_gap(self, name: str) -> dict[str, Any]:
        """Ends the measurement, and says what is known: all that was measured is kept."""
        self.gaps.end(key_of(self.trainings.run(name).folder))
        return self.gap(name)

    def _alone(self, *arguments: str) -> Generator[dict[str, Any], None, str]:
        """Runs a command, and says how far it is. One at a time: others are told so at once, as
        waiting would hold up the server."""
        if not self._busy.acquire(blocking=False):
            raise UserError("Something else is being measured: try again in a while.")
        try:
            return (yield from self.waits.told(*arguments, seconds=MOST_SECONDS))
        finally:
            self._busy.release()
