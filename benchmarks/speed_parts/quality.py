"""Measure the seconds of training until a quality is reached."""

from collections.abc import Callable

import torch

from latentarium import presets
from latentarium.classifier.classifier import load_classifier
from latentarium.config import Config
from latentarium.data.dataset import Data
from latentarium.data.sources import load_data
from latentarium.evaluation.likelihood import elbo
from latentarium.models.base import LatentModel
from speed_parts.common import Results, seconds, spread, with_settings
from speed_parts.steps import TrainingSteps

ADHERENCE_GOALS = (0.95, 0.98, 0.99)
ELBO_GOALS = (-110.0, -100.0, -96.0)


def measure(rounds: int, quick: bool) -> Results:
    """Measure the seconds of training until a quality is reached; its measuring isn't counted."""
    classifier = load_classifier()
    requested = torch.arange(1000) % 10

    def adherence(model: LatentModel, data: Data) -> float:
        images = model.sample(len(requested), requested, seed=0)
        return float((classifier.predict(images) == requested).float().mean())

    def bound(model: LatentModel, data: Data) -> float:
        return elbo(model, data.validation.images[:1000], samples=1).elbo

    count = 1 if quick else 3
    return {
        "CGAN, share of 1,000 samples classified as the requested digit": _seconds_to_goals(
            presets.cgan_mnist(), adherence, ADHERENCE_GOALS[:count], 25, rounds
        ),
        "VAE, ELBO of 1,000 validation images of mnist-dynamic, nats": _seconds_to_goals(
            presets.vae_dynamic_mnist(), bound, ELBO_GOALS[:count], 100, rounds
        ),
    }


def _seconds_to_goals(
    config: Config,
    measure: Callable[[LatentModel, Data], float],
    goals: tuple[float, ...],
    interval: int,
    seeds: int,
) -> Results:
    """Return seconds and steps until each goal that every seed reaches.

    Arguments:
        config: What to train.
        measure: The quality of a model.
        goals: Qualities, ascending.
        interval: Steps between two measurements of the quality.
        seeds: The number of trainings.
    """
    data = load_data(config.train.data)
    runs = [
        _train_to_goals(with_settings(config, seed=seed), data, measure, goals, interval)
        for seed in range(seeds)
    ]
    return {
        str(goal): {
            "seconds": spread([run[goal][0] for run in runs]),
            "steps": spread([run[goal][1] for run in runs]),
        }
        for goal in goals
        if all(goal in run for run in runs)
    }


def _train_to_goals(
    config: Config,
    data: Data,
    measure: Callable[[LatentModel, Data], float],
    goals: tuple[float, ...],
    interval: int,
) -> dict[float, tuple[float, int]]:
    """Return the seconds of training and the steps until each goal."""
    training = TrainingSteps(config, data)
    reached: dict[float, tuple[float, int]] = {}
    duration = 0.0
    for step in range(1, config.train.steps + 1):
        duration += seconds(training.step)
        if step % interval == 0:
            value = measure(training.state.ema_model(), data)
            for goal in goals:
                if value >= goal and goal not in reached:
                    reached[goal] = (duration, step)
        if len(reached) == len(goals):
            break
    return reached
