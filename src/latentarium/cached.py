"""Cached properties for objects that several threads share.

`functools.cached_property` is unsuitable for such objects. In Python 3.11 it has a lock that all
instances share. One thread may have the object's lock and wait for the shared lock to read a
property, while another thread has the shared lock to compute the property and waits for the
object's lock: both wait forever. From Python 3.12 on there is no shared lock, and several threads
may compute the same value.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the interface is the same
    from functools import cached_property as cached
else:

    class cached:
        """A property that is computed once, under its object's re-entrant lock `_lock`."""

        def __init__(self, compute: Callable[[object], object]) -> None:
            self._compute, self.__doc__ = compute, compute.__doc__

        def __get__(self, instance: object, owner: type | None = None) -> object:
            """Compute and store the value; later reads find it in the instance's `__dict__`."""
            if instance is None:
                return self
            values, name = instance.__dict__, self._compute.__name__
            with instance._lock:
                if name not in values:
                    values[name] = self._compute(instance)
                return values[name]
