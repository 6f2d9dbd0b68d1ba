"""Intervals over seeds, budgets, and the table of published results."""

import math
import statistics

import pytest

from latentarium import presets
from latentarium.bench.bench import Bench, Column, Summary
from latentarium.bench.published import (
    GRID,
    NLL_DYNAMIC,
    PARZEN,
    RING,
    SOURCES,
    STACKED,
    STACKED_SMALL,
)
from latentarium.bench.run import BenchReport
from latentarium.stats.measurement import Measurement
from support.errors import raises_code


class OneColumnBench(Bench):
    title = "A test"
    protocol = "Nothing is measured."
    presets = ("gan_debug",)
    columns = (Column(key="modes", title="modes", maximum=8.0),)

    def measure(self, model, data, seed, progress):
        return {}


class LongBench(OneColumnBench):
    full = {  # noqa: RUF012
        "gan_debug": {"train": {"steps": 80}, "optimizer": {"learning_rate": 7e-3}}
    }


def summary(*values):
    rows = {i: {"modes": Measurement(name="modes", value=v)} for i, v in enumerate(values)}
    return Summary(name="gan", steps=5, seeds=rows, seconds=dict.fromkeys(rows, 1.0))


def test_interval_over_seeds_is_students():
    """Compare with t = 2.776 for 4 degrees of freedom."""
    values = (23.0, 25.0, 24.0, 25.0, 23.0)
    half = 2.7764 * statistics.stdev(values) / math.sqrt(5)
    assert summary(*values).interval("modes") == pytest.approx((24 - half, 24 + half), abs=1e-3)


def test_one_seed_has_a_mean_but_no_interval():
    assert summary(3.0).interval("modes") is None
    assert summary(3.0).mean("modes") == 3


def test_equal_seeds_have_an_interval_of_length_zero():
    assert summary(8.0, 8.0, 8.0).interval("modes") == (8.0, 8.0)


@pytest.mark.parametrize(
    ("known", "note"),
    [({"n": 5000, "split": "test"}, ["modes: n = 5,000, test."]), ({}, [])],
)  # fmt: skip
def test_a_note_names_only_what_is_known_of_a_measurement(known, note):
    measurement = Measurement(name="modes", value=3.0, **known)
    row = Summary(name="gan", steps=5, seeds={0: {"modes": measurement}}, seconds={})
    report = BenchReport(name="a", bench=OneColumnBench(), rows=(row,), data="ring", seconds=1.0)
    assert [each for each in report.notes() if each.startswith("modes")] == note


def test_values_that_are_not_finite_become_null():
    content = summary(math.nan, 1.0).to_dict()
    assert content["mean"] == {"modes": None}
    assert content["interval"] == {"modes": [None, None]}


def test_intervals_are_clipped_to_possible_values():
    assert OneColumnBench.columns[0].clip((-1.0, 9.0)) == (0.0, 8.0)
    assert Column(key="s", title="s", unit="share").clip((-0.1, 1.1)) == (0.0, 1.0)


def test_budget_is_a_name_or_a_number_of_steps():
    bench, own = LongBench(), presets.gan_debug()
    assert bench.configure("gan_debug", None) == bench.configure("gan_debug", "small") == own
    long = bench.configure("gan_debug", "full")
    assert (long.train.steps, long.optimizer.learning_rate) == (80, 7e-3)
    given = bench.configure("gan_debug", "123")
    assert (given.train.steps, given.optimizer) == (123, own.optimizer)


@pytest.mark.parametrize("budget", ["huge", "0", "-5", "1.5", ""])
def test_unknown_budgets_are_refused(budget):
    with raises_code("unknown-budget"):
        LongBench().configure("gan_debug", budget)


def test_full_budget_is_refused_if_the_bench_has_none():
    assert OneColumnBench().budgets == ("small",)
    with raises_code("unknown-budget"):
        OneColumnBench().configure("gan_debug", "full")


@pytest.mark.parametrize("rows", [RING, GRID, STACKED, STACKED_SMALL, PARZEN, NLL_DYNAMIC])
def test_published_rows_have_a_source_and_possible_values(rows):
    for row in rows:
        assert row.source in SOURCES
        assert set(row.spread) <= set(row.values)
        assert 0 <= row.values.get("high_quality", 0) <= 1
        assert all(v >= 0 for v in row.values.values())


def test_every_value_of_a_source_with_standard_errors_has_its_margin():
    with_errors = {key for key, source in SOURCES.items() if "± standard error" in source}
    assert with_errors == {"pacgan", "pacgan-small", "gan"}
    rows = (*RING, *GRID, *STACKED, *STACKED_SMALL, *PARZEN)
    for row in rows:
        if row.source in with_errors | {"metz"}:
            assert set(row.spread) == set(row.values), row.name
