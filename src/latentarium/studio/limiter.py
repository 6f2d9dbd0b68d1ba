"""What takes the processors for long waits in a line, and holds no thread meanwhile: else a few
who ask for much would take all threads, and nobody else would be answered."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator
from contextlib import aclosing
from functools import partial, wraps
from itertools import islice
from typing import Any, ParamSpec, TypeVar

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

PLACES = 2
"""At work at once, of all visitors."""
Given = ParamSpec("Given")
Found = TypeVar("Found")
_line = CapacityLimiter(PLACES)


def in_line(route: Callable[Given, Found]) -> Callable[Given, Coroutine[Any, Any, Found]]:
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


class Streamed(StreamingResponse):
    """An answer that comes bit by bit. What makes it ends with it, also where who asked has gone
    away or reads nothing; else the place that it takes would be free only when memory is swept.

    Arguments:
        parts: What makes it.
        media_type, headers: Of the answer.
    """

    def __init__(
        self,
        parts: AsyncGenerator[str | bytes, None],
        media_type: str,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(parts, media_type=media_type, headers=headers)
        self._parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._parts):
            await super().__call__(scope, receive, send)
