"""Why quantities could not be measured, as codes with values.

The command line prints the reasons in English. The studio translates the codes, so each code must
also be in studio/src/lib/locales/measures.json.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from latentarium.data.class_counts import list_names
from latentarium.errors import UserError

Value = int | float | str | list[str]
"""A value in a reason; a list contains names of classes."""

REASONS = {
    "no-labels": "the model needs the label of each image, and the data has no labels",
    "labels-needed": "it needs labelled images, and the data has no labels",
    "few-training-images": "it needs at least {needed} training images, and there are {count}",
    "few-validation-images": "it needs at least {needed} validation images, and there are {count}",
    "few-latents-for-fit": "the fit needs at least {needed} training images, and there are "
    "{count}",
    "few-images-for-quantile": "the 99 % quantile of the distances of held-out images needs at "
    "least {needed} test images, and there are {count}",
    "few-images-for-covariance": "a covariance of {features} features needs more than {features} "
    "test images and samples, and there are {count} of each",
    "one-class": "it needs at least 2 classes with training images, and there is {count}",
    "one-test-class": "it needs test images of at least 2 classes, and there are those of 1",
    "unseen-classes": "{classes}: no model can learn them, so no samples of them are requested, "
    "and their {count} test images are not used",
    "untested-classes": "{classes}: their samples can't be compared with real images of the same "
    "class",
    "unsampled-classes": "{classes}: with n = {n}, only the first {n} classes are requested",
    "small-classes": "{classes}: it needs at least {needed} test images of the class",
    "all-classes-small": "no class has at least {needed} test images",
    "no-sample-near-mode": "no sample is within 3 standard deviations of a mode",
    "points-not-finite": "some points are not finite",
    "value-not-finite": "its value is not finite",
    "text": "{text}",
}
"""The English texts by code. The code "text" is for a reason that has no code of its own."""


@dataclass(frozen=True)
class Reason:
    """Why a quantity could not be measured.

    Arguments:
        code: A key of `REASONS`; or "error." and the code of a `UserError`, whose message is the
            value "text".
        values: The values of the placeholders.
        text: The English text.
    """

    code: str
    values: dict[str, Value]
    text: str

    def __str__(self) -> str:
        return self.text


def reason(code: str, **values: Value) -> Reason:
    """Return the reason of a code of `REASONS`."""
    shown = {name: _format(value) for name, value in values.items()}
    return Reason(code, values, REASONS[code].format(**shown))


def as_reason(why: Reason | str | UserError) -> Reason:
    """Return a sentence, or the message of an error, as a reason; a reason is returned
    unchanged."""
    if isinstance(why, Reason):
        return why
    code = f"error.{why.code}" if isinstance(why, UserError) else "text"
    return Reason(code, {"text": str(why)}, str(why))


def as_reasons(left_out: Mapping[str, Reason | str]) -> dict[str, Reason]:
    """Return the reasons by the names of the quantities, none of them as a sentence."""
    return {name: as_reason(why) for name, why in left_out.items()}


def _format(value: Value) -> str:
    if isinstance(value, list):
        return list_names(value)
    return value if isinstance(value, str) else f"{value:,}"
