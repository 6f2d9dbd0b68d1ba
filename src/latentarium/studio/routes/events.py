"""The route that streams a run's events, until the client disconnects or the server stops."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from typing import Annotated

from fastapi import APIRouter, Header
from fastapi.concurrency import run_in_threadpool

from latentarium.errors import UserError, error_to_json
from latentarium.run import Run
from latentarium.studio.responses import StreamedResponse, error_code
from latentarium.studio.services import Services
from latentarium.studio.training.run_events import RunFollower, format_event
from latentarium.texts import Text, text_of

POLL_INTERVAL = 0.5
"""Seconds between two checks of a run."""
MAX_FOLLOWERS = 64
"""Maximum number of open event streams; each keeps the log of its run in memory."""
KEEPALIVE_SECONDS = 15.0
"""Seconds of silence after which a comment keeps the connection open."""


def router(services: Services) -> APIRouter:
    """Return the route."""
    routes = APIRouter(prefix="/api")
    trainings = services.trainings
    streams = EventStreams(services.is_stopping)

    @routes.get("/runs/{name}/events")
    def events(
        name: str, last_event_id: Annotated[str, Header(max_length=20)] = ""
    ) -> StreamedResponse:
        """Stream the events of a run; a reconnecting client continues after its last line."""
        is_number = last_event_id.isascii() and last_event_id.isdigit()
        lines_seen = int(last_event_id) if is_number else 0
        folder = trainings.folder_of(name)

        def run() -> Run | None:
            try:
                return trainings.run(name)
            except UserError:
                return None

        follower = RunFollower(
            lambda: trainings.info(name, folder), Run.log_path_at(folder), run, lines_seen
        )
        headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        return StreamedResponse(streams.follow(follower), "text/event-stream", headers)

    return routes


class EventStreams:
    """The open event streams of one server.

    Arguments:
        is_stopping: Returns whether the server is shutting down.
        poll_interval: Seconds between two checks of a run.
        keepalive: Seconds of silence after which a comment is sent.
        max_followers: Streams that may be open at the same time.
    """

    def __init__(
        self,
        is_stopping: Callable[[], bool],
        *,
        poll_interval: float = POLL_INTERVAL,
        keepalive: float = KEEPALIVE_SECONDS,
        max_followers: int = MAX_FOLLOWERS,
    ) -> None:
        self._is_stopping = is_stopping
        self._poll_interval, self._keepalive = poll_interval, keepalive
        self._max_followers = max_followers
        self._slots = threading.BoundedSemaphore(max_followers)

    async def follow(self, follower: RunFollower) -> AsyncGenerator[bytes, None]:
        """Yield events until the client disconnects, the run is deleted, or the server stops."""
        if not self._slots.acquire(blocking=False):
            message = Text(
                "{count} pages follow a training already: close one of them.",
                count=self._max_followers,
            )
            yield format_event("gone", error_to_json(message, "too-many-followers"))
            return
        try:
            async for event in self._poll(follower):
                yield event
        finally:
            self._slots.release()

    async def _poll(self, follower: RunFollower) -> AsyncGenerator[bytes, None]:
        silence = 0.0
        while not self._is_stopping():
            try:
                events = await run_in_threadpool(follower.poll)
            except (UserError, OSError) as error:
                yield format_event("gone", error_to_json(text_of(error), error_code(error)))
                return
            for event in events:
                yield event
            silence = 0.0 if events else silence + self._poll_interval
            if silence >= self._keepalive:
                silence = 0.0
                yield b": still here\n\n"
            await asyncio.sleep(self._poll_interval)
