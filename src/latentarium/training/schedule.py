"""Schedules: the learning rate of each step, and the steps at which snapshots are saved."""

import math

from latentarium.config import OptimizerConfig


def learning_rate(config: OptimizerConfig, step: int, steps: int) -> float:
    """Return the learning rate of a step: a linear warm-up, then constant or cosine.

    Arguments:
        config: Peak learning rate, warm-up and decay.
        step: The step, from 0.
        steps: Number of steps of the training.
    """
    peak = config.learning_rate
    if step < config.warmup_steps:
        return peak * (step + 1) / config.warmup_steps
    if config.decay == "constant":
        return peak
    progress = (step - config.warmup_steps) / max(1, steps - config.warmup_steps)
    final = config.final_fraction
    return peak * (final + (1 - final) * 0.5 * (1 + math.cos(math.pi * progress)))


def snapshot_steps(steps: int, count: int) -> set[int]:
    """Return at most `count` steps from 0 to `steps`, evenly spaced in log(step) except for 0.

    Steps that round to the same number are returned once.
    """
    if count < 3:
        return {steps, 0} if count == 2 else {steps} if count == 1 else set()
    return {0} | {round(steps ** (i / (count - 2))) for i in range(count - 1)}
