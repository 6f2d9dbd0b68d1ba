"""What is computed when it is first asked for, by one thread for all.

In Python 3.11 a `cached_property` takes a lock of its own, one for all instances, before that of
the object; whoever holds the object's and asks for the property takes them the other way round,
and both wait for ever. From 3.12 on it has none, and each thread that waits computes anew.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # to whoever uses it, it is the same
    from functools import cached_property as once
else:

    class once:
        """A property that is computed once, under the lock of its object: `_lock`, which the
        thread that holds it may take again."""

        def __init__(self, make: Callable[[object], object]) -> None:
            self._make, self.__doc__ = make, make.__doc__

        def __get__(self, instance: object, owner: type | None = None) -> object:
            """Asked for only until the instance has the value itself."""
            if instance is None:
                return self
            kept, name = instance.__dict__, self._make.__name__
            with instance._lock:
                if name not in kept:
                    kept[name] = self._make(instance)
                return kept[name]
