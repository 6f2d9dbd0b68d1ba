"""Optimizers that don't import torch's compiler.

torch wraps some methods of its optimizers so that they can be left out of compiled functions. The
first call of such a method imports `torch._dynamo`, which takes 2 seconds in each process.
latentarium compiles no function that contains an optimizer, so these optimizers call the same
methods without the wrappers.
"""

from collections.abc import Callable
from inspect import unwrap
from typing import ParamSpec, TypeVar

import torch

P = ParamSpec("P")
T = TypeVar("T")


def _unwrapped(method: Callable[P, T]) -> Callable[P, T]:
    """Return a method as it was before torch wrapped it."""
    return unwrap(method)


class _WithoutWrappers(torch.optim.Optimizer):
    add_param_group = _unwrapped(torch.optim.Optimizer.add_param_group)
    load_state_dict = _unwrapped(torch.optim.Optimizer.load_state_dict)
    state_dict = _unwrapped(torch.optim.Optimizer.state_dict)
    zero_grad = _unwrapped(torch.optim.Optimizer.zero_grad)


class Adam(_WithoutWrappers, torch.optim.Adam):
    """`torch.optim.Adam` without the import (Kingma and Ba, 2015, arxiv.org/abs/1412.6980)."""

    step = torch.no_grad()(_unwrapped(torch.optim.Adam.step))


class AdamW(_WithoutWrappers, torch.optim.AdamW):
    """`torch.optim.AdamW` without the import (Loshchilov and Hutter, 2019,
    arxiv.org/abs/1711.05101)."""

    step = torch.no_grad()(_unwrapped(torch.optim.AdamW.step))
