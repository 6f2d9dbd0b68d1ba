"""Name the last good checkpoint in the error of a training that diverged."""

from collections.abc import Iterator
from contextlib import contextmanager

from latentarium.errors import NonFiniteError, UserError
from latentarium.run import Run
from latentarium.texts import Text


@contextmanager
def naming_last_checkpoint(run: Run) -> Iterator[None]:
    """Add the path of the last good checkpoint to the message of a `NonFiniteError`."""
    try:
        yield
    except NonFiniteError as error:
        steps = run.checkpoints()
        last = Text("There is no checkpoint yet")
        if steps:
            last = Text(
                "The last good checkpoint is from step {step:,}, {path}",
                step=steps[-1],
                path=run.checkpoint_path(steps[-1]),
            )
        message = Text("{what}. {last}; {fix}.", what=error.what, last=last, fix=error.fix)
        raise UserError(message, code=error.code) from None
