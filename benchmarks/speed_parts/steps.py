"""A training that is advanced step by step."""

import torch

from latentarium.config import Config
from latentarium.data.dataset import Data
from latentarium.training.distributed import Distributed
from latentarium.training.game import play_round
from latentarium.training.loop import prepare
from latentarium.training.precision import at_precision
from latentarium.training.rehearsal import fit_to_machine
from latentarium.training.schedule import learning_rate
from latentarium.workers import threads


class TrainingSteps:
    """A training that is advanced step by step, without log and files, on the number of threads
    and at the precision that `train` would choose.

    Arguments:
        config: The configuration of the training.
        data: The training data.
    """

    def __init__(self, config: Config, data: Data) -> None:
        self.distributed = Distributed(torch.device("cpu"))
        self.state, self.batches = prepare(config, data, self.distributed)
        self.config = fit_to_machine(config, self.state, self.batches)
        self.threads = self.config.train.threads
        self.players = at_precision(self.state.players, self.config.train.precision)

    def step(self) -> None:
        """Let each player move once."""
        with threads(self.threads):
            play_round(
                self.state.model,
                self.players,
                self.state.optimizers,
                self.batches,
                step=self.state.step,
                seed=self.config.train.seed,
                learning_rate=learning_rate(
                    self.config.optimizer, self.state.step, self.config.train.steps
                ),
                distributed=self.distributed,
            )
            self.state.update_ema()
        self.state.step += 1
