"""The first steps at which issues are diagnosed: a model at the start of its training has none."""

from latentarium.config import Config

MIN_STEPS = 50
"""Before this step, a model with random initial weights is not trained yet, whatever its log and
its samples show. The exploding penalties of the tests end at step 50."""
MIN_MODEL_STEPS = 200
"""Before this step, only what the log has shown over several rows is reported, and no issue that
the model alone shows: at step 100, samples of healthy GANs are up to 0.99 times as far from real
images as those of the untrained network, so what they lack may still be learned."""
EARLY_SHARE = 0.1
"""Share of the training, at its start, in which nothing is reported. Even in healthy runs the
discriminator is ahead at first: on MNIST its pair accuracy is 92 % in the first 50 steps and 74 %
later."""


def first_examined_step(config: Config) -> int:
    """Return the first step at which issues that the log shows are reported."""
    early = round(EARLY_SHARE * config.train.steps)
    return max(early, config.optimizer.warmup_steps, MIN_STEPS)


def first_judged_step(config: Config) -> int:
    """Return the first step at which issues that only the model shows are reported."""
    return max(MIN_MODEL_STEPS, first_examined_step(config))
