"""Trainings: which there are, what becomes of them, and them as they go on."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, StreamingResponse
from pydantic import BaseModel, Field

from latentarium import presets
from latentarium.config import Config
from latentarium.errors import UserError
from latentarium.studio.gallery import Missing
from latentarium.studio.training.checkup import Measurements
from latentarium.studio.training.follow import Follower, event
from latentarium.studio.training.jobs import NAMED, Trainings, Wish
from latentarium.studio.training.uploads import UPLOAD

EVERY = 0.5
"""Seconds between two looks at a run."""
SILENCE = 15.0
"""Seconds after which a line without meaning keeps the connection."""


class Asked(BaseModel):
    """What is to be trained, as the page asks for it."""

    preset: str = Field(max_length=64)
    data: str = Field(max_length=200)
    name: str = Field(max_length=64)
    steps: int | None = Field(default=None, ge=1, le=10_000_000)
    seed: int = Field(default=0, ge=0, lt=2**32)

    def wish(self) -> Wish:
        return Wish(
            preset=self.preset, data=self.data, name=self.name, steps=self.steps, seed=self.seed
        )


def router(trainings: Trainings) -> APIRouter:
    """The routes of trainings."""
    routes = APIRouter(prefix="/api")
    measured = Measurements(trainings)

    @routes.get("/runs")
    def runs() -> list[dict[str, Any]]:
        return trainings.infos()

    @routes.get("/choices")
    def choices() -> dict[str, Any]:
        """Presets and images to choose from."""
        return {
            "presets": [describe(name) for name in presets.PRESETS],
            "data": [*NAMED, *(UPLOAD + one["name"] for one in trainings.uploads.kept())],
            "folder": str(trainings.folder),
        }

    @routes.post("/estimate")
    def estimate(asked: Asked) -> dict[str, Any]:
        """A few steps are taken, and nothing is written."""
        return measured.estimate(asked.wish())

    @routes.post("/runs")
    def start(asked: Asked) -> dict[str, Any]:
        return trainings.info(trainings.start(asked.wish()))

    @routes.get("/runs/{name}")
    def run(name: str) -> dict[str, Any]:
        return trainings.info(name)

    @routes.delete("/runs/{name}")
    def forget(name: str) -> None:
        trainings.forget(name)

    @routes.post("/runs/{name}/pause")
    def pause(name: str) -> dict[str, Any]:
        trainings.pause(name)
        return trainings.info(name)

    @routes.post("/runs/{name}/resume")
    def resume(name: str) -> dict[str, Any]:
        trainings.resume(name)
        return trainings.info(name)

    @routes.post("/runs/{name}/stop")
    def stop(name: str) -> dict[str, Any]:
        trainings.stop(name)
        return trainings.info(name)

    @routes.post("/runs/{name}/show")
    def show(name: str) -> dict[str, Any]:
        """Puts its model on show, and says its number, or why it can't be shown: the page tries
        with each run that has ended."""
        trainings.run(name)
        try:
            return {"model": trainings.show(name), "why": ""}
        except UserError as error:
            return {"model": None, "why": str(error)}

    @routes.get("/runs/{name}/samples/{step}")
    def sample(name: str, step: int) -> Response:
        """The picture of the samples at a step."""
        path = trainings.run(name).samples().get(step)
        if path is None:
            raise Missing(f"{name} has no samples of step {step}: reload the page.")
        return FileResponse(path, media_type="image/png")

    @routes.post("/runs/{name}/doctor")
    def examine(name: str) -> dict[str, Any]:
        return measured.examine(name)

    @routes.get("/runs/{name}/gap")
    def gap(name: str) -> dict[str, Any]:
        return measured.gap(name)

    @routes.post("/runs/{name}/gap")
    def measure_gap(name: str) -> dict[str, Any]:
        measured.measure_gap(name)
        return measured.gap(name)

    @routes.delete("/runs/{name}/gap")
    def leave_gap(name: str) -> dict[str, Any]:
        measured.leave_gap(name)
        return measured.gap(name)

    @routes.get("/runs/{name}/events")
    def events(
        request: Request, name: str, last_event_id: Annotated[str, Header(max_length=20)] = ""
    ) -> StreamingResponse:
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
        return StreamingResponse(
            following(follower, request.app.state.ends),
            media_type="text/event-stream",
            headers=headers,
        )

    return routes


async def following(follower: Follower, ends: Callable[[], bool]) -> AsyncIterator[bytes]:
    """Events until the page has gone, or the run, or the server ends."""
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


def describe(name: str) -> dict[str, Any]:
    """A preset, as the page must know it."""
    config = presets.get(name)
    return {
        "name": name,
        "words": " ".join((presets.PRESETS[name].__doc__ or "").split()),
        "family": config.model.family,
        "labels": config.model.uses_labels,
        "latent_dim": config.model.latent_dim,
        "steps": config.train.steps,
        "data": config.train.data,
    }
