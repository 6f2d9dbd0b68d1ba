"""The one training loop, for every family."""

import time
from dataclasses import replace
from pathlib import Path

import torch

from latentarium.config import Config
from latentarium.data.batches import Batch, Batches
from latentarium.data.dataset import Data, Split
from latentarium.data.sources import load_data
from latentarium.errors import NonFiniteError, StoppedError, UserError
from latentarium.memory import keep_freed_memory
from latentarium.models.game import Loss, Player
from latentarium.models.inference import fixed_grid
from latentarium.rng import Noise
from latentarium.run import Run
from latentarium.run.checkpoints import Checkpoint
from latentarium.training.distributed import World, join
from latentarium.training.game import copy_parameters, norms, parameter_deltas, play_move
from latentarium.training.held_out import HeldOut
from latentarium.training.logging import Heartbeat, Record, Reporter
from latentarium.training.model_card import model_card
from latentarium.training.schedule import learning_rate, snapshot_steps
from latentarium.training.signals import Stop, stoppable
from latentarium.training.state import State

BATCH_NORMS = (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)


def train(
    config: Config,
    folder: str | Path,
    data: Data | None = None,
    *,
    reporter: Reporter | None = None,
) -> Run:
    """Trains into a folder, or resumes what the folder holds: the same call does both.

    Ctrl-C and SIGTERM end it after the step in progress, with a checkpoint. Under `torchrun`, all
    processes train together: each takes its part of each batch, and the first one writes.

    Arguments:
        config: What to train, for instance `presets.cgan_mnist()`.
        folder: The run's folder.
        data: What to train on; None loads `config.train.data`.
        reporter: Where progress goes; None: nowhere.

    Raises:
        UserError: The folder holds another run, the data don't fit the model, a loss is not
            finite, or a file can't be written.
        StoppedError: A signal ended it; a `KeyboardInterrupt`.
    """
    settings = config.train
    data = load_data(settings.data, size=settings.image_size) if data is None else data
    keep_freed_memory()
    with join(pick_device(settings.device)) as world:
        # made first: settings that can't work must not claim the folder
        trainer = Trainer(config, data, world)
        run = world.from_first(lambda: Run.start(folder, config, data.card))
        if not world.first:
            trainer.follow()
            return run
        with run.lock(), stoppable() as stop:
            try:
                trainer.lead(run, reporter or Reporter(), stop)
            except NonFiniteError as error:
                raise UserError(f"{error.what}. {run.last_good()}; {error.fix}.") from None
    return run


def finish(folder: str | Path) -> Run:
    """Ends a training early: what its newest checkpoint learned becomes the weights for use. The
    same `train` goes on from there all the same.

    Raises:
        UserError: Another process is training it, or there is no checkpoint yet.
    """
    run = Run(folder)
    with run.lock():
        saved = run.latest_checkpoint()
        if saved is None:
            raise UserError(f"{folder} has no checkpoint yet: let it train for longer.")
        state = State(run.config, run.data, torch.device("cpu"))
        state.restore(saved.tensors)
        run.save_weights(state.use())
        run.save_card(model_card(run, state.use(), saved.step))
    return run


