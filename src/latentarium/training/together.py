"""Train several models at the same time, each in a process of its own.

The main process shows the progress of all of them. Each process writes the events of its training
to a file, and the main process passes them on to a reporter. Computations that need some of the
models, such as measurements, start while others are still trained.
"""

import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from latentarium.config import Config
from latentarium.errors import StoppedError, UserError
from latentarium.run import Run
from latentarium.training.device import pick_device
from latentarium.training.events import EventWriter, Follower
from latentarium.training.logging import Reporter
from latentarium.training.loop import train
from latentarium.training.signals import (
    StopRequest,
    catch_stop_signals,
    raise_on_stop_signals,
)
from latentarium.workers import WATCH_INTERVAL, calling, max_workers, run_together

STOP_FILE = "stop"
"""File whose existence tells the trainings and follow-ups to stop."""
EVENTS, TRAINED, FAILED = ".jsonl", ".trained", ".failed"
"""File suffixes: the events of a training, and empty files that tell how it ended."""


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


@dataclass(frozen=True, kw_only=True)
class FollowUp:
    """A computation that needs trained models.

    Arguments:
        after: The titles of the trainings whose results it needs.
        compute: The computation, a function without arguments. It and its result are copied
            between processes.
    """

    after: tuple[str, ...]
    compute: Callable[[], object]


@dataclass(frozen=True, kw_only=True)
class FollowUpResult:
    """What a follow-up returned, and how long it took in seconds."""

    value: Any
    seconds: float


def train_together(
    trainings: Sequence[Training], *, reporter: Callable[[str], Reporter]
) -> list[TrainedRun]:
    """Train or resume several runs, as many at the same time as there are processor cores. On a
    GPU, they are trained one after the other.

    The weights are the same as those of trainings one after the other. If one training fails, the
    others continue to their ends. Ctrl-C and SIGTERM stop all of them, as in `train`.

    Arguments:
        trainings: The trainings. The data are loaded as their configurations say.
        reporter: Returns the progress reporter of a training, given its title.

    Raises:
        UserError: A training fails: the error of the first one that does.
        StoppedError: A signal stopped the trainings.
    """
    return train_and_follow_up(trainings, (), reporter=reporter)[0]


def train_and_follow_up(
    trainings: Sequence[Training],
    follow_ups: Sequence[FollowUp],
    *,
    reporter: Callable[[str], Reporter],
    watch: Callable[[int], object] | None = None,
) -> tuple[list[TrainedRun], list[FollowUpResult]]:
    """Train several runs as `train_together` does, and run follow-up computations on them.

    Follow-ups share the processor cores with the trainings: each one starts soon after the
    trainings that it needs. A signal interrupts them.

    Arguments:
        trainings: The trainings.
        follow_ups: The follow-ups. Those that may start at the same time start in this order.
        reporter: Returns the progress reporter of a training, given its title.
        watch: Called several times per second in another thread, with the number of trainings
            that have ended.

    Returns:
        The runs, and the results of the follow-ups, in the order of the arguments.

    Raises:
        UserError: A training or a follow-up fails: the error of the first one that does.
        StoppedError: A signal stopped the trainings.
    """
    with tempfile.TemporaryDirectory() as temporary, catch_stop_signals() as request:
        stop = Path(temporary) / STOP_FILE
        files = [Path(temporary) / str(number) for number in range(len(trainings))]
        followers = [
            Follower(file.with_suffix(EVENTS), training.folder, partial(reporter, training.title))
            for file, training in zip(files, trainings, strict=True)
        ]
        numbers = {training.title: number for number, training in enumerate(trainings)}
        needed = [[numbers[title] for title in f.after] for f in follow_ups]
        tasks: list[Callable[[], object]] = [
            *(partial(_train, *pair, stop) for pair in zip(trainings, files, strict=True)),
            *(partial(_follow, f, [files[i] for i in indices], stop)
              for f, indices in zip(follow_ups, needed, strict=True)),
        ]  # fmt: skip
        look = partial(_look, followers, files, request, stop, watch)
        outcomes: dict[int, object] = {}
        count = len(trainings)
        parts = [_order(needed, count)]
        if any(pick_device(t.config.train.device).type != "cpu" for t in trainings):
            # trainings take turns in this process, before the follow-ups
            parts = [list(range(count)), list(range(count, len(tasks)))]
        for part in parts:
            results = run_together([tasks[i] for i in part], long=part is parts[-1], watch=look)
            outcomes.update(zip(part, results, strict=True))
    ordered = [outcomes[number] for number in range(len(tasks))]
    errors = [outcome for outcome in ordered if isinstance(outcome, BaseException)]
    stopped = [error for error in errors if isinstance(error, StoppedError)]
    if stopped and request.signal is not None:  # that of the worker is not the one that was sent
        raise StoppedError(request.signal)
    for error in [*stopped, *errors]:
        raise error
    runs = [
        _describe(training, seconds)
        for training, seconds in zip(trainings, ordered, strict=False)
        if isinstance(seconds, float)
    ]
    return runs, [result for result in ordered if isinstance(result, FollowUpResult)]


