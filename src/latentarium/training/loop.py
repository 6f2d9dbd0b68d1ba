"""The training loop, which all model families share."""

import os
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import torch

from latentarium.arguments import describe
from latentarium.config import Config, DataCard, TrainConfig
from latentarium.data.batches import Batches
from latentarium.data.class_counts import list_names, unseen_classes
from latentarium.data.dataset import Data, Split
from latentarium.data.sources import load_data, load_training_data
from latentarium.errors import StoppedError, UserError
from latentarium.memory import keeping_freed_memory
from latentarium.models.build import model_shapes, require_memory
from latentarium.models.inference import fixed_grid
from latentarium.run import InitialWeights, Run
from latentarium.training.device import pick_device
from latentarium.training.distributed import Distributed, join_processes
from latentarium.training.game import play_round
from latentarium.training.held_out import HeldOutBatch
from latentarium.training.initial_weights import load_initial_weights, require_given
from latentarium.training.last_checkpoint import naming_last_checkpoint
from latentarium.training.logging import LossLogger, ProgressFile, Reporter
from latentarium.training.model_card import model_card
from latentarium.training.precision import at_precision
from latentarium.training.rehearsal import fit_to_machine
from latentarium.training.schedule import learning_rate, snapshot_steps
from latentarium.training.signals import catch_stop_signals
from latentarium.training.state import State
from latentarium.workers import threads

BATCH_NORMS = (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)


