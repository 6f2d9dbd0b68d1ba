"""Texts keep their template and values wherever they go."""

import copy
import json
import pickle

import numpy as np
import pytest

from latentarium.errors import (
    NonFiniteError,
    UserError,
    did_you_mean,
    error_from_json,
    error_to_json,
)
from latentarium.texts import (
    Text,
    change_text,
    join_clauses,
    text_from_json,
    text_of,
    text_to_json,
)

INNER = Text("skipped {name}: {reason}", name="a.png", reason=Text("the file is empty"))
OUTER = Text(
    "{count:,} of {total:,} in {path!r} ({parts}); {share:.1f}",
    count=np.int64(1234), total=5678, path="/private/runs", parts=[INNER, "b"],
    share=np.float32(2),
)  # fmt: skip


def test_a_text_is_the_english_string():
    assert OUTER == (
        "1,234 of 5,678 in '/private/runs' (skipped a.png: the file is empty, b); 2.0"
    )
    assert Text("has {braces} and no values") == "has {braces} and no values"
    assert join_clauses([INNER, "b", "c"]) == "skipped a.png: the file is empty; b; c"


@pytest.mark.parametrize("again", [
    copy.deepcopy,
    lambda text: pickle.loads(pickle.dumps(text)),
    lambda text: text_from_json(json.loads(json.dumps(text_to_json(text)))),
    lambda text: error_from_json(json.loads(json.dumps(error_to_json(text, "x")))).text,
    lambda text: text_of(pickle.loads(pickle.dumps(UserError(text)))),
])  # fmt: skip
def test_a_copy_has_the_template_and_the_values(again):
    for text in (OUTER, INNER, Text("plain {"), Text("plain")):
        assert again(text) == text
        assert text_to_json(again(text)) == text_to_json(text)


def test_all_strings_of_a_text_are_changed():
    changed = change_text(OUTER, lambda text: text.replace("/private/", "").replace("a.", "z."))
    assert "private" not in json.dumps(text_to_json(changed))
    assert "'runs' (skipped z.png" in changed
    for text in ("/private/a.", Text("/private/a.")):  # a text without values is its own template
        changed = text_to_json(change_text(text, lambda text: text.replace("/private/", "")))
        assert "private" not in json.dumps(changed)


def test_errors_have_texts():
    error = NonFiniteError("the loss is not finite", "lower the rate")
    assert str(error) == "the loss is not finite: lower the rate."
    assert error.text.values == {"what": "the loss is not finite", "fix": "lower the rate"}
    plain = UserError("anything {at} all", code="x")
    assert text_to_json(plain.text) == {
        "text": "anything {at} all", "template": "anything {at} all", "values": {}
    }  # fmt: skip
    assert error_from_json({"error": "of an older version", "code": "x"}).code == "x"
    assert text_of(OSError(2, "No such file")) == "[Errno 2] No such file"
    assert did_you_mean("cats", ["cat"]).values == {"word": "cat"}
    assert did_you_mean("x", ["b", "a"]).values == {"names": ("a", "b")}


@pytest.mark.parametrize(
    "content", [None, [], {}, {"template": "{a}", "values": {"b": 1}}, {"values": 3}]
)
def test_malformed_json_is_refused(content):
    with pytest.raises((KeyError, TypeError, ValueError, IndexError, AttributeError)):
        text_from_json(content)
