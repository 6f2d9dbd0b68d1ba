"""Routes of priors that are fitted to a run's latents after its training."""

from pathlib import Path
from typing import Literal

from fastapi import APIRouter

from latentarium.errors import UserError
from latentarium.run import Run
from latentarium.run.priors import TRAINED, PriorKind, split_prior
from latentarium.studio.loaded_model import LoadedModel
from latentarium.studio.responses import JsonLines, StreamedResponse, json_lines
from latentarium.studio.services import Services
from latentarium.texts import Text


def router(services: Services) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/api/models/{index}/priors/{kind}")
    registry, checkups = services.registry, services.checkups

    @routes.post("/show")
    def show(index: int, kind: PriorKind | Literal["trained"]) -> dict[str, int]:
        """Open the run of a model with another of its priors, and return the number of that
        model."""
        return {"model": open_with(registry[index], kind)}

    @routes.post("/fit")
    def fit(index: int, kind: PriorKind) -> StreamedResponse:
        """Fit a prior to the latents of a model's run, open the run with it, and stream the
        progress."""
        loaded = registry[index]
        run = require_fittable(loaded)

        def fit_and_open() -> JsonLines:
            yield from checkups.fit_prior(run.folder, kind, registry.data)
            yield {"result": {"model": open_with(loaded, kind)}}

        return json_lines(fit_and_open())

    def open_with(loaded: LoadedModel, kind: str) -> int:
        run, shown_as = require_fittable(loaded), split_prior(loaded.folder)[0]
        if kind == TRAINED and run.resolve_prior(None) is None:
            return registry.add(run.folder, shown_as)  # the trained prior is the default
        return registry.add(Path(f"{run.folder}@{kind}"), f"{shown_as}@{kind}")

    return routes


def require_fittable(loaded: LoadedModel) -> Run:
    """Return the run of a model.

    Raises:
        UserError: No prior can be fitted to it (code "not-fittable").
    """
    if loaded.run is None or not loaded.can_fit_prior:
        raise UserError(
            Text(
                "No prior can be fitted to {name} here: choose an autoencoder or a VAE of "
                "your own whose training has ended.",
                name=loaded.name,
            ),
            code="not-fittable",
        )
    return loaded.run
