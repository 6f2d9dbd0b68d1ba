"""The learning rate as a function of the step."""

import math

from latentarium.config import OptimizerConfig


def learning_rate(config: OptimizerConfig, step: int, steps: int) -> float:
    """The rate of step `step` (from 0) of `steps`: a linear warm-up, then constant or cosine."""
    rate = config.learning_rate
    if step < config.warmup_steps:
        return rate * (step + 1) / config.warmup_steps
    if config.decay == "constant":
        return rate
    share = (step - config.warmup_steps) / max(1, steps - config.warmup_steps)
    floor = config.final_fraction
    return rate * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * share)))


def snapshot_steps(steps: int, count: int) -> set[int]:
    """At most `count` steps from 0 to `steps`, spaced evenly in log(step) after the first; of
    steps that round to the same one, one is kept."""
    if count < 3:
        return {steps, 0} if count == 2 else {steps} if count == 1 else set()
    return {0} | {round(steps ** (i / (count - 2))) for i in range(count - 1)}
