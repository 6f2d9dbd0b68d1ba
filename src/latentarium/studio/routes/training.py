"""Routes of trainings: list, start, pause, resume, stop, show."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi import Path as PathParameter
from pydantic import BaseModel, Field, StrictBool, StrictFloat, StrictInt, StringConstraints

from latentarium import presets
from latentarium.data.arrays import MIN_SIDE
from latentarium.errors import UserError
from latentarium.files import read_regular_file
from latentarium.presets.fit import OWN_IMAGE_PRESETS
from latentarium.run.records import Notes
from latentarium.studio.errors import NotFoundError
from latentarium.studio.services import Services
from latentarium.studio.training.listing import MAX_NOTE, MAX_TITLE
from latentarium.studio.training.request import BUILT_IN_DATA, TrainingRequest
from latentarium.studio.training.settings import (
    describe_settings,
    setting_options,
    setting_problems,
)
from latentarium.studio.training.status import describe_model, losses_of
from latentarium.studio.training.uploads import UPLOAD_PREFIX
from latentarium.texts import Text, text_to_json

MAX_SIDE = 512
"""Largest height and width, in pixels, to which the page lets images be fitted."""


MAX_SETTINGS = 200
"""Number of settings that a request may change."""
SettingText = Annotated[str, StringConstraints(max_length=200)]
Components = tuple[SettingText, ...]
ChangedSettings = dict[SettingText, StrictBool | StrictInt | StrictFloat | SettingText]


class SettingsBody(BaseModel):
    """Changed settings that are to be checked."""

    preset: str = Field(max_length=64)
    settings: ChangedSettings = Field(max_length=MAX_SETTINGS)


class NotesBody(BaseModel):
    """A display name and a note."""

    title: str = Field(max_length=MAX_TITLE)
    note: str = Field(max_length=MAX_NOTE)


class TrainingBody(BaseModel):
    """A `TrainingRequest` as the page sends it."""

    preset: str = Field(max_length=64)
    data: str = Field(max_length=200)
    name: str = Field(max_length=200)
    steps: int | None = Field(default=None, ge=1, le=10_000_000)
    seed: int = Field(default=0, ge=0, lt=2**32)
    image_size: int | None = Field(default=None, ge=MIN_SIDE, le=MAX_SIDE)
    batch_size: int | None = Field(default=None, ge=1, le=4096)
    settings: ChangedSettings = Field(default_factory=dict, max_length=MAX_SETTINGS)

    def to_request(self) -> TrainingRequest:
        """Return the request."""
        return TrainingRequest(**self.model_dump())


def router(services: Services) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/api")
    trainings = services.trainings

    @routes.get("/runs")
    def runs() -> list[dict[str, Any]]:
        return trainings.infos()

    @routes.get("/choices")
    def choices() -> dict[str, Any]:
        """Return the presets and data sets to choose from."""
        uploads = [UPLOAD_PREFIX + report["name"] for report in services.uploads.reports()]
        return {
            "presets": [describe_preset(name) for name in presets.all_presets()],
            "data": [*BUILT_IN_DATA, *uploads],
            "folder": str(trainings.folder),
        }

    @routes.get("/presets/{name}/settings")
    def settings(
        name: str,
        component: Annotated[tuple[SettingText, ...], Query(max_length=MAX_SETTINGS)] = (),
    ) -> list[dict[str, Any]]:
        """Return the settings of a preset, with those of its components or of others.

        Each component is given as SETTING=NAME, such as model.prior=flow.
        """
        return describe_settings(name, dict(c.split("=", 1) for c in component if "=" in c))

    @routes.post("/check-settings")
    def check_settings(body: SettingsBody) -> dict[str, Any]:
        """Return what is wrong with changed settings, and their options on the command line."""
        problems = setting_problems(body.preset, body.settings)
        options = [] if problems else setting_options(body.preset, body.settings)
        texts = {name: text_to_json(problem) for name, problem in problems.items()}
        return {"problems": texts, "options": options}

    @routes.post("/runs")
    def start(body: TrainingBody) -> dict[str, Any]:
        return trainings.info(trainings.start(body.to_request()))

    @routes.get("/run-names")
    def check_name(name: Annotated[str, Query(max_length=200)]) -> dict[str, str]:
        """Return why a new run can't have a name; empty texts if it can."""
        try:
            trainings.require_free_name(name)
        except UserError as error:
            return {"code": error.code, "message": services.describe_error(error)}
        return {"code": "", "message": ""}

    @routes.get("/runs/{name}")
    def run(name: str) -> dict[str, Any]:
        return trainings.info(name)

    @routes.delete("/runs/{name}")
    def delete(name: str) -> None:
        """Move a run to the trash."""
        services.checkups.require_idle(name)
        services.measuring.require_idle(trainings.folder_of(name))
        trainings.delete(name)

    @routes.get("/trash")
    def trash() -> list[dict[str, str]]:
        return [{"id": run.id, "name": run.name} for run in trainings.trash.list()]

    @routes.post("/trash/{deleted_id}/restore")
    def restore(deleted_id: Annotated[str, PathParameter(max_length=40)]) -> dict[str, Any]:
        """Move a run from the trash back to its folder."""
        folder = trainings.trash.restore(deleted_id).resolve()
        names = trainings.folders().items()
        return trainings.info(next(name for name, known in names if known.resolve() == folder))

    @routes.get("/runs/{name}/losses")
    def losses(name: str) -> dict[str, list[tuple[int, float]]]:
        """Return the loss of each player by step."""
        return losses_of(trainings.run(name))

    @routes.put("/runs/{name}/notes")
    def annotate(name: str, body: NotesBody) -> dict[str, Any]:
        """Save a display name and a note."""
        trainings.annotate(name, Notes(title=body.title.strip(), note=body.note.strip()))
        return trainings.info(name)

    def add_action(action: Callable[[str], None]) -> None:
        """Add a route that performs an action on a run and returns its state afterwards."""

        @routes.post(f"/runs/{{name}}/{action.__name__}", name=action.__name__)
        def perform(name: str) -> dict[str, Any]:
            action(name)
            return trainings.info(name)

    for action in (trainings.pause, trainings.resume, trainings.stop):
        add_action(action)

    @routes.post("/runs/{name}/show")
    def show(name: str) -> dict[str, Any]:
        """Load a run's model and return its number, or why it can't be loaded.

        Failures have no error status, since the page tries to load every run that has ended.
        """
        trainings.run(name)
        try:
            return {"model": trainings.show(name), "reason": ""}
        except UserError as error:
            reason = services.describe_error(error)
            return {"model": None, "reason": reason, "reason_text": text_to_json(reason)}

    @routes.get("/runs/{name}/samples/{step}")
    def samples(name: str, step: int) -> Response:
        """Return the image grid of the samples at a step."""
        try:
            image = read_regular_file(trainings.run(name).samples()[step])
        except (KeyError, OSError) as error:  # the run may be deleted meanwhile
            raise NotFoundError(
                Text(
                    "{name} has no samples of step {step}: reload the page.", name=name, step=step
                )
            ) from error
        return Response(image, media_type="image/png")

    return routes


def describe_preset(name: str) -> dict[str, Any]:
    """Return the properties of a preset that the page needs, as JSON values."""
    config = presets.get(name)
    return {
        "name": name,
        "description": " ".join((presets.all_presets()[name].__doc__ or "").split()),
        **describe_model(config.model),
        "labels": config.model.takes_label,
        "latent_dim": config.model.latent_dim,
        "steps": config.train.steps,
        "data": "" if name in OWN_IMAGE_PRESETS else config.train.data,
    }
