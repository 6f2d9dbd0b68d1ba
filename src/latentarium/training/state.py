"""The training state: everything that is needed to resume a training."""

import copy
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.utils.clip_grad import clip_grad_norm_
from torch.optim.swa_utils import get_ema_multi_avg_fn

from latentarium.config import Config, DataCard
from latentarium.errors import NonFiniteError, UserError
from latentarium.models.base import LatentModel
from latentarium.models.build import build
from latentarium.models.game import Player
from latentarium.optimizers import Adam
from latentarium.run import Checkpoint
from latentarium.texts import Text


class State:
    """The model, its EMA, one optimizer per player, and the progress of the training.

    Arguments:
        config: The run's configuration.
        data: The data card, which determines the shapes of the model.
        device: The device to train on.
    """

    def __init__(self, config: Config, data: DataCard, device: torch.device) -> None:
        self.config = config
        self.step: int = 0
        self.seconds: float = 0.0
        self.model: LatentModel = build(config.model, data, config.train.seed).to(device).train()
        self.ema: LatentModel = copy.deepcopy(self.model).eval().requires_grad_(False)
        self.players: list[Player] = self.model.players()
        self.optimizers: dict[str, Adam] = {
            player.name: self._optimizer(player) for player in self.players
        }

    def _optimizer(self, player: Player) -> Adam:
        config = self.config.optimizer
        parameters = list(player.part.parameters())
        optimizer = Adam(
            parameters,
            lr=config.learning_rate,
            betas=(config.beta1, config.beta2),
            fused=True,
        )

        def clip(*_: object) -> None:
            clip_grad_norm_(parameters, config.max_gradient_norm)

        if config.max_gradient_norm:
            optimizer.register_step_pre_hook(clip)
        return optimizer

    def require_finite(self) -> None:
        """Check that all parameters are finite, since the losses show it only one step later.

        Raises:
            NonFiniteError: A parameter is infinite or NaN.
        """
        for player in self.players:
            if not all(bool(p.isfinite().all()) for p in player.part.parameters()):
                raise NonFiniteError(
                    Text(
                        "The {player}'s parameters are not finite after step {step}",
                        player=player.name,
                        step=str(self.step),
                    ),
                    Text("lower the learning rate and train into a new folder"),
                )

    def update_ema(self) -> None:
        """Blend the model's parameters into the EMA, and copy its buffers.

        If `ema_halflife` is 0, nothing is blended, and `ema_model` copies the raw weights.
        """
        halflife = self.config.train.ema_halflife
        if halflife == 0:
            return
        # a shorter half-life in the beginning, so that the EMA forgets the random initial weights
        images = (self.step + 1) * self.config.train.batch_size
        decay = 0.5 ** (self.config.train.batch_size / min(halflife, images / 4))
        with torch.no_grad():
            ema_parameters: list[Tensor] = list(self.ema.parameters())
            parameters: list[Tensor] = list(self.model.parameters())
            get_ema_multi_avg_fn(decay)(ema_parameters, parameters, 0)
            for ema_buffer, buffer in zip(self.ema.buffers(), self.model.buffers(), strict=True):
                ema_buffer.copy_(buffer)

    def ema_model(self) -> LatentModel:
        """Return the EMA model, or a copy of the raw weights if `ema_halflife` is 0."""
        if self.config.train.ema_halflife == 0:
            self.ema.load_state_dict(self.model.state_dict())
        return self.ema

    def checkpoint(self, losses: Mapping[str, Tensor] | None = None) -> Checkpoint:
        """Return the whole state as a checkpoint, with all tensors on the CPU.

        Arguments:
            losses: The losses since the last row of the log; None for none.
        """
        tensors = {f"model.{k}": t for k, t in self.model.state_dict().items()}
        tensors |= {f"ema.{k}": t for k, t in self.ema_model().state_dict().items()}
        for name, optimizer in self.optimizers.items():
            for index, slots in optimizer.state_dict()["state"].items():
                tensors |= {f"optimizer.{name}.{index}.{k}": t for k, t in slots.items()}
        tensors |= losses or {}
        on_cpu = {name: tensor.detach().cpu() for name, tensor in tensors.items()}
        return Checkpoint(self.step, self.seconds, on_cpu)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Set the whole state to that of a checkpoint, except for the losses of the log.

        Raises:
            UserError: A tensor is missing, unexpected or of another shape (code
                "checkpoint-mismatch").
        """
        tensors = checkpoint.tensors
        try:
            self.model.load_state_dict(_with_prefix("model.", tensors))
            self.ema.load_state_dict(_with_prefix("ema.", tensors))
        except RuntimeError as error:
            raise _mismatch(error) from None
        for name, optimizer in self.optimizers.items():
            slots: dict[int, dict[str, Tensor]] = {}
            for key, tensor in _with_prefix(f"optimizer.{name}.", tensors).items():
                index, _, slot = key.partition(".")
                slots.setdefault(int(index) if index.isdecimal() else -1, {})[slot] = tensor
            groups = optimizer.state_dict()["param_groups"]
            parameters = optimizer.param_groups[0]["params"]
            if (slots or checkpoint.step > 0) and not _fit(slots, parameters):
                raise _mismatch(f"the optimizer of the {name} has different parameters")
            optimizer.load_state_dict({"state": slots, "param_groups": groups})
        self.step, self.seconds = checkpoint.step, checkpoint.seconds


def _fit(slots: dict[int, dict[str, Tensor]], parameters: list[Tensor]) -> bool:
    """Return whether the slots of Adam have the shapes of the parameters."""
    return sorted(slots) == list(range(len(parameters))) and all(
        slots[i].keys() == {"step", "exp_avg", "exp_avg_sq"}
        and slots[i]["step"].numel() == 1
        and slots[i]["exp_avg"].shape == slots[i]["exp_avg_sq"].shape == parameter.shape
        for i, parameter in enumerate(parameters)
    )


def _mismatch(reason: object) -> UserError:
    details = " ".join(str(reason).split())[:200]
    return UserError(
        f"The checkpoint does not fit this model ({details}). Use the version of latentarium that "
        "wrote it, or train into a new folder.",
        code="checkpoint-mismatch",
    )


def _with_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): t for k, t in tensors.items() if k.startswith(prefix)}
