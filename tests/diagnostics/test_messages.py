"""Messages of the diagnostics, by codes."""

from typing import get_args

import pytest

from latentarium import presets
from latentarium.diagnostics.examine import issues_of
from latentarium.diagnostics.issue import IssueName
from latentarium.diagnostics.messages import (
    MAX_CLASSES,
    InconclusiveError,
    Message,
    join_words,
    reason_of,
)
from latentarium.errors import UserError


def test_names_of_classes_are_listed_up_to_a_limit():
    one, few = (str(Message("missing", {"classes": names})) for names in (["7"], ["7", "8"]))
    assert "class 7 " in one
    assert "classes 7 and 8 " in few
    many = str(Message("missing", {"classes": [str(i) for i in range(MAX_CLASSES + 3)]}))
    assert "0, 1, 2, 3, 4 and 4 more" in many


def test_an_inconclusive_error_has_its_reason_as_code_and_sentence():
    error = InconclusiveError("few held out", train=60_000, held_out=9)
    assert error.code == "inconclusive"
    assert "60,000" in str(error)
    assert reason_of(error) == Message("few held out", {"train": 60_000, "held_out": 9})
    assert str(reason_of(UserError("Another reason."))) == "Another reason."


@pytest.mark.parametrize(
    ("words", "joined"),
    [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (list("abc"), "a, b and c")],
)
def test_words_are_joined(words, joined):
    assert join_words(list(words)) == joined


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        ("ae_debug", ("divergence", "overfit")),
        ("vae_debug", ("posterior collapse", "divergence", "memorization", "overfit")),
        ("gan_debug", ("mode collapse", "discriminator has won", "vanishing generator gradient",
                       "exploding penalty", "memorization", "overfit")),
    ],
)  # fmt: skip
def test_each_family_has_its_issues_in_the_order_of_the_report(preset, expected):
    assert issues_of(presets.get(preset).model) == expected
    assert set(expected) <= set(get_args(IssueName))
