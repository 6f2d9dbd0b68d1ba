"""All messages of the diagnostics, by code.

The command line prints them in English. The studio translates the codes, so each code must also be
in studio/src/lib/locales/doctor.json.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from latentarium.errors import UserError
from latentarium.stats.measurement import Real

Value = Real | str | Sequence[str]
"""A value in a message; a sequence contains names of classes."""

Evidence = Literal[
    "variance of samples relative to real images",
    "nearest-neighbour distance relative to real images",
    "missing classes",
    "largest share of a missing class",
    "accuracy of the classifier",
    "samples",
    "discriminator's loss relative to guessing",
    "pair accuracy",
    "penalty relative to the loss of guessing",
    "squared gradient on real images",
    "penalty relative to its first value",
    "norm of the generator's gradient",
    "norm of the generator's weights",
    "rate in nats",
    "beta",
    "active units",
    "latent dimensions",
    "training loss",
    "lowest training loss",
    "step of the lowest training loss",
    "held-out loss",
    "step of the best held-out loss",
    "95 % margin of the difference",
    "loss of guessing",
    "improvement over the mean training image",
    "share of near-copies",
    "share of near-copies among real images",
    "share nearer to training images",
    "largest share without memorization",
    "training steps",
    "share of the variation of images reconstructed",
    "distance from real images relative to the untrained network",
    "share of the improvement in the second half",
]
"""Names of the numbers that show an issue, or how far the training is."""

_WEAK_GRADIENT = "a change of its weights by 1 % would change its loss by less than {percent} %"

SIGNS = {
    "alike": "the samples are nearly identical, whatever z is",
    "alike within": "the samples of {classes} are nearly identical, whatever z is",
    "repeated": "the samples repeat a few images, whatever z is",
    "repeated within": "the samples of {classes} repeat a few images, whatever z is",
    "missing one": "{classes} is almost never generated",
    "missing": "{classes} are almost never generated",
    "won": "the discriminator recognizes nearly every generated image with high confidence, so "
    "its gradient no longer tells the generator how to improve",
    "exploding": "the discriminator has become so steep that its gradient penalty outweighs the "
    "adversarial loss, or soon will",
    "flat": "the penalties keep the discriminator flat, so the generator gets hardly any "
    f"gradient: {_WEAK_GRADIENT}",
    "saturated": "the output of the generator is saturated, so it gets hardly any gradient: "
    + _WEAK_GRADIENT,
    "no rate": "the latent contains no information about the image: all images are encoded to the "
    "same distribution",
    "units unused": "{dead} of the {total} latent dimensions are not used",
    "diverged": "the loss of the {player} has jumped far above its lowest earlier level",
    "overfit": "the {player} does much better on training images than on held-out images",
    "overfit since": "the {player} still improves on training images, but its held-out loss has "
    "risen from an earlier minimum",
    "copies": "many samples are near-copies of training images",
}
"""Descriptions of issues; several signs are joined to one sentence."""

_TRAIN_AGAIN = "Train again into a new folder with "

FIXES = {
    "penalties, no norm": _TRAIN_AGAIN + "gradient penalties instead of normalization: {settings}",
    "penalties": _TRAIN_AGAIN + "gradient penalties: {settings}",
    "penalties felt": _TRAIN_AGAIN + "gradient penalties that are large enough: {settings}",
    "penalties times 4": _TRAIN_AGAIN + "4 times the current model.r1 and model.r2: {settings}",
    "penalties a tenth": _TRAIN_AGAIN + "a tenth of the current model.r1 and model.r2: {settings}",
    "rate a quarter": _TRAIN_AGAIN + "a quarter of the learning rate: {settings}",
    "gentler steps": _TRAIN_AGAIN
    + "a quarter of the learning rate and gradient clipping: {settings}",
    "relativistic": _TRAIN_AGAIN + "the relativistic loss and both penalties: {settings}",
    "longer": "Train longer, since training ended during the warm-up of the learning rate or soon "
    "after the warm-up: {settings}",
    "smaller beta": _TRAIN_AGAIN + "a smaller weight of the KL term: {settings}",
    "fewer dimensions": "No fix is needed, since unused dimensions do no harm; {settings} removes "
    "them.",
    "fewer steps": _TRAIN_AGAIN + "fewer steps, up to the best held-out loss: {settings}; or "
    "train on more images.",
    "smaller networks": _TRAIN_AGAIN + "more images; or with smaller networks: {settings}",
    "resume": "Resume the run, which has {left} steps left.",
    "more steps": "Train for more steps: {settings}",
}
"""Usual fixes, and how to train longer."""

REASONS = {
    "few rows": "the log has {rows} rows, but the check needs {needed}",
    "warm-up": "the log is examined only after the warm-up, from step {step} on",
    "old log": "the log is from an older version and contains no gradients",
    "few samples": "there are {samples} samples and {images} real images, but the check needs "
    "{least} samples and {least} real images.",
    "few images": "the smaller of the training and validation splits has {images} images, but the "
    "check needs {least}.",
    "few held out": "{held_out} held-out images are too few for {train} training images.",
    "equal images": "all training images are equal, so there is nothing to encode: check the data",
    "no structure": "the images vary like noise, so there is hardly anything to encode: the first "
    "{components} principal components explain {share} of the variance of held-out images, and "
    "{noise} in white noise. Check the data",
    "error": "{error}",
    "few steps": "the number of training steps is {steps}, but it takes at least {needed} to tell "
    "an issue from a normal start",
    "early": "at step {steps}, the model may still be learning what is missing: this is reported "
    "from step {needed} on",
    "young": "the model has learned something, but at step {steps} some issues can't be told from "
    "a normal start: they are reported from step {needed} on",
    "not reconstructing": "its reconstructions are hardly better than the mean training image",
    "not generating": "its samples are hardly nearer to real images than those of the untrained "
    "network",
    "still improving": "its held-out loss still falls steeply",
    "untrained": "the model is not trained yet",
    "open": "no issue was found, but not everything could be checked ({open} of {all} checks are "
    "open)",
}
"""Why something could not be checked, and why a run has its status."""

MAX_CLASSES = 6
"""Largest number of class names in a sentence."""


@dataclass(frozen=True)
class Message:
    """A sentence, or a part of one, as a code and values.

    Arguments:
        code: A key of `SIGNS`, `FIXES` or `REASONS`.
        values: The values of the placeholders.
    """

    code: str
    values: Mapping[str, Value]

    def __str__(self) -> str:
        template = (SIGNS | FIXES | REASONS)[self.code]
        return template.format(**{name: _format(value) for name, value in self.values.items()})

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {"code": self.code, "values": dict(self.values)}


class InconclusiveError(UserError):
    """An issue can't be checked with the available samples and images.

    Arguments:
        reason: A code of `REASONS`.
        values: The values of its placeholders.
    """

    def __init__(self, reason: str, **values: Value) -> None:
        self.reason: Message = Message(reason, values)
        super().__init__(str(self.reason), code="inconclusive")

    @classmethod
    def of(cls, reason: Message) -> "InconclusiveError":
        """Return the error with this reason."""
        return cls(reason.code, **reason.values)


def reason_of(error: UserError) -> Message:
    """Return the message of an error that prevented a check."""
    if isinstance(error, InconclusiveError):
        return error.reason
    return Message("error", {"error": str(error)})


def join_words(words: Sequence[str]) -> str:
    """Return "a, b and c"."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def _format(value: Value) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence):
        shown = list(value)
        if len(value) > MAX_CLASSES:
            kept = MAX_CLASSES - 1
            shown = [*value[:kept], f"{len(value) - kept} more"]
        return ("class " if len(value) == 1 else "classes ") + join_words(shown)
    return f"{value:,}"