class Trainer:
    """State and batches of one training, and its steps.

    Arguments:
        config: What to train.
        data: What to train on.
        world: The processes that do it.
    """

    def __init__(self, config: Config, data: Data, world: World) -> None:
        settings = config.train
        self.config, self.settings, self.world = config, settings, world
        self.state = State(config, data.card, world.device)
        if world.size > 1 and any(isinstance(m, BATCH_NORMS) for m in self.state.model.modules()):
            raise UserError(
                "norm 'batch' takes statistics of the whole batch, which several processes don't "
                "see: set it to 'none', or train on one process."
            )
        # labels that nobody looks at need not be gathered
        seen = data.train if config.model.takes_label else Split(data.train.images, None)
        self.batches = Batches(seen, settings.batch_size, settings.seed, world.device, world.shard)
        self.held_out = HeldOut(data.validation, settings.batch_size, settings.seed, world.device)
        self.players = [
            in_precision(player, settings.precision, world.device) for player in self.state.players
        ]
        self.record = Record()

    def lead(self, run: Run, reporter: Reporter, stop: Stop) -> None:
        """Trains, logs and saves; the other processes `follow`."""
        state, settings = self.state, self.settings
        self.restore(run)
        keep = snapshot_steps(settings.steps, settings.snapshots)
        reporter.start(self.config, state.step)
        clock = time.monotonic() - state.seconds
        heart = Heartbeat(run)
        heart.beat(state.step, state.seconds)
        if state.step == 0 and 0 in keep:
            run.save_snapshot(0, state.model)
        while state.step < settings.steps:
            self.step()
            state.seconds = time.monotonic() - clock
            heart.beat(state.step, state.seconds)
            done = state.step == settings.steps
            if self.logs_at(state.step):
                row = self.row()
                run.append_log(row)
                reporter.update(state.step, row)
            if settings.sample_every and (done or state.step % settings.sample_every == 0):
                run.save_samples(state.step, fixed_grid(state.use()))
            if state.step in keep:
                run.save_snapshot(state.step, state.model)
            stopped = self.world.any(bool(stop), state.step)
            if done or stopped or state.step % settings.checkpoint_every == 0:
                self.record.check()
                state.check()
                run.save_checkpoint(Checkpoint(state.step, state.seconds, state.tensors()))
                heart.beat(state.step, state.seconds, now=True)
            if stopped and not done:
                raise StoppedError(stop.signal or 15)
        run.save_weights(state.use())
        run.save_card(model_card(run, state.use(), state.step))
        reporter.end(state.seconds)

    def follow(self) -> None:
        """Trains beside the first process, which alone logs and saves."""
        state = self.state
        with stoppable() as stop:
            self.restore(None)
            while state.step < self.settings.steps:
                self.step()
                if self.logs_at(state.step):
                    self.record.flush(self.world, state.step, 0, 0.0)
                stopped = self.world.any(bool(stop), state.step)
                if stopped and state.step < self.settings.steps:
                    raise StoppedError(stop.signal or 15)

    def restore(self, run: Run | None) -> None:
        """Goes on from the newest checkpoint, which the first process reads for all."""
        saved = self.world.from_first(lambda: run.latest_checkpoint() if run else None)
        if saved is not None:
            self.state.restore(saved.tensors)
            self.state.step, self.state.seconds = saved.step, saved.seconds

    def step(self) -> None:
        """One round of the game: each player moves once."""
        state, seed, world = self.state, self.settings.seed, self.world
        step = state.step
        rate = learning_rate(self.config.optimizer, step, self.settings.steps)
        logging = self.logs_at(step + 1) and world.first
        for index, player in enumerate(self.players):
            batch = self.batches.draw(step * len(self.players) + index)
            noise = Noise(seed, step, player.name, device=world.device, shard=world.shard)
            optimizer = state.optimizers[player.name]
            optimizer.param_groups[0]["lr"] = rate
            before = copy_parameters(state.model) if logging else None
            loss = play_move(player, state.model, optimizer, batch, noise, world.share)
            self.record.add(player.name, step, loss)
            if before is not None:
                self.record.note(player.name, parameter_deltas(player, state.model, before))
                self.record.note(player.name, norms(player))
        state.update_average()
        state.step += 1

    def logs_at(self, step: int) -> bool:
        """Whether the log gets a row after so many steps."""
        return step % self.settings.log_every == 0 or step == self.settings.steps

    def row(self) -> dict[str, object]:
        """The log's row of this step."""
        state, settings = self.state, self.settings
        for player in state.players:
            self.record.note(player.name, self.held_out.loss(player, state.model))
        # the last player decodes
        self.record.note(state.players[-1].name, self.held_out.diversity(state.model))
        rate = learning_rate(self.config.optimizer, state.step - 1, settings.steps)
        images = state.step * settings.batch_size
        row = self.record.flush(self.world, state.step, images, rate)
        scores = self.held_out.scores(state.model)
        row |= {"scores": scores} if scores else {}
        return {**row, "seconds": round(state.seconds, 3), "processes": self.world.size}


def in_precision(player: Player, precision: str, device: torch.device) -> Player:
    """The player, whose layers compute in this precision while it moves."""
    if precision == "float32":
        return player

    def loss(batch: Batch, noise: Noise) -> Loss:
        with torch.autocast(device.type, torch.bfloat16):
            return player.loss(batch, noise)

    return replace(player, loss=loss)


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
