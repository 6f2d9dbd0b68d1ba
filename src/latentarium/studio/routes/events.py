"""Trainings as they go on: events that are sent until the run, the page or the server ends."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from typing import Annotated

from fastapi import APIRouter, Header, Request
from fastapi.concurrency import run_in_threadpool

from latentarium.config import Config
from latentarium.errors import UserError
from latentarium.studio.limiter import Streamed
from latentarium.studio.training.follow import Follower, event
from latentarium.studio.training.jobs import Trainings

EVERY = 0.5
"""Seconds between two looks at a run."""
FOLLOWERS = 64
"""Pages that follow at once: each keeps a log in memory."""
SILENCE = 15.0
"""Seconds after which a line without meaning keeps the connection."""


def router(trainings: Trainings) -> APIRouter:
    """The route of events."""
    routes = APIRouter(prefix="/api")

    @routes.get("/runs/{name}/events")
    def events(
        request: Request, name: str, last_event_id: Annotated[str, Header(max_length=20)] = ""
    ) -> Streamed:
        """The run as it goes on; after a break, from the line that was seen last."""
        seen = int(last_event_id) if last_event_id.isascii() and last_event_id.isdigit() else 0
        folder = trainings.folder_of(name)

        def settings() -> Config | None:
            try:
                return trainings.run(name).config
            except UserError:
                return None

        follower = Follower(
            lambda: trainings.info(name, folder), folder / "log.jsonl", settings, seen
        )
        headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        events = following(follower, request.app.state.ends)
        return Streamed(events, "text/event-stream", headers)

    return routes


_followed = threading.BoundedSemaphore(FOLLOWERS)


async def following(follower: Follower, ends: Callable[[], bool]) -> AsyncGenerator[bytes, None]:
    """Events until the page has gone, or the run, or the server ends."""
    if not _followed.acquire(blocking=False):
        yield event("gone", {"sentence": f"{FOLLOWERS} pages follow already: close one of them."})
        return
    try:
        async for one in _told(follower, ends):
            yield one
    finally:
        _followed.release()


async def _told(follower: Follower, ends: Callable[[], bool]) -> AsyncGenerator[bytes, None]:
    silent = 0.0
    while not ends():
        try:
            events = await run_in_threadpool(follower.poll)
        except (UserError, OSError) as error:
            yield event("gone", {"sentence": str(error)})
            return
        for one in events:
            yield one
        silent = 0.0 if events else silent + EVERY
        if silent >= SILENCE:
            silent = 0.0
            yield b": still here\n\n"
        await asyncio.sleep(EVERY)
