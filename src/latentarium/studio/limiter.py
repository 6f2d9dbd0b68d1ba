"""Queue CPU-heavy requests without occupying worker threads.

Waiting in the event loop leaves the thread pool free for cheap requests, however many heavy ones
are queued.
"""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import partial, wraps
from itertools import islice
from typing import Any, ParamSpec, TypeVar

from anyio import CapacityLimiter
from anyio.to_thread import run_sync

CONCURRENT_REQUESTS = 2
"""Heavy requests that run at the same time, over all clients."""

P = ParamSpec("P")
T = TypeVar("T")


class RequestLimiter:
    """Limits how many heavy requests run at the same time.

    Arguments:
        concurrent: Requests that may run at the same time; further requests wait.
    """

    def __init__(self, concurrent: int = CONCURRENT_REQUESTS) -> None:
        self.concurrent = concurrent
        self._limiter = CapacityLimiter(concurrent)

    def limit(self, route: Callable[P, T]) -> Callable[P, Coroutine[Any, Any, T]]:
        """Decorate a route so that it waits for a free slot, then runs in a thread."""

        @wraps(route)
        async def limited(*args: P.args, **kwargs: P.kwargs) -> T:
            return await run_sync(partial(route, *args, **kwargs), limiter=self._limiter)

        return limited

    async def iterate(self, steps: Iterator[T]) -> AsyncIterator[T]:
        """Iterate over the steps of a long computation; each step waits for a free slot."""

        def next_step() -> list[T]:
            return list(islice(steps, 1))

        while step := await run_sync(next_step, limiter=self._limiter):
            yield step[0]
