"""What is measured of trainings when the page asks: cost, health, distance from equilibrium."""

from typing import Any

from fastapi import APIRouter

from latentarium.studio.limiter import Streamed
from latentarium.studio.routes.answers import streamed
from latentarium.studio.routes.training import Asked
from latentarium.studio.training.checkup import Measurements
from latentarium.studio.training.jobs import Trainings


def router(trainings: Trainings) -> APIRouter:
    """The routes of these measurements."""
    routes = APIRouter(prefix="/api")
    measured = Measurements(trainings)

    @routes.post("/estimate")
    def estimate(asked: Asked) -> Streamed:
        """A few steps are taken, and nothing is written."""
        return streamed(measured.estimate(asked.wish()))

    @routes.post("/runs/{name}/doctor")
    def examine(name: str) -> Streamed:
        return streamed(measured.examine(name))

    @routes.get("/runs/{name}/gap")
    def gap(name: str) -> dict[str, Any]:
        return measured.gap(name)

    @routes.post("/runs/{name}/gap")
    def measure_gap(name: str) -> dict[str, Any]:
        return measured.measure_gap(name)

    @routes.delete("/runs/{name}/gap")
    def leave_gap(name: str) -> dict[str, Any]:
        return measured.leave_gap(name)

    return routes
