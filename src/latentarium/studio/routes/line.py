"""What takes the processors for long waits in a line, and holds no thread meanwhile: else a few
who ask for much would take all threads, and nobody else would be answered."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial, wraps
from itertools import islice
from typing import ParamSpec, TypeVar

from anyio import CapacityLimiter
from anyio.to_thread import run_sync

PLACES = 2
"""At work at once, of all visitors."""
Given = ParamSpec("Given")
Found = TypeVar("Found")
_line = CapacityLimiter(PLACES)


def in_line(route: Callable[Given, Found]) -> Callable[Given, Awaitable[Found]]:
    """A route that waits until it has a place."""

    @wraps(route)
    async def waiting(*given: Given.args, **named: Given.kwargs) -> Found:
        return await run_sync(partial(route, *given, **named), limiter=_line)

    return waiting


async def step_in_line(steps: Iterator[Found]) -> AsyncIterator[Found]:
    """The steps of something long, each of which waits until it has a place."""

    def more() -> list[Found]:
        return list(islice(steps, 1))

    while found := await run_sync(more, limiter=_line):
        yield found[0]
