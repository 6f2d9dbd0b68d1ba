"""Limits of the operating system, to simulate a full disk."""

import os
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def file_size_limit(count: int) -> Iterator[None]:
    """Writing more than `count` bytes to any file fails, as on a full disk.

    No bytecode is cached meanwhile, since Python would truncate the files of its cache.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "dont_write_bytecode", True)
        patch.setitem(os.environ, "PYTHONDONTWRITEBYTECODE", "1")  # for child processes
        resource.setrlimit(resource.RLIMIT_FSIZE, (count, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, before)
