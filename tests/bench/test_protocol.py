import math
import statistics

import pytest

from latentarium import presets
from latentarium.bench.protocol import Column, Protocol, Summary
from latentarium.bench.published import GRID, NLL_DYNAMIC, PARZEN, RING, SOURCES, STACKED
from latentarium.errors import UserError
from latentarium.stats.measurement import Measurement


def summary(*values):
    rows = {i: {"modes": Measurement(name="modes", value=v)} for i, v in enumerate(values)}
    return Summary(name="gan", steps=5, seeds=rows, seconds=dict.fromkeys(rows, 1.0))


def protocol(**changes):
    given = {
        "name": "test",
        "title": "A test",
        "words": "words",
        "presets": ("gan_debug",),
        "columns": (Column(key="modes", title="modes"),),
        "measure": lambda model, data, seed, watch: {},
        "published": (),
        "caveat": "",
        "full": {"gan_debug": 80},
    }
    return Protocol(**{**given, **changes})


def test_the_interval_is_students():
    """Five values of known mean and deviation; t with 4 degrees of freedom is 2.776."""
    values = (23.0, 25.0, 24.0, 25.0, 23.0)
    interval = summary(*values).interval("modes")
    half = 2.7764 * statistics.stdev(values) / math.sqrt(5)
    assert interval == pytest.approx((24 - half, 24 + half), abs=1e-3)


def test_one_seed_says_nothing_of_the_spread():
    assert summary(3.0).interval("modes") is None
    assert summary(3.0).mean("modes") == 3


def test_equal_seeds_have_a_point_for_interval():
    assert summary(8.0, 8.0, 8.0).interval("modes") == (8.0, 8.0)


def test_a_budget_is_a_name_or_a_number_of_steps():
    p = protocol()
    own = presets.gan_debug().train.steps
    assert p.steps("gan_debug", None) == p.steps("gan_debug", "small") == own
    assert p.steps("gan_debug", "full") == 80
    assert p.steps("gan_debug", "123") == 123
    with pytest.raises(UserError, match="small or full"):
        p.steps("gan_debug", "huge")
    with pytest.raises(UserError, match="number of steps"):
        p.steps("gan_debug", "0")
    with pytest.raises(UserError, match="give small, or"):
        protocol(full={}).steps("gan_debug", "full")


@pytest.mark.parametrize("rows", [RING, GRID, STACKED, PARZEN, NLL_DYNAMIC])
def test_published_rows_have_a_source_and_possible_values(rows):
    for row in rows:
        assert row.source in SOURCES
        assert set(row.spread) <= set(row.values)
        assert 0 <= row.values.get("high_quality", 0) <= 1
        assert all(v >= 0 for v in row.values.values())
