import json
import math
import subprocess
import sys

import pytest

from latentarium.stats.measurement import (
    Measurement,
    format_measurement,
    format_quantity,
    is_one_sided,
    mismatch,
)
from support.errors import raises_code


def measurement(**changes):
    fields = {
        "name": "precision",
        "value": 0.5,
        "unit": "share",
        "interval": (0.4, 0.6),
        "n": 1000,
        "protocol": "k3",
        "split": "test",
        "extractor": "classifier 12ab",
    }
    return Measurement(**{**fields, **changes})


def test_measurement_survives_a_json_round_trip():
    original = measurement(reference=0.9, seed=3, note="a note")
    assert Measurement.from_dict(json.loads(json.dumps(original.to_dict()))) == original


def test_non_finite_value_is_null_in_json_and_nan_after_reading():
    text = json.dumps(measurement(value=math.inf, interval=None).to_dict(), allow_nan=False)
    restored = Measurement.from_dict(json.loads(text))
    assert math.isnan(restored.value)
    assert restored.interval is None


@pytest.mark.parametrize(
    ("extractor", "translated"),
    [
        ("judge-mnist f71ad0248c0a", "classifier-mnist f71ad0248c0a"),
        ("new-classifier", "new-classifier"),
        ("pixel-pca-64 12ab", "pixel-pca-64 12ab"),
        (None, None),
    ],
)
def test_names_of_earlier_versions_are_translated(extractor, translated):
    values = measurement(reference=0.9, extractor=extractor).to_dict()
    values["floor"] = values.pop("reference")
    assert Measurement.from_dict(values) == measurement(reference=0.9, extractor=translated)
    assert "floor" in values  # the caller's dict is unchanged


@pytest.mark.parametrize(
    "damage", [{"value": None, "colour": 1}, {"name": None}, {"interval": 5}], ids=str
)
def test_damaged_measurement_is_refused(damage):
    values = {**measurement().to_dict(), **damage}
    if damage.get("name", 1) is None:
        del values["name"]
    with raises_code("damaged-measurement"):
        Measurement.from_dict(values)


@pytest.mark.parametrize(
    ("change", "values"),
    [
        ({"n": 500}, ("n", "1,000", "500")),
        ({"protocol": "k5"}, ("protocol", "k3", "k5")),
        ({"extractor": None}, ("extractor", "classifier 12ab", "none")),
        ({"split": "validation"}, ("split", "test", "validation")),
        ({"unit": "nats"}, ("unit", "share", "nats")),
    ],
)
def test_mismatch_names_the_field_and_both_values(change, values):
    difference = mismatch(measurement(), measurement(**change))
    assert difference.startswith(values[0])
    assert values[1] in difference
    assert values[2] in difference


def test_value_seed_and_reference_may_differ():
    other = measurement(value=0.1, seed=7, reference=0.2, interval=None)
    assert mismatch(measurement(), other) == ""


def test_numbers_are_formatted_with_about_three_significant_digits():
    assert format_measurement(measurement()) == "precision: 50.00 % [40.00 %, 60.00 %]"
    assert format_quantity(1234.5678, "nats") == "1234.6 nats"
    assert format_quantity(0.012345, "FD") == "0.0123 FD"
    assert format_quantity(10_000, "") == "10,000"
    assert format_quantity(math.nan, "share") == "not finite"


def test_measurements_do_not_import_torch():
    program = (
        "import sys; from latentarium.stats import Measurement; print('torch' in sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "False"


def test_a_one_sided_interval_survives_json_and_is_shown_as_a_bound():
    original = measurement(value=0.7, unit="nats", interval=(0.61, math.inf))
    text = json.dumps(original.to_dict(), allow_nan=False)
    assert Measurement.from_dict(json.loads(text)) == original
    assert is_one_sided((0.61, math.inf))
    assert "(at least 0.61 nats, 95 %)" in format_measurement(original)
    for interval in ((0.4, 0.6), (-math.inf, 0.6), (-math.inf, math.inf), (math.nan, math.inf)):
        assert not is_one_sided(interval)