@keeping_freed_memory()
def train(
    config: Config,
    folder: str | Path,
    data: object = None,
    *,
    init_from: str | Path | None = None,
    init_partial: bool = False,
    reporter: Reporter | None = None,
) -> Run:
    """Train a model and save the run in a folder, or resume the run that the folder contains.

    To resume an interrupted run, repeat the call. On a CPU the result is bit-identical to that of
    an uninterrupted run. Ctrl-C and SIGTERM stop the training after the current step and save a
    checkpoint. Under `torchrun` all processes train together: each one computes on its shard of
    each batch, and the main process writes the files.

    More steps than those of the run in the folder extend it. With a constant learning rate, the
    weights are then bit-identical to those of a run that had all the steps from the start. A
    cosine schedule spans all steps, so an extended run follows the schedule of the new number of
    steps from there on, and its weights differ.

    Arguments:
        config: The configuration, for instance `presets.cgan_mnist()`.
        folder: The run folder.
        data: The training data: `Data`, or any source that `load_data` takes. A name or a path is
            stored in the run's configuration, as `--data` does. None loads `config.train.data`.
        init_from: A run whose weights the training starts from (fine-tuning), or shipped:NAME;
            None for random weights. A run that is resumed goes on from its own weights.
        init_partial: Whether to load only the tensors of that run that have the names and shapes
            of this one's, instead of requiring that all fit.
        reporter: Receives the progress; None reports nothing.

    Raises:
        UserError: The folder contains another run, or a trained model without a checkpoint (code
            "no-checkpoint"), the data or the initial weights do not fit the model (code
            "initial-weights-mismatch"), a loss is not finite (code "not-finite"), or a file can't
            be written. A folder is claimed only after the settings were tried on a batch.
        StoppedError: A signal stopped the training. This error is a `KeyboardInterrupt`.
    """
    config, data = with_data(config, data)
    settings = config.train
    reporter = reporter or Reporter()
    with join_processes(pick_device(settings.device)) as distributed:
        if distributed.is_main:
            warn_of_unseen_classes(data)
        # before the folder is claimed: settings that can't work must not create a run
        state, batches = prepare(config, data, distributed)
        initial = load_initial_weights(init_from, state, distributed, partial=init_partial)
        if not Run.is_at(Path(folder)):
            config = fit_to_machine(config, state, batches, distributed.size)
        with (
            claim(folder, config, data.card, initial, distributed) as run,
            threads(run.config.train.threads),
            catch_stop_signals() as stop_request,
            naming_last_checkpoint(run),
        ):
            precision = run.config.train.precision
            players = at_precision(state.players, precision)
            losses = LossLogger()
            checkpoint = distributed.broadcast_from_main(run.latest_checkpoint)
            if checkpoint is not None:
                state.restore(checkpoint)
                losses.restore(checkpoint.tensors, state.players, state.step, distributed.device)
            else:
                begin(run, state, initial, distributed)
            if distributed.is_main and settings.steps > run.config.train.steps:
                run.extend(settings.steps, state.step)
            held_out = HeldOutBatch(
                data.validation, settings.batch_size, settings.seed, distributed.device
            )
            progress = ProgressFile(run)
            snapshots = snapshot_steps(settings.steps, settings.snapshots)
            started = time.monotonic() - state.seconds
            if distributed.is_main:
                reporter.describe_data(data)
                reporter.start(run, state.step)
                progress.update(state.step, state.seconds)
                if state.step == 0 and 0 in snapshots:
                    run.save_snapshot(0, state.ema_model())

            while state.step < settings.steps:
                rate = learning_rate(config.optimizer, state.step, settings.steps)
                log_due = is_log_step(state.step + 1, settings)
                moves = play_round(
                    state.model,
                    players,
                    state.optimizers,
                    batches,
                    step=state.step,
                    seed=settings.seed,
                    learning_rate=rate,
                    distributed=distributed,
                    measure=log_due and distributed.is_main,
                )
                losses.add(state.step, moves)
                state.update_ema()
                state.step += 1
                state.seconds = time.monotonic() - started
                done = state.step == settings.steps
                if distributed.is_main:
                    progress.update(state.step, state.seconds)

                if log_due:
                    if distributed.is_main:
                        for player in state.players:
                            measured = held_out.loss(player, state.model)
                            losses.add_measurements(player.name, measured)
                        # the last player is the one that decodes
                        measured = held_out.diversity(state.model)
                        losses.add_measurements(state.players[-1].name, measured)
                    row = losses.flush(
                        distributed,
                        step=state.step,
                        images=state.step * settings.batch_size,
                        learning_rate=rate,
                        keep=state.step % settings.log_every != 0,
                    )
                    if distributed.is_main:
                        if histograms := held_out.logit_histograms(state.model):
                            row["scores"] = histograms
                        row["seconds"] = round(state.seconds, 3)
                        row["processes"] = distributed.size
                        run.append_log(row)
                        reporter.update(state.step, row)

                if distributed.is_main:
                    every = settings.sample_every
                    if every and (done or state.step % every == 0):
                        run.save_samples(state.step, fixed_grid(state.ema_model()))
                    if state.step in snapshots:
                        run.save_snapshot(state.step, state.ema_model())

                stop = distributed.any_rank(bool(stop_request), state.step)
                checkpoint_due = done or stop or state.step % settings.checkpoint_every == 0
                if checkpoint_due:
                    pending = losses.to_tensors(distributed)
                    if distributed.is_main:
                        losses.require_finite()
                        state.require_finite()
                        run.save_checkpoint(state.checkpoint(pending))
                        progress.update(state.step, state.seconds, force=True)
                if stop and not done:
                    raise StoppedError(stop_request.signal or 15)

            if distributed.is_main:
                save_for_use(run, state)
                reporter.end(state.seconds)
    return run


def with_data(config: Config, data: object) -> tuple[Config, Data]:
    """Return a configuration that names its data, and the data; see `train`.

    Raises:
        UserError: The configuration is none (code "wrong-type"), or as for `load_data`.
    """
    if not isinstance(config, Config):
        raise UserError(
            f"config is {describe(config)}; it must be a Config, such as "
            "latentarium.presets.get('vae_mnist').",
            code="wrong-type",
        )
    if isinstance(data, str | os.PathLike):
        config = replace(config, train=replace(config.train, data=os.fspath(data)))
        data = None
    if isinstance(data, Data):
        return config, data
    if data is None:
        return config, load_training_data(config.train)
    return config, load_data(data, size=config.train.image_size)


