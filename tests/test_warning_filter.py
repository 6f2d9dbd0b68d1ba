"""Warnings are ignored in all threads as long as one asks for it, and shown again afterwards."""

import threading
import warnings

import pytest

from latentarium.warning_filter import ignore_warnings


def test_a_thread_that_ends_does_not_show_the_warnings_of_another():
    inside, ended = threading.Event(), threading.Event()

    def ignore_first():
        with ignore_warnings():
            inside.set()
            ended.wait()

    thread = threading.Thread(target=ignore_first)
    thread.start()
    inside.wait()
    with ignore_warnings():
        ended.set()
        thread.join()
        warnings.warn("ignored", stacklevel=1)  # would be an error in the tests
    with pytest.warns(UserWarning, match="shown"):
        warnings.warn("shown again", stacklevel=1)
