"""Try settings on one batch before a folder is claimed for them, and choose those left open."""

from dataclasses import replace

import torch

from latentarium.config import Config
from latentarium.data.batches import Batches
from latentarium.errors import UserError
from latentarium.rng import Noise
from latentarium.texts import Text
from latentarium.training.game import freeze_others
from latentarium.training.precision import at_precision, gains_from_bfloat16
from latentarium.training.state import State
from latentarium.training.threads import counting_work, suitable_threads

REPLACED_THREADS = 2
"""One thread in bfloat16 is chosen in place of up to this many in float32."""
OUT_OF_MEMORY = ("out of memory", "not enough memory", "can't allocate memory")
"""Parts of the messages of torch when memory is exhausted."""
BATCH_NORM_ERROR = "more than 1 value per channel"
"""Part of torch's message when batch normalization gets a single value."""


def fit_to_machine(config: Config, state: State, batches: Batches, processes: int = 1) -> Config:
    """Try the settings on one batch, and choose the number of threads and the precision if the
    configuration doesn't name them.

    Either several threads or bfloat16 is chosen. Convolutions in bfloat16 on several threads wait
    by spinning, whatever the settings of OpenMP: next to another training on the same two cores, a
    step takes 13 times as long. Several processes train in float32 too, since sums over
    parts of a batch would be rounded to bfloat16.

    Arguments:
        config: The configuration.
        state: The initial state.
        batches: The training data.
        processes: The number of processes that train together.

    Raises:
        UserError: As for `rehearse`.
    """
    settings = config.train
    work = rehearse(state, batches, settings.precision)
    threads = settings.threads or suitable_threads(work)
    precision = settings.precision
    if precision == "auto":
        one_is_enough = threads == 1 or (settings.threads == 0 and threads <= REPLACED_THREADS)
        gains = one_is_enough and processes == 1 and gains_from_bfloat16(work, batches.device)
        precision = "bfloat16" if gains and _computes_in_bfloat16(state, batches) else "float32"
    if precision == "bfloat16" and settings.threads == 0:
        threads = 1
    return replace(config, train=replace(settings, threads=threads, precision=precision))


def _computes_in_bfloat16(state: State, batches: Batches) -> bool:
    """Return whether the model, which may have custom components, can train in bfloat16."""
    try:
        rehearse(state, batches, "bfloat16")
    except (RuntimeError, TypeError, UserError):
        return False
    return True


def rehearse(state: State, batches: Batches, precision: str) -> int:
    """Compute each player's loss and its gradient on one batch, and change nothing.

    Arguments:
        state: The initial state.
        batches: The training data.
        precision: The precision of the training.

    Returns:
        The multiply-adds in the forward passes of a step.

    Raises:
        UserError: The batch has too few images for batch normalization (code
            "batch-too-small"), or the memory is exhausted (code "out-of-memory").
    """
    model, settings = state.model, state.config.train
    batch = batches.draw(0)
    saved = [(buffer, buffer.clone()) for buffer in model.buffers()]
    devices = [batches.device] if batches.device.type == "cuda" else []
    try:
        # custom components may use torch's random state
        with torch.random.fork_rng(devices), counting_work(model) as work:
            for player in at_precision(state.players, precision):
                noise = Noise("rehearsal", settings.seed, device=batches.device)
                with freeze_others(player, model):
                    player.loss(batch, noise).total.backward()
    except ValueError as error:
        if BATCH_NORM_ERROR not in str(error):
            raise
        raise UserError(
            Text(
                "batch_size is {batch_size} and norm is 'batch', which needs the "
                "statistics of several images. Give a batch_size of at least 2, or set "
                "norm to 'none'.",
                batch_size=settings.batch_size,
            ),
            code="batch-too-small",
        ) from None
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not is_out_of_memory(error):
            raise
        raise UserError(
            Text(
                "A batch of {batch_size:,} images needs more memory than there is "
                "({reason}). Give a smaller batch_size, or a smaller model.",
                batch_size=settings.batch_size,
                reason=str(error)[:100].strip(),
            ),
            code="out-of-memory",
        ) from None
    finally:
        for buffer, value in saved:
            buffer.copy_(value)
        for parameter in model.parameters():
            parameter.grad = None
    return work.count


def is_out_of_memory(error: RuntimeError) -> bool:
    """Return whether an error of torch means that the memory is exhausted."""
    return any(text in str(error) for text in OUT_OF_MEMORY)
