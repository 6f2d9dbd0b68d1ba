"""Reports as JSON and as tables, and comparisons of reports."""

import dataclasses
import json

import pytest

from latentarium.evaluation.reasons import as_reason, reason
from latentarium.evaluation.report import COLUMNS, EMPTY, Report, compare
from latentarium.stats.measurement import Measurement
from support.errors import raises_code


def number(value=0.5, **changes):
    fields = {"name": "Precision", "unit": "share", "n": 100, "protocol": "k3", "split": "test"}
    return Measurement(value=value, **{**fields, **changes})


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


def test_a_report_survives_json():
    original = report(precision=number(interval=(0.4, 0.6), reference=0.9, note="a note"))
    assert Report.from_dict(json.loads(json.dumps(original.to_dict()))) == original


def test_a_report_of_format_2_is_read():
    original = report(precision=number(reference=0.9, extractor="classifier-mnist 12ab"))
    text = json.dumps({**original.to_dict(), "format": 2})
    old = text.replace('reference"', 'floor"').replace('"classifier-', '"judge-')
    assert old != text
    assert Report.from_dict(json.loads(old)) == original


def test_reasons_survive_json_and_those_of_format_4_are_read():
    why = reason("unseen-classes", classes=["7", "eight"], count=1200)
    original = dataclasses.replace(report(precision=number()), left_out={"Recall": why})
    content = json.loads(json.dumps(original.to_dict()))
    assert Report.from_dict(content).left_out == {"Recall": why}
    assert str(why).startswith("7, eight: ")
    assert "1,200" in str(why)
    old = {**content, "format": 4, "left_out": {"Recall": str(why)}}
    read = Report.from_dict(old)
    assert read.left_out == {"Recall": as_reason(str(why))}
    assert read.notes() == original.notes()


@pytest.mark.parametrize(
    "why",
    [
        5, None, [], {}, {"code": "text", "values": {}}, {"code": 1, "values": {}, "text": "a"},
        {"code": "text", "values": {"text": {}}, "text": "a"},
        {"code": "text", "values": [], "text": "a"},
    ],
)  # fmt: skip
def test_a_damaged_reason_is_refused(why):
    content = {**report(precision=number()).to_dict(), "left_out": {"Recall": why}}
    with raises_code("damaged-file"):
        Report.from_dict(content)


def test_a_row_shows_everything_that_a_number_needs():
    measurement = number(
        0.5, interval=(0.4, 0.6), reference=0.9, seed=3, extractor="classifier 12ab", n=10_000
    )
    (row,) = report(precision=measurement).rows()
    assert dict(zip(COLUMNS, row, strict=True)) == {
        "measure": "Precision",
        "value": "50.00 %",
        "95 % interval": "[40.00, 60.00]",
        "reference": "90.00 %",
        "better": "higher",
        "n": "10,000",
        "seed": "3",
        "extractor": "classifier 12ab",
        "protocol": "k3 test",
    }


def test_what_a_measurement_lacks_is_an_empty_cell():
    (row,) = report(precision=number(n=None)).rows()
    cells = dict(zip(COLUMNS, row, strict=True))
    assert {cells[c] for c in ("95 % interval", "reference", "n", "seed", "extractor")} == {EMPTY}


def test_a_quantity_that_was_not_measured_has_a_row_of_dashes_and_a_reason():
    lacking = dataclasses.replace(
        report(precision=number()), left_out={"Recall": as_reason("too few")}
    )
    measured, missing = lacking.rows()
    assert measured[0] == "Precision"
    assert missing == ["Recall", *[EMPTY] * (len(COLUMNS) - 1)]
    assert any("Recall" in note and "too few" in note for note in lacking.notes())
    full = report(precision=number(), recall=number(0.4, name="Recall"))
    comparison = compare({"a": lacking, "b": full})
    row = next(row for row in comparison.rows if row[0] == "Recall")
    assert row[1] == EMPTY
    assert row[2] == "40.00 %"
    assert any("a" in n and "Recall" in n and "too few" in n for n in comparison.notes)


