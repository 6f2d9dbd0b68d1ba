import json
import math

import pytest

from latentarium.errors import UserError
from latentarium.stats.measurement import Measurement, quantity, say, unlike


def measurement(**changes):
    given = {
        "name": "precision",
        "value": 0.5,
        "unit": "share",
        "interval": (0.4, 0.6),
        "n": 1000,
        "protocol": "k3",
        "split": "test",
        "extractor": "judge 12ab",
    }
    return Measurement(**{**given, **changes})


def test_it_goes_to_json_and_comes_back():
    there = measurement(floor=0.9, seed=3, note="a note")
    assert Measurement.from_dict(json.loads(json.dumps(there.to_dict()))) == there


def test_what_is_not_finite_is_null_in_json_and_nan_again():
    text = json.dumps(measurement(value=math.inf, interval=None).to_dict(), allow_nan=False)
    back = Measurement.from_dict(json.loads(text))
    assert math.isnan(back.value)
    assert back.interval is None


@pytest.mark.parametrize(
    "damage", [{"value": None, "colour": 1}, {"name": None}, {"interval": 5}], ids=str
)
def test_a_damaged_one_is_a_sentence(damage):
    values = {**measurement().to_dict(), **damage}
    if damage.get("name", 1) is None:
        del values["name"]
    with pytest.raises(UserError, match="evaluate the run again"):
        Measurement.from_dict(values)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n": 500}, "n 1,000 against 500"),
        ({"protocol": "k5"}, "protocol k3 against k5"),
        ({"extractor": None}, "extractor judge 12ab against none"),
        ({"split": "validation"}, "split test against validation"),
        ({"unit": "nats"}, "unit share against nats"),
    ],
)
def test_unlike_measurements_say_in_what(change, words):
    assert unlike(measurement(), measurement(**change)) == words


def test_value_seed_and_floor_may_differ():
    assert unlike(measurement(), measurement(value=0.1, seed=7, floor=0.2, interval=None)) == ""


def test_numbers_are_said_with_the_digits_that_a_reader_needs():
    assert say(measurement()) == "precision: 50.00 % [40.00 %, 60.00 %]"
    assert quantity(1234.5678, "nats") == "1234.6 nats"
    assert quantity(0.012345, "FD") == "0.0123 FD"
    assert quantity(10_000, "") == "10,000"
    assert quantity(math.nan, "share") == "not finite"
