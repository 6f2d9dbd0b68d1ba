"""Everything that a resumed run needs, named once."""

import copy

import torch
from torch import Tensor
from torch.optim import Adam
from torch.optim.swa_utils import get_ema_multi_avg_fn

from latentarium.config import Config, DataCard
from latentarium.errors import NonFiniteError, UserError
from latentarium.models.base import LatentModel
from latentarium.models.build import build
from latentarium.models.game import Player


class State:
    """The model, its moving average, one optimizer for each player, and how far they are.

    Arguments:
        config: The run's configuration.
        data: The data's card.
        device: Where to train.
    """

    def __init__(self, config: Config, data: DataCard, device: torch.device) -> None:
        self.config = config
        self.step = 0
        self.seconds = 0.0
        self.model = build(config.model, data, config.train.seed).to(device).train()
        self.average = copy.deepcopy(self.model).eval().requires_grad_(False)
        self.players = self.model.players()
        self.optimizers = {player.name: self._optimizer(player) for player in self.players}

    def _optimizer(self, player: Player) -> Adam:
        config = self.config.optimizer
        return Adam(
            player.part.parameters(),
            lr=config.learning_rate,
            betas=(config.beta1, config.beta2),
            fused=True,
        )

    def check(self) -> None:
        """Stops where parameters are not finite: a loss tells of it only one step later.

        Raises:
            NonFiniteError: It names the player and the step.
        """
        for player in self.players:
            if not all(bool(p.isfinite().all()) for p in player.part.parameters()):
                raise NonFiniteError(
                    f"The {player.name}'s parameters are not finite after step {self.step}",
                    "lower the learning rate and train into a new folder",
                )

    def update_average(self) -> None:
        """Moves the average: parameters are blended, buffers copied. Without a half-life it is
        filled where it is used."""
        halflife = self.config.train.ema_halflife
        if halflife == 0:
            return
        # short at first, so that the average forgets the random start
        images = (self.step + 1) * self.config.train.batch_size
        decay = 0.5 ** (self.config.train.batch_size / min(halflife, images / 4))
        with torch.no_grad():
            ours: list[Tensor] = list(self.average.parameters())
            theirs: list[Tensor] = list(self.model.parameters())
            get_ema_multi_avg_fn(decay)(ours, theirs, 0)
            for mine, new in zip(self.average.buffers(), self.model.buffers(), strict=True):
                mine.copy_(new)

    def use(self) -> LatentModel:
        """The model for use: the average, which without a half-life equals the model."""
        if self.config.train.ema_halflife == 0:
            self.average.load_state_dict(self.model.state_dict())
        return self.average

    def tensors(self) -> dict[str, Tensor]:
        """All tensors by name, on the CPU, for a checkpoint."""
        named = {f"model.{k}": t for k, t in self.model.state_dict().items()}
        named |= {f"average.{k}": t for k, t in self.use().state_dict().items()}
        for name, optimizer in self.optimizers.items():
            for index, slots in optimizer.state_dict()["state"].items():
                named |= {f"optimizer.{name}.{index}.{k}": t for k, t in slots.items()}
        return {name: tensor.detach().cpu() for name, tensor in named.items()}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Fills everything from a checkpoint's tensors.

        Raises:
            UserError: A tensor is missing, superfluous or of another shape.
        """
        try:
            self.model.load_state_dict(_under("model.", tensors))
            self.average.load_state_dict(_under("average.", tensors))
        except RuntimeError as error:
            raise _does_not_fit(error) from None
        for name, optimizer in self.optimizers.items():
            slots: dict[int, dict[str, Tensor]] = {}
            for key, tensor in _under(f"optimizer.{name}.", tensors).items():
                index, slot = key.split(".")
                slots.setdefault(int(index), {})[slot] = tensor
            groups = optimizer.state_dict()["param_groups"]
            if sorted(slots) != groups[0]["params"]:
                raise _does_not_fit(f"the {name}'s optimizer has other parameters")
            optimizer.load_state_dict({"state": slots, "param_groups": groups})


def _does_not_fit(reason: object) -> UserError:
    words = " ".join(str(reason).split())[:200]
    return UserError(
        f"The checkpoint does not fit this model ({words}): use the version of latentarium that "
        "made it, or train into a new folder."
    )


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): t for k, t in tensors.items() if k.startswith(prefix)}