def warn_of_unseen_classes(data: Data) -> None:
    """Warn of classes without training images, which a conditional model can't learn."""
    unseen = unseen_classes(data)
    if unseen:
        names = list_names([data.card.classes[number] for number in unseen])
        warnings.warn(
            f"No training images of {names}: the model can't learn "
            f"{'this class' if len(unseen) == 1 else 'these classes'}. Add training images, or "
            "remove the class from the data.",
            stacklevel=3,
        )


def finish(folder: str | Path) -> Run:
    """End an interrupted run early: save the EMA weights of its newest checkpoint as its model.

    Intact weights of a later step are kept. The same `train` call can still resume the run.

    Raises:
        UserError: Another training uses the folder (code "run-locked"), or it has no checkpoint
            yet (code "no-checkpoint").
    """
    run = Run(folder)
    with run.lock():
        checkpoint = run.latest_checkpoint()
        if checkpoint is None and run.saved_step() is not None:
            return run  # a finished run whose checkpoints were removed
        if checkpoint is None:
            raise UserError(f"{folder} has no checkpoint: resume it.", code="no-checkpoint")
        state = State(run.config, run.data, torch.device("cpu"))
        state.restore(checkpoint)
        if not save_for_use(run, state):
            warnings.warn(
                f"{folder} keeps its weights of step {run.saved_step():,}, because the newest "
                f"intact checkpoint is of step {state.step:,}.",
                stacklevel=2,
            )
    return run


@contextmanager
def claim(
    folder: str | Path,
    config: Config,
    data: DataCard,
    initial_weights: InitialWeights | None,
    distributed: Distributed,
) -> Iterator[Run]:
    """Claim the run folder in the main process, and give its run to all processes."""
    with ExitStack() as stack:
        yield distributed.broadcast_from_main(
            lambda: stack.enter_context(Run.claim(folder, config, data, initial_weights))
        )


def prepare(config: Config, data: Data, distributed: Distributed) -> tuple[State, Batches]:
    """Return the initial state and the batches.

    Raises:
        UserError: The settings are invalid for this data, or for several processes.
    """
    settings, device = config.train, distributed.device
    if device.type == "cpu":  # the model, its EMA and two moments of each parameter
        require_memory(model_shapes(config.model, data.card), copies=4)
    state = State(config, data.card, device)
    uses_batch_norm = any(isinstance(m, BATCH_NORMS) for m in state.model.modules())
    if distributed.size > 1 and uses_batch_norm:
        raise UserError(
            "norm is 'batch', which needs the statistics of whole batches, but each of the "
            f"{distributed.size} processes has only a part of each batch. Set norm to 'none', or "
            "train in one process.",
            code="batch-norm-distributed",
        )
    # without unused labels, no step has to gather them
    labels = data.train.labels if state.model.takes_label else None
    split = Split(data.train.images, labels)
    batches = Batches(split, settings.batch_size, settings.seed, device, distributed.shard)
    return state, batches


def is_log_step(step: int, settings: TrainConfig) -> bool:
    """Return whether a row of the log is written after this many steps."""
    return step % settings.log_every == 0 or step == settings.steps


def save_for_use(run: Run, state: State) -> bool:
    """Save the EMA weights as the model of the run, and write the model card.

    Returns:
        False if nothing was written, because the run has intact weights of a later step.
    """
    model = state.ema_model()
    saved = run.save_weights(model, step=state.step)
    if saved:
        run.save_card(model_card(run, model, state.step))
    return saved


def begin(
    run: Run, state: State, initial: InitialWeights | None, distributed: Distributed
) -> None:
    """Start the training of a run without checkpoints from step 0.

    Raises:
        UserError: The run has weights, but no checkpoint to resume from (code "no-checkpoint"), or
            it started from other initial weights (code "other-run").
    """
    step = run.saved_step()
    if step is not None:
        raise UserError(
            f"{run.folder} has the weights of step {step:,}, but no checkpoint to resume from. To "
            f"train on from these weights, start another run with --init-from {run.folder}; to "
            "train again from the start, choose another folder.",
            code="no-checkpoint",
        )
    if run.initial_weights is not None:
        require_given(run, initial)
        if distributed.is_main:  # resuming must not need the other run
            run.save_checkpoint(state.checkpoint())
