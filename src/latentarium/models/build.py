"""Build a model with initial weights from a configuration."""

import math
import threading
from collections.abc import Callable, Sequence

import psutil
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from latentarium.config import DataCard, ModelConfig, component_files
from latentarium.errors import UserError
from latentarium.models.base import LatentModel
from latentarium.registry import component
from latentarium.rng import derive_seed
from latentarium.texts import Text

_LOCK = threading.Lock()
"""Initial weights come from torch's global random state, which all threads share."""
BYTES_PER_NUMBER = 4
"""Size of a float32, the type of all weights."""

Shapes = dict[str, tuple[int, ...]]
"""The shapes of parameters and buffers by their names."""


def build(config: ModelConfig, data: DataCard, seed: int = 0) -> LatentModel:
    """Build a model whose initial weights are a function of the seed alone.

    Raises:
        UserError: The family is not registered (code "unknown-component"), the configuration does
            not fit the data, or the model exceeds the memory (code "model-too-large").
    """
    family = component("family", config.family)
    require_memory(model_shapes(config, data))
    with _LOCK, torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed("weights", seed))
        return family(config, data)


def model_shapes(config: ModelConfig, data: DataCard) -> Shapes | None:
    """Return the shapes of a model's parameters and buffers without allocating any memory.

    The model is built on torch's meta device, whose tensors have no values.

    Returns:
        The shapes; None for a model with custom components that can't be built there.

    Raises:
        UserError: As for `build`.
    """
    family = component("family", config.family)
    try:
        with torch.device("meta"), _WithoutInitialValues():
            model = family(config, data)
    except UserError:
        raise
    except Exception as error:  # a custom component may raise anything
        if component_files(config):
            return None
        raise UserError(
            Text(
                "A {kind} of these sizes can't be built ({reason}). Lower width, depth or "
                "latent_dim.",
                kind=config.kind,
                reason=" ".join(str(error).split())[:100],
            ),
            code="model-too-large",
        ) from None
    return {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}


class _WithoutInitialValues(TorchFunctionMode):
    """Leaves tensors as they are instead of initializing them.

    On the meta device, initialization has no effect, but imports torch's compiler, which takes 2
    seconds.
    """

    def __torch_function__(
        self,
        func: Callable[..., object],
        types: Sequence[type],
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
    ) -> object:
        kwargs = kwargs or {}
        if getattr(func, "__module__", None) == torch.nn.init.__name__ or func is Tensor.normal_:
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


def require_memory(shapes: Shapes | None, copies: int = 1) -> None:
    """Check that this machine's memory can contain a model.

    Arguments:
        shapes: The shapes of its tensors; None if they are unknown.
        copies: Number of copies of each tensor, for instance in an optimizer.

    Raises:
        UserError: It can't (code "model-too-large").
    """
    numbers = sum(map(math.prod, (shapes or {}).values()))
    needed, total = copies * numbers * BYTES_PER_NUMBER, psutil.virtual_memory().total
    if needed > total:
        raise UserError(
            Text(
                "The model has {numbers:,} numbers, which need {needed:,.0f} GiB, but this "
                "machine has {total:,.0f} GiB of memory. Lower width, depth or latent_dim.",
                numbers=numbers,
                needed=needed / 2**30,
                total=total / 2**30,
            ),
            code="model-too-large",
        )
