"""A context in which models do not check their inputs.

Public methods of a model check and convert images, latents and labels. Code of the package that
calls a model with tensors of its own, such as a training step, skips these checks.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class _State(threading.local):
    active = False


_STATE = _State()


def checks_are_off() -> bool:
    """Return whether this thread is in the context."""
    return _STATE.active


@contextmanager
def unchecked_inputs() -> Iterator[None]:
    """Skip the checks of models' inputs in this thread until the block ends.

    Inputs must then be tensors as models take them: floats of the model's shape, type and device,
    and labels as class numbers or class weights.
    """
    before = _STATE.active
    _STATE.active = True
    try:
        yield
    finally:
        _STATE.active = before
