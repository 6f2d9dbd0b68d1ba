"""Trainings: which there are, what becomes of them, and them as they go on."""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field

from latentarium import presets
from latentarium.errors import UserError
from latentarium.studio.redact import brief
from latentarium.studio.registry import Missing
from latentarium.studio.training.jobs import NAMED, Trainings, Wish
from latentarium.studio.training.uploads import UPLOAD


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

    @routes.post("/runs")
    def start(asked: Asked) -> dict[str, Any]:
        return trainings.info(trainings.start(asked.wish()))

    @routes.get("/runs/{name}")
    def run(name: str) -> dict[str, Any]:
        return trainings.info(name)

    @routes.delete("/runs/{name}")
    def forget(name: str) -> None:
        trainings.forget(name)

    def add(act: Callable[[str], None]) -> None:
        """A route that does something with a run, and says how it then is."""

        @routes.post(f"/runs/{{name}}/{act.__name__}", name=act.__name__)
        def done(name: str) -> dict[str, Any]:
            act(name)
            return trainings.info(name)

    for act in (trainings.pause, trainings.resume, trainings.stop):
        add(act)

    @routes.post("/runs/{name}/show")
    def show(name: str) -> dict[str, Any]:
        """Puts its model on show, and says its number, or why it can't be shown: the page tries
        with each run that has ended."""
        trainings.run(name)
        try:
            return {"model": trainings.show(name), "why": ""}
        except UserError as error:
            why = brief(str(error), trainings.gallery, trainings.folder)
            return {"model": None, "why": why}

    @routes.get("/runs/{name}/samples/{step}")
    def sample(name: str, step: int) -> Response:
        """The picture of the samples at a step."""
        path = trainings.run(name).samples().get(step)
        if path is None:
            raise Missing(f"{name} has no samples of step {step}: reload the page.")
        return FileResponse(path, media_type="image/png")

    return routes


def describe(name: str) -> dict[str, Any]:
    """A preset, as the page must know it."""
    config = presets.get(name)
    return {
        "name": name,
        "words": " ".join((presets.PRESETS[name].__doc__ or "").split()),
        "family": "gan" if config.model.adversarial else "autoencoder",
        "labels": config.model.takes_label,
        "latent_dim": config.model.latent_dim,
        "steps": config.train.steps,
        "data": config.train.data,
    }
