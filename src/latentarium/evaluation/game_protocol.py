"""The protocol of the duality gap, which the tour, `evaluate` and `duality-gap` share.

The same weights therefore have the same duality gap, wherever it is measured.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from latentarium.config import OptimizerConfig
from latentarium.data.dataset import Data
from latentarium.evaluation.best_response import RATE_FACTORS, Search
from latentarium.evaluation.duality_gap import DualityGap, estimate_duality_gaps
from latentarium.models.base import LatentModel
from latentarium.run import Run
from latentarium.training.precision import precision_of_more_moves

VERSION = 4
"""Version of the search for best responses. Results of different versions are never mixed."""
RESPONSE_STEPS = 200
MAX_BATCHES, MAX_BATCH_SIZE = 15, 64
"""Largest number of held-out batches to measure on, and of images in a batch."""


@dataclass(frozen=True, kw_only=True)
class GameProtocol:
    """How the duality gap of a model is measured.

    Arguments:
        weights: The kind of the model's weights; "given" for a model that was not loaded from a
            run.
        loss: The name of the losses. Duality gaps of different losses have different scales.
        response_steps: The number of moves of the longest responses.
        optimizer: The optimizer of responses: that of the training, if it is known.
        rates: The learning rates of responses as factors of that of the optimizer.
        batch_size: Images in a batch.
        num_batches: Held-out batches to measure on; responses are chosen on equally many others.
        seed: The seed of batches and noise.
        precision: The precision of the moves of responses: that of the training, if this machine
            gains from it. Gains are measured in float32 in any case.
    """

    weights: Literal["ema", "raw", "given"]
    loss: str
    response_steps: int
    optimizer: OptimizerConfig
    rates: tuple[float, ...] = RATE_FACTORS
    batch_size: int
    num_batches: int
    seed: int
    precision: str = "float32"

    @classmethod
    def of(
        cls, model: LatentModel, data: Data, *, seed: int, response_steps: int = RESPONSE_STEPS
    ) -> "GameProtocol":
        """Return the protocol for a model and its data.

        It uses validation images, half of them for choosing and half for measuring, and none of
        them twice.
        """
        smallest = min(len(data.validation), len(data.train))
        size = min(MAX_BATCH_SIZE, max(1, smallest // 4))
        origin, config = model.origin, model.config
        return cls(
            weights="given" if origin is None else origin.weights,
            loss=config.loss_name,
            response_steps=response_steps,
            optimizer=config.response_optimizer if origin is None else origin.optimizer,
            batch_size=size,
            num_batches=max(2, min(MAX_BATCHES, len(data.validation) // size // 2)),
            seed=seed,
            precision="float32" if origin is None else precision_of_more_moves(origin.precision),
        )

    @property
    def name(self) -> str:
        """The name of the protocol in measurements."""
        low, high = min(self.rates), max(self.rates)
        return (
            f"annealed-response-{self.response_steps} rates-{low:g}-to-{high:g} "
            f"{self.weights}-weights {self.loss}"
        )

    @property
    def n(self) -> int:
        """The number of held-out images that a gain is measured on."""
        return self.batch_size * self.num_batches

    def to_dict(self) -> dict[str, Any]:
        """Return the protocol as JSON values."""
        return {
            "version": VERSION,
            "name": self.name,
            "split": "validation",
            **asdict(self),
            "rates": list(self.rates),
        }

    def measure(self, model: LatentModel, data: Data) -> DualityGap:
        """Estimate the duality gap of a model.

        Raises:
            UserError: There are too few images.
        """
        return self.measure_all([model], data)[0]

    def measure_all(self, models: Sequence[LatentModel], data: Data) -> list[DualityGap]:
        """Estimate the duality gaps of several models at the same time.

        Raises:
            UserError: There are too few images.
        """
        search = Search(
            steps=self.response_steps,
            batch_size=self.batch_size,
            optimizer=self.optimizer,
            rates=self.rates,
            seed=self.seed,
            precision=self.precision,
        )
        return estimate_duality_gaps(models, data.train, data.validation, search, self.num_batches)


def is_current(content: dict[str, Any]) -> bool:
    """Return whether the content of duality_gap.json is of the current version."""
    protocol = content.get("protocol")
    return isinstance(protocol, dict) and protocol.get("version") == VERSION


def comparable_snapshots(run: Run) -> list[int]:
    """Return the steps of the snapshots whose weights are of the same kind as those of the last.

    A run that an earlier version started has raw weights in its first snapshots.
    """
    steps = run.snapshots()
    return [step for step in steps if run.weights_kind(step) == run.weights_kind(steps[-1])]


def spread_evenly(steps: list[int], count: int) -> list[int]:
    """Return `count` of the given steps, evenly spaced by position, with the first and the last.

    All are returned if there are no more than `count`.
    """
    if len(steps) <= count:
        return steps
    return [steps[round(i * (len(steps) - 1) / (count - 1))] for i in range(count)]
