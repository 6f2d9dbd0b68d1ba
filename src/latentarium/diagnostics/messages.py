"""All that the doctor says, by codes: the command line says it in English, the page in the
language of whoever reads it (studio/src/lib/locales/doctor.json has the same codes)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from latentarium.errors import UserError
from latentarium.stats.measurement import Real

Value = Real | str | Sequence[str]
"""What stands in a sentence; a sequence: names of classes."""

Evidence = Literal[
    "variance of samples over that of real images",
    "distance to the nearest other sample, over that of real images",
    "classes missing",
    "largest share of one of them",
    "share right of the classifier that says so",
    "samples",
    "discriminator's loss over that of guessing",
    "share of pairs told apart",
    "penalty over the loss of guessing",
    "squared gradient on real images",
    "times its first value",
    "generator's gradient",
    "generator's weights",
    "rate in nats",
    "beta",
    "units in use",
    "of",
    "training loss",
    "held-out loss",
    "step of the best held-out loss",
    "95 % error of the difference",
    "loss of guessing",
    "gain on training images over always answering with their mean",
    "share of near-copies",
    "the same of real images",
    "share nearer to training images",
    "at most without memory",
]
"""Names of the numbers that show a disease."""

SIGNS = {
    "alike": "the samples are nearly all alike, whatever z is",
    "alike within": "the samples of {classes} are nearly all alike, whatever z is",
    "repeated": "the samples repeat a few images, whatever z is",
    "repeated within": "the samples of {classes} repeat a few images, whatever z is",
    "missing one": "{classes} is hardly ever made",
    "missing": "{classes} are hardly ever made",
    "won": "the discriminator tells nearly every generated image from a real one and is sure of "
    "it, so the generator hears only that it is wrong, not how to get better",
    "exploding": "the discriminator has become so steep that its gradient penalty drowns the "
    "game, or soon will",
    "flat": "the generator hardly feels which way to go (the penalties hold the discriminator so "
    "flat that it says nothing): turning all its weights by 1 % would change its loss by less "
    "than {percent} %",
    "saturated": "the generator hardly feels which way to go (its output is saturated): turning "
    "all its weights by 1 % would change its loss by less than {percent} %",
    "no rate": "the latent tells the decoder nothing of the image, so every image gets the same "
    "latent distribution",
    "units unused": "{dead} of the {total} numbers in the latent are not used",
    "overfit": "the {player} does much better on the images that it trains on than on images that "
    "it never saw",
    "overfit since": "the {player} still improves on the images that it trains on, but on images "
    "that it never saw it was at its best before, and has worsened since",
    "copies": "many samples are near-copies of training images: the model replays what it was "
    "trained on",
}
"""What is wrong; several make one sentence."""

_AGAIN = "Train again into a new folder with "

CURES = {
    "penalties, no norm": _AGAIN + "gradient penalties, which need no normalization: {settings}",
    "penalties": _AGAIN + "gradient penalties: {settings}",
    "penalties felt": _AGAIN + "penalties that are felt: {settings}",
    "penalties times 4": _AGAIN + "model.r1 and model.r2 at 4 times what they are: {settings}",
    "penalties a tenth": _AGAIN + "model.r1 and model.r2 at a tenth of what they are: {settings}",
    "rate a quarter": _AGAIN + "a quarter of the learning rate: {settings}",
    "relativistic": _AGAIN + "the relativistic loss and both penalties: {settings}",
    "longer": "The rate of learning had hardly risen when training ended: train longer, "
    "{settings}",
    "smaller beta": _AGAIN + "a smaller weight of the rate: {settings}",
    "fewer dimensions": "None is needed, as unused numbers do no harm; {settings} does without "
    "them.",
    "fewer steps": _AGAIN + "fewer steps, as held-out images were best there: {settings}; or "
    "train on more images.",
    "smaller networks": _AGAIN + "more images; or with smaller networks: {settings}",
}
"""What usually helps."""

REASONS = {
    "few rows": "it takes {needed} rows of the log to see, and there are {rows}",
    "warm-up": "the log shows them from step {step} on, after the warm-up",
    "old log": "an older version made this log, without gradients",
    "few samples": "{samples} samples beside {images} images show no spread: give at least "
    "{least} of each.",
    "few images": "{images} images tell no spread: give at least {least} in either split.",
    "few held out": "beside {train} training images, {held_out} held-out ones are too few to "
    "tell.",
    "sentence": "{sentence}",
}
"""Why something could not be looked for."""

SHOWN = 6
"""Names of classes in a sentence, at most."""


@dataclass(frozen=True)
class Said:
    """A sentence, or a part of one, by its code."""

    code: str
    """Of `SIGNS`, `CURES` or `REASONS`."""
    values: Mapping[str, Value]
    """What stands in it."""

    def __str__(self) -> str:
        template = (SIGNS | CURES | REASONS)[self.code]
        return template.format(**{name: _spoken(value) for name, value in self.values.items()})

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {"code": self.code, "values": dict(self.values)}


class NotShown(UserError):
    """A rule that can't say anything, and why."""

    def __init__(self, code: str, **values: Value) -> None:
        self.said = Said(code, values)
        super().__init__(str(self.said))


def why(error: UserError) -> Said:
    """What kept a rule from saying anything."""
    return (
        error.said if isinstance(error, NotShown) else Said("sentence", {"sentence": str(error)})
    )


def listed(words: Sequence[str]) -> str:
    """a, b and c."""
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def _spoken(value: Value) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence):
        shown = value if len(value) <= SHOWN else [*value[: SHOWN - 1], f"{len(value) - 5} more"]
        return ("class " if len(value) == 1 else "classes ") + listed(shown)
    return f"{value:,}"