def _order(needed: Sequence[Sequence[int]], num_trainings: int) -> list[int]:
    """Return the order in which tasks start.

    With two processes, a follow-up starts after two more trainings than it needs; each further
    process adds two. So it seldom waits, its results come early, and no processor core is idle
    at the end.

    Arguments:
        needed: The numbers of the trainings that each follow-up needs.
        num_trainings: The number of trainings, which start in their order.

    Returns:
        The numbers of all tasks. Those of follow-ups continue those of trainings.
    """
    later, last = 2 * (max_workers() - 1), num_trainings - 1
    places = [(number, 0) for number in range(num_trainings)]
    places += [(min(last, max(numbers, default=0) + later), 1) for numbers in needed]
    return sorted(range(len(places)), key=lambda number: places[number])


def _describe(training: Training, seconds: float) -> TrainedRun:
    run = Run(training.folder)
    earlier = max(0.0, run.training_seconds() - seconds)
    return TrainedRun(run=run, seconds=seconds, earlier_seconds=earlier)


def _look(
    followers: Sequence[Follower],
    files: Sequence[Path],
    request: StopRequest,
    stop: Path,
    watch: Callable[[int], object] | None,
) -> None:
    """Pass a stop signal of the main process on to the trainings, and report new events."""
    if request:
        stop.touch()
    for follower in followers:
        follower.report()
    if watch is not None:
        watch(sum(_has_ended(file) for file in files))


def _has_ended(file: Path) -> bool:
    return any(file.with_suffix(suffix).exists() for suffix in (TRAINED, FAILED))


def _train(training: Training, file: Path, stop: Path) -> float | UserError | StoppedError:
    """Train, and return the duration in seconds, or the error."""
    suffix, started = FAILED, time.monotonic()
    try:
        if stop.exists():
            return StoppedError(signal.SIGINT)
        with _stopped_on_request(stop):
            train(
                training.config,
                training.folder,
                reporter=EventWriter(file.with_suffix(EVENTS)),
            )
        suffix = TRAINED
    except StoppedError as error:
        stop.touch()  # a signal that only this process received stops all trainings
        return error
    except UserError as error:
        return error
    finally:
        file.with_suffix(suffix).touch()
    return time.monotonic() - started


def _follow(
    follow_up: FollowUp, needed: Sequence[Path], stop: Path
) -> FollowUpResult | UserError | StoppedError | None:
    """Wait for trainings, and return the result of a follow-up, or the error; None if a training
    that it needs failed."""
    try:
        with raise_on_stop_signals(), _stopped_on_request(stop):
            while not all(_has_ended(file) for file in needed):
                time.sleep(WATCH_INTERVAL)
            if stop.exists():
                return StoppedError(signal.SIGINT)
            if any(file.with_suffix(FAILED).exists() for file in needed):
                return None
            started = time.monotonic()
            value = follow_up.compute()
            return FollowUpResult(value=value, seconds=time.monotonic() - started)
    except StoppedError as error:
        stop.touch()
        return error
    except UserError as error:
        return error


@contextmanager
def _stopped_on_request(stop: Path) -> Iterator[None]:
    """Stop the block by a signal to this process once the stop file exists."""
    sent = False

    def look() -> None:
        nonlocal sent
        # a second signal, or one without a handler, would end the process immediately
        handled = signal.getsignal(signal.SIGTERM) not in (signal.SIG_DFL, signal.SIG_IGN)
        if handled and not sent and stop.exists():
            sent = True
            os.kill(os.getpid(), signal.SIGTERM)

    with calling(look):
        yield
