import json

import pytest

from latentarium.errors import UserError
from latentarium.evaluation.report import TITLES, Report, compare
from latentarium.stats.measurement import Measurement


def number(value=0.5, **changes):
    given = {"name": "Precision", "unit": "share", "n": 100, "protocol": "k3", "split": "test"}
    return Measurement(value=value, **{**given, **changes})


def report(fingerprint="f" * 64, seed=0, **measurements):
    return Report(
        model="VAE",
        data="mnist",
        fingerprint=fingerprint,
        seed=seed,
        measurements=measurements,
        tables={"a": [1, 2]},
        seconds={"samples": 1.0},
    )


def test_a_report_goes_to_json_and_comes_back():
    there = report(precision=number(interval=(0.4, 0.6), reference=0.9, note="a note"))
    assert Report.from_dict(json.loads(json.dumps(there.to_dict()))) == there


def test_a_row_shows_all_that_a_number_needs():
    shown = number(
        0.5, interval=(0.4, 0.6), reference=0.9, seed=3, extractor="classifier 12ab", n=10_000
    )
    (row,) = report(precision=shown).rows()
    assert dict(zip(TITLES, row, strict=True)) == {
        "measure": "Precision",
        "value": "50.00 %",
        "95 % interval": "[40.00, 60.00]",
        "reference": "90.00 %",
        "n": "10,000",
        "seed": "3",
        "extractor": "classifier 12ab",
        "protocol": "k3 test",
    }


def test_floors_of_their_own_stand_beside_their_values():
    found = compare(
        {
            "a": report(trip=number(0.1, reference=0.02), precision=number(0.5, reference=0.9)),
            "b": report(trip=number(0.2, reference=0.03), precision=number(0.5, reference=0.9)),
        }
    )
    trip, precision = found.rows
    assert trip[1].endswith("floor 2.00 %")
    assert trip[2].endswith("floor 3.00 %")
    assert trip[3] == "each its own"
    assert precision[3] == "90.00 %"
    assert "floor" not in precision[1]


def test_a_comparison_has_a_column_for_each_model_and_a_gap_where_one_has_no_number():
    found = compare(
        {
            "a": report(precision=number(0.1)),
            "b": report(precision=number(0.2), nll=number(90.0, name="NLL", unit="nats")),
        }
    )
    assert found.titles[:3] == ["measure", "a", "b"]
    assert found.rows[0][:3] == ["Precision", "10.00 %", "20.00 %"]
    assert found.rows[1][:3] == ["NLL", "", "90 nats"]
    assert all(len(row) == len(found.titles) for row in found.rows)
    assert all(len(row) == len(found.how_titles) for row in found.how)
    assert [row[0] for row in found.how] == [row[0] for row in found.rows]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n": 50}, "n 100 against 50"),
        ({"protocol": "k5"}, "protocol k3 against k5"),
        ({"extractor": "classifier 99"}, "extractor none against classifier 99"),
    ],
)
def test_unlike_protocols_are_refused_and_named(change, words):
    with pytest.raises(UserError, match=words) as refused:
        compare({"x": report(p=number()), "y": report(p=number(**change))})
    assert "x and y" in str(refused.value)
    assert "Precision" in str(refused.value)


def test_unlike_numbers_are_found_where_the_first_model_has_none():
    with pytest.raises(UserError, match="y and z"):
        compare({"x": report(), "y": report(p=number()), "z": report(p=number(n=7))})


def test_other_data_are_refused():
    with pytest.raises(UserError, match="beside mnist"):
        compare({"x": report(p=number()), "y": report(fingerprint="0" * 64, p=number())})


def test_another_seed_is_no_obstacle():
    found = compare({"x": report(p=number(seed=0)), "y": report(seed=1, p=number(seed=1))})
    assert found.how[0][found.how_titles.index("seed")] == "0, 1"


def test_one_run_is_no_comparison():
    with pytest.raises(UserError, match="two runs"):
        compare({"x": report()})


@pytest.mark.parametrize(
    "damage", [{"format": 99}, {"measurements": None}, {"measurements": {"p": {"name": "p"}}}]
)
def test_damaged_metrics_are_a_sentence(damage):
    with pytest.raises(UserError, match="evaluate the run again"):
        Report.from_dict({**report(p=number()).to_dict(), **damage})


@pytest.mark.parametrize(
    ("key", "value"), [("value", "x"), ("interval", ["a", "b"]), ("reference", [])]
)
def test_a_number_that_is_none_is_a_sentence(key, value):
    content = report(p=number(interval=(0.1, 0.9))).to_dict()
    content["measurements"]["p"][key] = value
    with pytest.raises(UserError, match="damaged"):
        Report.from_dict(content)
