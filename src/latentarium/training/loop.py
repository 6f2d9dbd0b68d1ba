"""The one training loop, for every family."""

import time
from pathlib import Path

import torch

from latentarium.config import Config
from latentarium.data.batches import Batches
from latentarium.data.dataset import Data
from latentarium.data.sources import load_data
from latentarium.errors import UserError
from latentarium.models.game import changes, copy_parameters, lengths, move
from latentarium.random import Noise
from latentarium.run import Checkpoint, Run
from latentarium.sampling import fixed_grid
from latentarium.training.card import model_card
from latentarium.training.held_out import HeldOut
from latentarium.training.log import Record, Reporter
from latentarium.training.schedule import learning_rate, snapshot_steps
from latentarium.training.state import State


def train(
    config: Config,
    folder: str | Path,
    data: Data | None = None,
    *,
    reporter: Reporter | None = None,
) -> Run:
    """Trains into a folder, or resumes what the folder holds: the same call does both.

    Arguments:
        config: What to train, for instance `presets.cgan_mnist()`.
        folder: The run's folder.
        data: What to train on; None loads `config.train.data`.
        reporter: Where progress goes; None: nowhere.

    Raises:
        UserError: The folder holds another run, the data don't fit the model, a loss is not
            finite, or a file can't be written.
    """
    settings = config.train
    data = load_data(settings.data) if data is None else data
    device = pick_device(settings.device)
    # made first: settings that can't work must not claim the folder
    state = State(config, data.card, device)
    batches = Batches(data.train, settings.batch_size, settings.seed, device)
    held_out = HeldOut(data.validation, settings.batch_size, settings.seed, device)
    run = Run.start(folder, config, data.card)
    reporter = reporter or Reporter()
    with run.lock():
        saved = run.latest_checkpoint()
        if saved is not None:
            state.restore(saved.tensors)
            state.step, state.seconds = saved.step, saved.seconds
        keep = snapshot_steps(settings.steps, settings.snapshots)
        record = Record()
        reporter.start(config, state.step)
        clock = time.monotonic() - state.seconds
        if state.step == 0 and 0 in keep:
            run.save_snapshot(0, state.model)

        while state.step < settings.steps:
            step = state.step
            rate = learning_rate(config.optimizer, step, settings.steps)
            logging = (step + 1) % settings.log_every == 0 or step + 1 == settings.steps
            for index, player in enumerate(state.players):
                batch = batches.draw(step * len(state.players) + index)
                noise = Noise(settings.seed, step, player.name, device=device)
                optimizer = state.optimizers[player.name]
                optimizer.param_groups[0]["lr"] = rate
                before = copy_parameters(state.model) if logging else None
                loss = move(player, state.model, optimizer, batch, noise)
                record.add(player.name, step, loss)
                if before is not None:
                    record.note(player.name, changes(player, state.model, before))
                    record.note(player.name, lengths(player))
            state.update_average()
            state.step += 1
            state.seconds = time.monotonic() - clock

            done = state.step == settings.steps
            if logging:
                for player in state.players:
                    found = held_out.loss(player, state.model)
                    record.note(player.name, found)
                record.note(state.players[-1].name, held_out.diversity(state.model))  # it decodes
                row = record.flush(state.step, state.step * settings.batch_size, rate)
                run.append_log({**row, "seconds": round(state.seconds, 3)})
                reporter.update(state.step, row)
            if settings.sample_every and (done or state.step % settings.sample_every == 0):
                run.save_samples(state.step, fixed_grid(state.use()))
            if state.step in keep:
                run.save_snapshot(state.step, state.model)
            if done or state.step % settings.checkpoint_every == 0:
                record.check()
                state.check()
                run.save_checkpoint(Checkpoint(state.step, state.seconds, state.tensors()))
        run.save_weights(state.use())
        run.save_card(model_card(run, state.use()))
        reporter.end(state.seconds)
    return run


def pick_device(name: str) -> torch.device:
    """A torch device by name; "auto" takes a GPU if there is one."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"There is no device '{name}' here ({reason}): try 'cpu'.") from None
    return device
