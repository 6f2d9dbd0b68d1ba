"""The data of a run."""

from latentarium.data.dataset import Data
from latentarium.data.sources import load_data
from latentarium.errors import UserError
from latentarium.run import Run


def load_run_data(run: Run, source: str | None = None) -> Data:
    """Load the images that a run was trained on, or others of the same kind.

    Arguments:
        run: The run.
        source: Where the images are; None: the source that the run was trained on.

    Raises:
        UserError: The source no longer contains the same images (code "data-changed"), or other
            images have another shape or other classes (code "data-mismatch").
    """
    data = load_data(source or run.config.train.data, size=run.config.train.image_size)
    card = data.card
    if source is None and card.fingerprint != run.data.fingerprint:
        raise UserError(
            f"{run.config.train.data} no longer contains the images that {run.folder} was trained "
            f"on (fingerprint {card.fingerprint[:12]}, not {run.data.fingerprint[:12]}): give "
            "them with --data.",
            code="data-changed",
        )
    if card.image_shape != run.data.image_shape or card.classes != run.data.classes:
        raise UserError(
            f"{card.source} has images of shape {card.image_shape} and {len(card.classes)} "
            f"classes; {run.folder} was trained on {run.data.image_shape} and "
            f"{len(run.data.classes)}: give data of the same kind.",
            code="data-mismatch",
        )
    return data
