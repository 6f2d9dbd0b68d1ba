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
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import TypeVar, cast

import psutil
import torch
from joblib import Parallel, cpu_count, delayed, parallel_config

from latentarium.errors import UserError
from latentarium.memory import available_memory, keep_freed_memory

T = TypeVar("T")


VARIABLE = "LATENTARIUM_WORKERS"
"""Environment variable with the largest number of processes."""
MAX_THREADS = 4
"""The largest number of threads of a computation."""
PARENT_INTERVAL = 1.0
"""Seconds between two looks at whether the parent process still runs."""
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


def run_together(tasks: Sequence[Callable[[], T]], *, long: bool = True) -> list[T]:
    """Run tasks at the same time, and return their results in the order of the tasks.

    Arguments:
        tasks: Functions without arguments. Each one and its result are copied between processes,
            by pickle with cloudpickle for functions.
        long: Whether a task takes longer than the start of a process, a few seconds. Otherwise,
            the tasks run in this process.

    Raises:
        UserError: `LATENTARIUM_WORKERS` is invalid. Exceptions of a task are raised too.
    """
    threads = min(MAX_THREADS, torch.get_num_threads(), cpu_count() // max(1, len(tasks))) or 1
    workers = min(len(tasks), max_workers(), 1 + available_memory() // WORKER_MEMORY)
    if workers > 1 and long and not _State.in_worker:
        try:
            with parallel_config(backend="loky", inner_max_num_threads=threads):
                parallel = Parallel(n_jobs=workers, max_nbytes=None)
                run = delayed(_run_in_worker)
                results = parallel(run(task, threads, os.getpid()) for task in tasks)
                return cast(list[T], results)
        except BrokenProcessPool:  # a process was killed, for instance for its memory
            pass
    with _threads(threads):
        return [task() for task in tasks]


def _run_in_worker(task: Callable[[], T], threads: int, parent: int) -> T:
    if not _State.in_worker:
        _State.in_worker = True
        keep_freed_memory()
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    with _threads(threads):
        return task()


def _end_with(parent: int) -> None:
    """End this process, also in the middle of a task, once its parent is gone."""
    while psutil.pid_exists(parent) and os.getppid() == parent:
        time.sleep(PARENT_INTERVAL)
    os._exit(1)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Limit torch to a number of threads until the block ends."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
