"""Cached properties for objects that several threads share.

In Python 3.11 `functools.cached_property` has a lock of its own, shared by all instances. A
thread that holds the object's lock and then reads the property takes the two locks in one order; a
thread that reads the property, whose computation needs the object's lock, takes them in the other
order, and both block forever. From Python 3.12 on there is no lock, and every waiting thread
computes the value again.
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
