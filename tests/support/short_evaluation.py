"""Shorten the trainings that are part of an evaluation."""

from functools import partial

from latentarium.evaluation.evaluate import evaluate


def shorten_evaluation(patch) -> None:
    """Make the commands measure the same quantities with worse trainings.

    Arguments:
        patch: A `pytest.MonkeyPatch`.
    """
    short = partial(evaluate, gan_train_steps=40, response_steps=10)
    patch.setattr("latentarium.evaluation.runs.evaluate", short)
    patch.setattr("latentarium.evaluation.runs.RESPONSE_STEPS", 5)
    patch.setattr("latentarium.classifier.lookup.MAX_STEPS", 100)
