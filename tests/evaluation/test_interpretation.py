"""Directions of measurements in reports, tables and comparisons."""

import dataclasses

import pytest

from latentarium.evaluation.interpretation import (
    CONSERVATIVE,
    DIRECTIONS,
    PHRASES,
    direction_of,
    interpreted,
)
from latentarium.evaluation.report import COLUMNS, EMPTY, Report, compare
from latentarium.stats.measurement import BETTER, Measurement
from support.errors import raises_code
from support.interval_simulations import SIMULATIONS, simulation_of


def number(**changes):
    return Measurement(name="A number", value=0.5, n=10, **changes)


def report(**measurements):
    return Report(model="VAE", data="mnist", fingerprint="f", seed=0, measurements=measurements)


def test_a_key_has_the_direction_of_its_longest_known_part():
    assert direction_of("frechet.mixture10") == "lower"
    assert direction_of("coverage.worst") == "higher"
    assert direction_of("classes.rarest") == "higher"
    assert direction_of("classes.commonest") == "lower"
    assert direction_of("game.gap.bce") == "lower"
    assert direction_of("brightness") == ""
    assert direction_of("coverages") == ""
    assert set(DIRECTIONS.values()) == {*BETTER} - {""} == set(PHRASES)


def test_the_direction_of_a_section_of_ones_own_is_kept():
    own = interpreted("frechet", number(better="higher", conservative=True))
    assert (own.better, own.conservative) == ("higher", True)
    built_in = interpreted("gan_test.worst", number())
    assert (built_in.better, built_in.conservative) == ("higher", True)
    assert not interpreted("gan_test", number()).conservative


def test_tables_and_comparisons_show_the_direction():
    rows = report(
        frechet=number(), rate=number(), near_copies=number(), own=number(better="higher"),
        unknown=number(),
    ).rows()  # fmt: skip
    better = [row[COLUMNS.index("better")] for row in rows]
    assert better == ["lower", "neither", "near the reference", "higher", EMPTY]
    comparison = compare({"a": report(frechet=number()), "b": report(frechet=number())})
    assert comparison.rows[0][comparison.columns.index("better")] == "lower"


def test_reports_of_earlier_formats_show_directions():
    values = report(frechet=number()).to_dict()
    for key in ("better", "conservative"):
        del values["measurements"]["frechet"][key]
    old = Report.from_dict({**values, "format": 3})
    assert old.rows()[0][COLUMNS.index("better")] == "lower"


def test_conservative_intervals_are_named_in_the_notes():
    worst = dataclasses.replace(number(interval=(0.4, 0.6)), conservative=True)
    plain = dataclasses.replace(number(interval=(0.4, 0.6)), name="Another")
    (note,) = report(worst=worst, plain=plain).notes()
    assert "A number" in note
    assert "Another" not in note
    assert report(plain=plain).notes() == []


@pytest.mark.parametrize("better", ["up", None, 3])
def test_an_unknown_direction_is_refused(better):
    values = {**number().to_dict(), "better": better}
    with raises_code("damaged-measurement"):
        Measurement.from_dict(values)


def test_conservative_measurements_are_those_whose_simulation_says_so():
    simulated = {key for s in SIMULATIONS.values() if s.conservative for key in s.keys}
    assert simulated == CONSERVATIVE


@pytest.mark.parametrize("key", DIRECTIONS)
def test_every_built_in_measurement_has_a_simulated_interval(key):
    assert simulation_of(key) is not None
