"""Routes that compare the measurements of models, and evaluate models without measurements."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from latentarium.errors import UserError
from latentarium.evaluation.report import Report
from latentarium.studio.compare.table import table
from latentarium.studio.loaded_model import LoadedModel
from latentarium.studio.services import Services
from latentarium.texts import Text, text_to_json

MAX_MODELS = 4
"""Maximum number of models in a comparison."""


def router(services: Services) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/api")
    registry, measuring = services.registry, services.measuring

    @routes.get("/comparison")
    def comparison(
        model: Annotated[list[int], Query(min_length=1, max_length=MAX_MODELS)],
    ) -> dict[str, Any]:
        """Return a table of all measured models, and why the other models have no column."""
        columns, reports = [], {}
        for index in dict.fromkeys(model):
            loaded = registry[index]
            report, reason = report_of(loaded)
            measurable = report is None and can_be_measured(loaded)
            column = {"model": index, "reason": reason, "reason_text": text_to_json(reason)}
            columns.append({**column, "can_be_measured": measurable})
            if report is not None:
                reports[loaded.folder if loaded.name in reports else loaded.name] = report
        measured = [column["model"] for column in columns if not column["reason"]]
        return {"columns": columns, "measured": measured, **table(reports)}

    @routes.post("/models/{index}/measuring")
    def measure(index: int) -> dict[str, Any]:
        loaded = registry[index]
        if not can_be_measured(loaded) or loaded.run is None:
            raise UserError(
                Text(
                    "{name} can't be measured here: choose a run whose training has ended and "
                    "that does not ship with the package.",
                    name=loaded.name,
                ),
                code="not-measurable",
            )
        measuring.add(index, loaded.run.folder, registry.data, loaded.prior)
        return measuring.state()

    @routes.get("/measuring")
    def state() -> dict[str, Any]:
        return measuring.state()

    @routes.delete("/measuring")
    def leave() -> dict[str, Any]:
        """Empty the queue; the current measurement continues."""
        measuring.clear()
        return measuring.state()

    @routes.post("/measuring/stop")
    def stop() -> dict[str, Any]:
        """Empty the queue and stop the current measurement."""
        measuring.stop()
        return measuring.state()

    return routes


def report_of(loaded: LoadedModel) -> tuple[Report | None, str]:
    """Return the measurements of a model's current weights, or None and why there are none."""
    if loaded.run is None:
        return None, "unmeasured"
    try:
        prior = loaded.latent_map.model.fitted_prior
        metrics = loaded.run.metrics(prior)
        if metrics is None:
            return None, "unmeasured"
        if metrics.get("weights") != loaded.run.weights_hash(prior):
            return None, "trained on since"
        return Report.from_dict(metrics), ""
    except UserError as error:
        return None, error.text


def can_be_measured(loaded: LoadedModel) -> bool:
    """Return whether measurements may be written to the model's run folder."""
    has_ended = loaded.run is not None and loaded.step is None
    return has_ended and not loaded.is_shipped