def test_references_that_depend_on_the_model_are_in_its_column():
    comparison = compare(
        {
            "a": report(trip=number(0.1, reference=0.02), precision=number(reference=0.9)),
            "b": report(trip=number(0.2, reference=0.03), precision=number(reference=0.9)),
        }
    )
    trip, precision = comparison.rows
    assert trip[1].endswith("2.00 %")
    assert trip[2].endswith("3.00 %")
    assert "%" not in trip[3]
    assert precision[1] == "50.00 %"
    assert precision[3] == "90.00 %"


def test_a_comparison_has_a_column_for_each_model_and_empty_cells_for_missing_numbers():
    comparison = compare(
        {
            "a": report(precision=number(0.1)),
            "b": report(precision=number(0.2), nll=number(90.0, name="NLL", unit="nats")),
        }
    )
    assert comparison.columns[:3] == ["measure", "a", "b"]
    assert comparison.rows[0][:3] == ["Precision", "10.00 %", "20.00 %"]
    assert comparison.rows[1][:3] == ["NLL", "", "90 nats"]
    assert all(len(row) == len(comparison.columns) for row in comparison.rows)
    protocols = comparison.protocol_rows
    assert all(len(row) == len(comparison.protocol_columns) for row in protocols)
    assert [row[0] for row in protocols] == [row[0] for row in comparison.rows]


@pytest.mark.parametrize(
    ("change", "values"),
    [
        ({"n": 50}, ("100", "50")),
        ({"protocol": "k5"}, ("k3", "k5")),
        ({"extractor": "classifier 99"}, ("extractor", "classifier 99")),
    ],
)
def test_different_protocols_are_refused_and_named(change, values):
    with raises_code("unlike-protocols") as error:
        compare({"x": report(p=number()), "y": report(p=number(**change))})
    for word in ("x", "y", "Precision", *values):
        assert word in str(error.value)


def test_different_protocols_are_found_if_the_first_model_has_no_number():
    with raises_code("unlike-protocols"):
        compare({"x": report(), "y": report(p=number()), "z": report(p=number(n=7))})


def test_different_data_are_refused():
    with raises_code("unlike-data"):
        compare({"x": report(p=number()), "y": report(fingerprint="0" * 64, p=number())})


def test_different_seeds_can_be_compared():
    comparison = compare({"x": report(p=number(seed=0)), "y": report(seed=1, p=number(seed=1))})
    seeds = comparison.protocol_rows[0][comparison.protocol_columns.index("seed")]
    assert seeds == "0, 1"


def test_a_single_run_is_refused():
    with raises_code("too-few-runs"):
        compare({"x": report()})


@pytest.mark.parametrize("format", [None, 1, 99])
def test_an_unknown_format_is_refused(format):
    with raises_code("unsupported-format"):
        Report.from_dict({**report(p=number()).to_dict(), "format": format})


@pytest.mark.parametrize(
    ("key", "value"), [("measurements", None), ("measurements", [1]), ("tables", ...)]
)
def test_a_damaged_report_is_refused(key, value):
    content = report(p=number()).to_dict()
    if value is ...:
        del content[key]
    else:
        content[key] = value
    with raises_code("damaged-file"):
        Report.from_dict(content)


@pytest.mark.parametrize(
    ("key", "value"), [("value", "x"), ("interval", ["a", "b"]), ("reference", [])]
)
def test_a_damaged_measurement_is_refused(key, value):
    content = report(p=number(interval=(0.1, 0.9))).to_dict()
    content["measurements"]["p"][key] = value
    with raises_code("damaged-measurement"):
        Report.from_dict(content)
    content["measurements"]["p"] = {"name": "p"}
    with raises_code("damaged-measurement"):
        Report.from_dict(content)
