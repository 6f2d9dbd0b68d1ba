"""Train a model without a run folder, for callers that need only the model."""

from latentarium.config import Config
from latentarium.data.dataset import Data
from latentarium.errors import NonFiniteError
from latentarium.memory import keeping_freed_memory
from latentarium.models.base import LatentModel
from latentarium.training.device import pick_device
from latentarium.training.distributed import Distributed
from latentarium.training.game import play_round
from latentarium.training.loop import is_log_step, prepare
from latentarium.training.precision import at_precision
from latentarium.training.rehearsal import fit_to_machine
from latentarium.training.schedule import learning_rate
from latentarium.workers import threads


@keeping_freed_memory()
def train_in_memory(config: Config, data: Data) -> LatentModel:
    """Train a model in this process, and write no files.

    The weights are those of `train` with the same configuration and data. The validation and test
    splits are not used.

    Returns:
        The EMA model on the CPU, in evaluation mode.

    Raises:
        UserError: The settings are invalid for the data, as for `train`.
        NonFiniteError: A loss or a parameter is not finite.
    """
    settings = config.train
    distributed = Distributed(pick_device(settings.device))
    state, batches = prepare(config, data, distributed)
    chosen = fit_to_machine(config, state, batches).train
    players = at_precision(state.players, chosen.precision)
    with threads(chosen.threads):
        while state.step < settings.steps:
            log_due = is_log_step(state.step + 1, settings)
            moves = play_round(
                state.model,
                players,
                state.optimizers,
                batches,
                step=state.step,
                seed=settings.seed,
                learning_rate=learning_rate(config.optimizer, state.step, settings.steps),
                distributed=distributed,
            )
            state.update_ema()
            state.step += 1
            if not log_due:
                continue
            for name, move in moves.items():
                if not bool(move.loss.total.isfinite()):
                    raise NonFiniteError(
                        f"The {name}'s loss is not finite at step {state.step}",
                        "lower the learning rate",
                    )
        state.require_finite()
    return state.ema_model().cpu().eval()
