"""Every interval of the package is simulated, and its coverage is nominal."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from support.interval_simulations import SIMULATIONS
from support.interval_simulations.registry import MAX_COVERAGE, MIN_COVERAGE, covered

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "src" / "latentarium"
RESULTS = json.loads((ROOT / "benchmarks" / "results" / "intervals.json").read_text())
SETTINGS = [(name, title) for name, s in SIMULATIONS.items() for title in s.settings]
QUICK_DRAWS = 200
PASSED_ON = {
    "Measurement.interval": "contains one of the other intervals",
    "PlayerGain.interval": "in files of earlier versions",
    "SnapshotGap.interval": "in files of earlier versions",
    "wilson": "not in reports; its coverage is tested in test_intervals",
    "wilson_from_share": "as `wilson`",
    "_share_interval": "in the intervals of precision, recall and coverage",
    "_density_interval": "DensityCoverage.density_interval",
    "_modes_interval": "ModeCoverage.modes_interval",
    "clip": "clips an interval to the possible values",
    "_clipped_interval": "clips an interval to the possible values",
    "Summary.interval": "a method",
    "interval": "Summary.interval",
    "drop_interval": "RealismProbe.drop_interval",
}
"""Fields and functions without a simulation of their own, with the reasons."""


def intervals_in_the_sources():
    """Return all fields and functions of the package whose type is an interval."""
    found = set()
    for path in SOURCES.rglob("*.py"):
        if path.parent.name == "config":  # its `Interval` is a number of steps
            continue
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                for item in node.body:
                    if isinstance(item, ast.AnnAssign) and is_interval(
                        item.annotation, item.target
                    ):
                        found.add(f"{node.name}.{ast.unparse(item.target)}")
            if (
                isinstance(node, ast.FunctionDef)
                and node.returns is not None
                and "Interval" in names_of(node.returns)
            ):
                found.add(node.name)
    return found


def is_interval(annotation, target):
    pair = ast.unparse(annotation).replace(" ", "").startswith("tuple[float,float]")
    return "Interval" in names_of(annotation) or (pair and "interval" in ast.unparse(target))


def names_of(annotation):
    return {n.id for n in ast.walk(annotation) if isinstance(n, ast.Name)}


def test_every_interval_of_the_package_has_a_simulation():
    """A new field of type `Interval`, or a function that returns one, must be added to a
    simulation in tests/support/interval_simulations."""
    simulated = {field for s in SIMULATIONS.values() for field in s.fields}
    found = intervals_in_the_sources()
    assert len(found) > 30
    assert found - simulated - PASSED_ON.keys() == set()


@pytest.mark.parametrize("name", SIMULATIONS)
def test_coverage_is_not_far_from_nominal(name):
    """The quick version: at nominal coverage, a failure has a chance below 1 in 10,000."""
    simulation = SIMULATIONS[name]
    setting = next(iter(simulation.settings.values()))
    trials = simulation.quick_trials
    hits = covered(setting, trials, QUICK_DRAWS)
    assert hits / trials >= 0.95 - 3.7 * (0.05 * 0.95 / trials) ** 0.5 - 0.5 / trials


@pytest.mark.slow
@pytest.mark.parametrize(("name", "title"), SETTINGS, ids=[": ".join(s) for s in SETTINGS])
def test_coverage_is_nominal(name, title):
    simulation = SIMULATIONS[name]
    coverage = covered(simulation.settings[title], simulation.trials) / simulation.trials
    assert coverage >= MIN_COVERAGE
    assert coverage <= MAX_COVERAGE or simulation.conservative


def test_committed_coverages_are_those_of_all_settings_and_nominal():
    rows = {(row["name"], row["setting"]): row for row in RESULTS["rows"]}
    assert set(rows) == set(SETTINGS)
    for (name, _), row in rows.items():
        simulation = SIMULATIONS[name]
        assert row["trials"] == simulation.trials
        assert row["conservative"] == simulation.conservative
        assert row["coverage"] >= MIN_COVERAGE, row
        assert row["coverage"] <= MAX_COVERAGE or simulation.conservative, row


def test_an_interval_that_covers_more_than_99_percent_is_the_reason_for_conservative():
    for name, simulation in SIMULATIONS.items():
        highest = max(row["coverage"] for row in RESULTS["rows"] if row["name"] == name)
        assert simulation.conservative == (highest > MAX_COVERAGE), name


def test_the_table_of_the_docs_is_that_of_the_committed_coverages():
    script = ROOT / "benchmarks" / "interval_coverage.py"
    done = subprocess.run(
        [sys.executable, str(script), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
