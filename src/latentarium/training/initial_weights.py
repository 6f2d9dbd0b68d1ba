"""Start a training from the weights of another run (fine-tuning)."""

from pathlib import Path

from torch import Tensor

from latentarium.errors import UserError
from latentarium.run import InitialWeights, Run
from latentarium.run.shipped_models import SHIPPED_PREFIX
from latentarium.run.weights import shape_differences
from latentarium.training.distributed import Distributed
from latentarium.training.state import State


def load_initial_weights(
    source: str | Path | None, state: State, distributed: Distributed, *, partial: bool
) -> InitialWeights | None:
    """Load the weights of another run into a new state, both into the model and into its EMA.

    The optimizers have no moments yet. Only the main process reads the other run.

    Arguments:
        source: The folder of the other run, or shipped:NAME; None changes nothing.
        state: The initial state.
        distributed: The processes that train together; each must call this function.
        partial: Whether to load only the tensors that fit, instead of requiring that all fit.

    Returns:
        What was loaded, for config.json; None without a source.

    Raises:
        UserError: The other run has no weights, or they do not fit (code
            "initial-weights-mismatch").
    """
    if source is None:
        if partial:
            raise UserError(
                "init_partial is True, but no run is given whose weights to start from. Give "
                "init_from too.",
                code="invalid-setting",
            )
        return None
    own = state.model.state_dict()
    initial, tensors = distributed.broadcast_from_main(
        lambda: _read(source, own, state.config.model.kind, partial)
    )
    state.model.load_state_dict(own | tensors)
    state.ema.load_state_dict(own | tensors)
    return initial


def _read(
    source: str | Path, own: dict[str, Tensor], kind: str, partial: bool
) -> tuple[InitialWeights, dict[str, Tensor]]:
    """Return the tensors of another run that fit, and their description."""
    run = Run(source)
    stored = run.weights_of()
    stored_shapes = {name: tuple(tensor.shape) for name, tensor in stored.items()}
    own_shapes = {name: tuple(tensor.shape) for name, tensor in own.items()}
    differences = shape_differences(stored_shapes, own_shapes)
    fitting = [name for name, shape in own_shapes.items() if stored_shapes.get(name) == shape]
    if differences and not partial:
        raise UserError(
            f"The weights of {source}, a {run.config.model.kind} for images of shape "
            f"{run.data.image_shape} with {len(run.data.classes)} classes, do not fit this {kind} "
            f"({', '.join(differences)}). Give the model settings and the kind of data of that "
            "run, or load only the tensors that fit with --init-partial (init_partial=True).",
            code="initial-weights-mismatch",
        )
    if not fitting:
        raise UserError(
            f"No tensor of {source} fits this {kind}. Start from a run with the same model "
            "settings.",
            code="initial-weights-mismatch",
        )
    initial = InitialWeights(
        run=run.id,
        name=str(source) if str(source).startswith(SHIPPED_PREFIX) else run.folder.resolve().name,
        step=run.saved_step(),
        weights=run.weights_hash(),
        loaded=len(fitting),
        skipped=tuple(name for name in own if name not in fitting),
    )
    return initial, {name: stored[name] for name in fitting}


def require_given(run: Run, given: InitialWeights | None) -> None:
    """Check that the weights from which a run without checkpoints started are given again.

    Raises:
        UserError: They are not (code "initial-weights-missing").
    """
    if given is None and run.initial_weights is not None:
        raise UserError(
            f"{run.folder} has no checkpoint yet, and starts from the weights of "
            f"{run.initial_weights.name}. Give that run again, with --init-from (init_from).",
            code="initial-weights-missing",
        )
