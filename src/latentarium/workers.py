"""Run independent computations at the same time, each in a process of its own.

Threads of one computation wait for each other after each operation, which costs a small model more
than it gains, and very much on a busy machine. Independent computations therefore share the
processor cores between them. The number of threads of a computation follows from the number of
computations and of cores, not from the number of processes, so that the results are exactly the
same in one process.

The environment variable `LATENTARIUM_WORKERS` limits the number of processes; with 1, everything
runs in this process.
"""

import os
import pickle
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import cloudpickle
import psutil
import torch
from joblib import Parallel, cpu_count, delayed, parallel_config

from latentarium.errors import UserError
from latentarium.memory import available_memory, keeping_freed_memory
from latentarium.registry import import_file, imported_files

T = TypeVar("T")


VARIABLE = "LATENTARIUM_WORKERS"
"""Environment variable with the largest number of processes."""
MAX_THREADS = 4
"""The largest number of threads of a computation."""
PARENT_INTERVAL = 1.0
"""Seconds between two looks at whether the parent process still runs."""
WATCH_INTERVAL = 0.2
"""Seconds between two calls of a function that watches a computation."""
WORKER_MEMORY = 1 << 30
"""Memory, in bytes, that a further process must find available."""


def max_workers() -> int:
    """Return the largest number of processes: that of the available processor cores, if
    `LATENTARIUM_WORKERS` isn't set.

    Raises:
        UserError: `LATENTARIUM_WORKERS` is not a positive integer (code "invalid-workers").
    """
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        return cpu_count()
    if not text.isdecimal() or int(text) < 1:
        raise UserError(
            f"{VARIABLE} is {text!r}; set it to the number of processes, such as 2.",
            code="invalid-workers",
        )
    return int(text)


class _State:
    in_worker = False
    """Whether this process is a worker. A worker starts no further workers."""
    memory = keeping_freed_memory()
    """Entered for the lifetime of a worker."""


def run_together(
    tasks: Sequence[Callable[[], T]],
    *,
    long: bool = True,
    watch: Callable[[], object] | None = None,
) -> list[T]:
    """Run tasks at the same time, and return their results in the order of the tasks.

    Arguments:
        tasks: Functions without arguments. Each one and its result are copied between processes,
            by pickle with cloudpickle for functions.
        long: Whether a task takes longer than the start of a process, a few seconds. Otherwise,
            the tasks run in this process.
        watch: Called in a thread of this process several times per second while the tasks run,
            and once afterwards.

    Raises:
        UserError: `LATENTARIUM_WORKERS` is invalid. Exceptions of a task are raised too.
    """
    count = min(MAX_THREADS, torch.get_num_threads(), cpu_count() // max(1, len(tasks))) or 1
    workers = min(len(tasks), max_workers(), 1 + available_memory() // WORKER_MEMORY)
    with _watching(watch):
        if workers > 1 and long and not _State.in_worker:
            with suppress(BrokenProcessPool, CannotCopyError):
                return _run_in_workers(tasks, workers, count)
        with threads(count):
            return [task() for task in tasks]


class CannotCopyError(Exception):
    """A task can't be pickled, or a worker can't read it."""


def _run_in_workers(tasks: Sequence[Callable[[], T]], workers: int, count: int) -> list[T]:
    """Run tasks in processes with `count` threads each.

    Raises:
        BrokenProcessPool: A process was killed, for instance for the memory that it used.
        CannotCopyError: A task can't be copied to another process.
    """
    try:
        copies = [cloudpickle.dumps(task) for task in tasks]
    except Exception as error:  # the error depends on what can't be pickled
        raise CannotCopyError from error
    worker = Worker(threads=count, parent=os.getpid(), imports=imported_files())
    with parallel_config(backend="loky", inner_max_num_threads=count), warnings.catch_warnings():
        # a worker whose memory has grown is replaced
        warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
        parallel = Parallel(n_jobs=workers, max_nbytes=None, batch_size=cast(Any, 1))
        results = parallel(delayed(worker.run)(copy) for copy in copies)
    return cast(list[T], results)


@contextmanager
def _watching(watch: Callable[[], object] | None) -> Iterator[None]:
    """Call a function several times per second until the block ends, and once more."""
    if watch is None:
        yield
        return
    try:
        with calling(watch):
            yield
    finally:
        watch()


@contextmanager
def calling(function: Callable[[], object]) -> Iterator[None]:
    """Call a function every `WATCH_INTERVAL` seconds, in a thread, until the block ends."""
    ended = threading.Event()

    def repeat() -> None:
        while not ended.wait(WATCH_INTERVAL):
            function()

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@dataclass(frozen=True, kw_only=True)
class Worker:
    """How a worker runs its tasks.

    Arguments:
        threads: The number of threads of a task.
        parent: The process that started the worker.
        imports: Files with custom components, which a task may need.
    """

    threads: int
    parent: int
    imports: tuple[str, ...]

    def run(self, task: bytes) -> object:
        """Run a pickled task in this process, which is a worker."""
        if not _State.in_worker:
            _State.in_worker = True
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C does
            _State.memory.__enter__()
            threading.Thread(target=_end_with, args=(self.parent,), daemon=True).start()
        for path in self.imports:
            import_file(path)
        try:
            function = pickle.loads(task)
        except Exception as error:
            raise CannotCopyError from error
        with threads(self.threads):
            return function()


def _end_with(parent: int) -> None:
    """End this process, also in the middle of a task, once its parent is gone."""
    while psutil.pid_exists(parent) and os.getppid() == parent:
        time.sleep(PARENT_INTERVAL)
    os._exit(1)


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Compute on the CPU with this many threads until the block ends; 0: as many as before."""
    before = torch.get_num_threads()
    if count:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        if count:
            torch.set_num_threads(before)
