"""Routes for measurements of runs: cost, diagnosis, duality gap."""

from typing import Any

from fastapi import APIRouter

from latentarium.studio.responses import StreamedResponse, json_lines
from latentarium.studio.routes.training import TrainingBody
from latentarium.studio.services import Services


def router(services: Services) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/api")
    checkups = services.checkups

    @routes.post("/estimate")
    def estimate(body: TrainingBody) -> StreamedResponse:
        """Estimate the cost of a training from a few steps, without writing files."""
        return json_lines(checkups.estimate(body.to_request()))

    @routes.post("/runs/{name}/doctor")
    def diagnose(name: str) -> StreamedResponse:
        return json_lines(checkups.diagnose(name))

    @routes.get("/runs/{name}/duality-gap")
    def duality_gap(name: str) -> dict[str, Any]:
        return checkups.duality_gap(name)

    @routes.post("/runs/{name}/duality-gap")
    def measure_duality_gap(name: str) -> dict[str, Any]:
        return checkups.measure_duality_gap(name)

    @routes.delete("/runs/{name}/duality-gap")
    def stop_duality_gap(name: str) -> dict[str, Any]:
        return checkups.stop_duality_gap(name)

    return routes
