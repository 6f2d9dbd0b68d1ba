"""Everything that the routes of one application share."""

from collections.abc import Callable
from dataclasses import dataclass

from latentarium.studio.compare.evaluation_queue import EvaluationQueue
from latentarium.studio.limiter import RequestLimiter
from latentarium.studio.registry import ModelRegistry
from latentarium.studio.training.checkups import Checkups
from latentarium.studio.training.jobs import TrainingJobs
from latentarium.studio.training.uploads import Uploads


@dataclass(frozen=True, kw_only=True)
class Services:
    """The parts of one application that routes use."""

    registry: ModelRegistry
    limiter: RequestLimiter
    trainings: TrainingJobs
    uploads: Uploads
    checkups: Checkups
    measuring: EvaluationQueue
    describe_error: Callable[[Exception], str]
    """Turns an error into a message for clients, without paths outside the runs."""
    is_stopping: Callable[[], bool]
    """Whether the server is shutting down, so that streams must end."""
