"""Train several models at the same time, each in a process of its own.

The main process shows the progress of all of them. Each process writes the events of its training
to a file, and the main process passes them on to a reporter.
"""

import json
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from latentarium.config import Config
from latentarium.errors import StoppedError, UserError
from latentarium.run import Run
from latentarium.training.device import pick_device
from latentarium.training.logging import Reporter
from latentarium.training.loop import train
from latentarium.training.signals import StopRequest, catch_stop_signals
from latentarium.workers import run_together

STOP_FILE = "stop"
"""File whose existence tells the trainings to stop."""
STOP_INTERVAL = 0.2
"""Seconds between two looks at whether the trainings are to stop."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """A training.

    Arguments:
        title: What is being trained, for the display.
        config: The configuration.
        folder: The run folder.
    """

    title: str
    config: Config
    folder: Path


@dataclass(frozen=True, kw_only=True)
class TrainedRun:
    """A run, and how long its training took.

    Arguments:
        run: The run.
        seconds: The duration in this session.
        earlier_seconds: The duration in earlier sessions of an interrupted training.
    """

    run: Run
    seconds: float
    earlier_seconds: float


def train_together(
    trainings: Sequence[Training],
    *,
    reporter: Callable[[str], Reporter],
    watch: Callable[[], object] | None = None,
) -> list[TrainedRun]:
    """Train or resume several runs, as many at the same time as there are processor cores. On a
    GPU, they are trained one after the other.

    The weights are the same as those of trainings one after the other. If one training fails, the
    others continue to their ends. Ctrl-C and SIGTERM stop all of them, as in `train`.

    Arguments:
        trainings: The trainings. The data are loaded as their configurations say.
        reporter: Returns the progress reporter of a training, given its title.
        watch: Called several times per second during the trainings, in another thread.

    Raises:
        UserError: A training fails: the error of the first one that does.
        StoppedError: A signal stopped the trainings.
    """
    with tempfile.TemporaryDirectory() as temporary, catch_stop_signals() as request:
        folder = Path(temporary)
        events = [folder / f"{number}.jsonl" for number in range(len(trainings))]
        followers = [
            Follower(path, training.config, partial(reporter, training.title))
            for path, training in zip(events, trainings, strict=True)
        ]
        tasks = [
            partial(_train, training, path, folder / STOP_FILE)
            for path, training in zip(events, trainings, strict=True)
        ]
        on_cpu = all(pick_device(t.config.train.device).type == "cpu" for t in trainings)
        outcomes = run_together(
            tasks, long=on_cpu, watch=partial(_watch, followers, request, folder, watch)
        )
    errors = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    stopped = [error for error in errors if isinstance(error, StoppedError)]
    if stopped and request.signal is not None:  # that of the worker is not the one that was sent
        raise StoppedError(request.signal)
    for error in [*stopped, *errors]:
        raise error
    return [
        _describe(training, seconds)
        for training, seconds in zip(trainings, outcomes, strict=True)
        if isinstance(seconds, float)
    ]


def _describe(training: Training, seconds: float) -> TrainedRun:
    run = Run(training.folder)
    earlier = max(0.0, run.training_seconds() - seconds)
    return TrainedRun(run=run, seconds=seconds, earlier_seconds=earlier)


def _watch(
    followers: "Sequence[Follower]",
    request: StopRequest,
    folder: Path,
    watch: Callable[[], object] | None,
) -> None:
    """Pass a stop signal of the main process on to the trainings, and report new events."""
    if request:
        (folder / STOP_FILE).touch()
    for follower in followers:
        follower.report()
    if watch is not None:
        watch()


def _train(training: Training, events: Path, stop: Path) -> float | UserError | StoppedError:
    """Train, and return the duration in seconds, or the error."""
    if stop.exists():
        return StoppedError(signal.SIGINT)
    started, ended = time.monotonic(), threading.Event()
    threading.Thread(target=_stop_on_request, args=(stop, ended), daemon=True).start()
    try:
        train(training.config, training.folder, reporter=EventWriter(events))
    except StoppedError as error:
        stop.touch()  # a signal that only this process received stops all trainings
        return error
    except UserError as error:
        return error
    finally:
        ended.set()
    return time.monotonic() - started


def _stop_on_request(stop: Path, ended: threading.Event) -> None:
    """Send this process the signal that stops its training once the stop file exists."""
    while not ended.wait(STOP_INTERVAL):
        # no second signal, which would stop the process immediately
        if stop.exists() and signal.getsignal(signal.SIGTERM) not in (
            signal.SIG_DFL,
            signal.SIG_IGN,
        ):
            os.kill(os.getpid(), signal.SIGTERM)
            return


class EventWriter(Reporter):
    """Appends the progress of a training to a file, as one JSON object per line.

    Arguments:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def start(self, config: Config, step: int) -> None:
        self._write({"start": step})

    def update(self, step: int, row: dict[str, Any]) -> None:
        self._write({"step": step, "row": row})

    def end(self, seconds: float) -> None:
        self._write({"seconds": seconds})

    def _write(self, event: dict[str, Any]) -> None:
        with self._path.open("a") as file:
            file.write(json.dumps(event) + "\n")


class Follower:
    """Passes the events of a file on to a reporter.

    Arguments:
        path: The file, which need not exist yet.
        config: The configuration of the training.
        make_reporter: Returns the reporter; it is called when the training starts.
    """

    def __init__(self, path: Path, config: Config, make_reporter: Callable[[], Reporter]) -> None:
        self._path, self._config, self._make_reporter = path, config, make_reporter
        self._position = 0

    def report(self) -> None:
        """Pass on the events since the last call."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._position)
            content = file.read()
        complete = content[: content.rfind(b"\n") + 1]
        self._position += len(complete)
        for line in complete.splitlines():
            event = json.loads(line)
            if "start" in event:
                self._reporter = self._make_reporter()
                self._reporter.start(self._config, event["start"])
            elif "row" in event:
                self._reporter.update(event["step"], event["row"])
            else:
                self._reporter.end(event["seconds"])
