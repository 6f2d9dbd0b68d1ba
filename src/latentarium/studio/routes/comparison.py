"""What was measured of models, side by side, and the measuring of those that were not."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from latentarium.errors import UserError
from latentarium.evaluation.report import Report
from latentarium.studio.compare.evaluation_queue import EvaluationQueue
from latentarium.studio.compare.table import table
from latentarium.studio.registry import PACKAGE, Exhibit, Gallery

COLUMNS = 4


def router(gallery: Gallery, at_work: EvaluationQueue) -> APIRouter:
    """The routes of measurements."""
    routes = APIRouter(prefix="/api")

    @routes.get("/comparison")
    def comparison(
        model: Annotated[list[int], Query(min_length=1, max_length=COLUMNS)],
    ) -> dict[str, Any]:
        """A table with a column for each measured model, and of each model why it has none."""
        columns, reports = [], {}
        for index in dict.fromkeys(model):
            report, reason = report_of(gallery[index])
            can = report is None and can_be_measured(gallery[index])
            columns.append({"model": index, "reason": reason, "can_be_measured": can})
            if report is not None:
                name = gallery[index].name
                reports[gallery[index].folder if name in reports else name] = report
        measured = [one["model"] for one in columns if not one["reason"]]
        return {"columns": columns, "measured": measured, **table(reports)}

    @routes.post("/models/{index}/measuring")
    def measure(index: int) -> dict[str, Any]:
        exhibit = gallery[index]
        if not can_be_measured(exhibit) or exhibit.run is None:
            raise UserError(
                f"{exhibit.name} can't be measured here: its training goes on, or its folder is "
                "not yours."
            )
        at_work.add(index, exhibit.run.folder, gallery.data)
        return at_work.state()

    @routes.get("/measuring")
    def state() -> dict[str, Any]:
        return at_work.state()

    @routes.delete("/measuring")
    def leave() -> dict[str, Any]:
        """Those that wait are not measured."""
        at_work.clear()
        return at_work.state()

    return routes


def report_of(exhibit: Exhibit) -> tuple[Report | None, str]:
    """What was measured of a model as it is, or why that is not known."""
    if exhibit.run is None:
        return None, "unmeasured"
    try:
        kept = exhibit.run.metrics()
        if kept is None:
            return None, "unmeasured"
        if kept.get("weights") != exhibit.run.weights_hash():
            return None, "trained on since"
        return Report.from_dict(kept), ""
    except UserError as error:
        return None, str(error)


def can_be_measured(exhibit: Exhibit) -> bool:
    """Whether its measurements may be written beside it."""
    ended = exhibit.run is not None and exhibit.step is None
    return ended and not exhibit.folder.startswith(PACKAGE)
