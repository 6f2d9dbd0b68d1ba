"""Simulations of the coverage of intervals.

A simulation draws data from a known distribution many times. Each time it computes the interval
that reports contain, and checks whether it contains the true value. If the true value is an
expectation at a finite n without a closed form, it is the mean over many other draws.

Every interval in a report has a simulation: `SIMULATIONS` is checked against the fields of the
package's results and against the measurements of evaluations.
"""

from collections.abc import Callable
from dataclasses import dataclass

from scipy.special import betaincinv

from latentarium.stats.measurement import Interval

Trial = Callable[[int], tuple[Interval, float]]
"""Maps a seed to an interval and the true value."""
Setting = Callable[[int], Trial]
"""Maps the number of draws for the true value to a trial."""

MIN_COVERAGE, MAX_COVERAGE = 0.92, 0.99
"""What simulated coverages of a nominal 95 % must be; conservative intervals may be above."""
EXPECTATION_DRAWS = 4000
"""Draws for a true value without a closed form."""


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """The simulation of an interval in several settings.

    Arguments:
        title: What the interval is of.
        method: How the interval is computed.
        settings: The settings by title.
        keys: Keys of measurements of an evaluation, or their leading parts.
        fields: Fields of results that are such intervals, as "Class.field", and functions that
            return such intervals.
        conservative: Whether the interval may cover more than 99 %.
        trials: Number of repetitions.
        quick_trials: Number of repetitions in the quick version.
    """

    title: str
    method: str
    settings: dict[str, Setting]
    keys: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    conservative: bool = False
    trials: int = 1000
    quick_trials: int = 60


SIMULATIONS: dict[str, Simulation] = {}
"""The simulations by name."""


def add(name: str, simulation: Simulation) -> None:
    """Add a simulation under a new name."""
    assert name not in SIMULATIONS, name
    SIMULATIONS[name] = simulation


def simulation_of(key: str) -> str | None:
    """Return the name of the simulation of a measurement's interval, by the measurement's key."""
    parts = key.split(".")
    for count in range(len(parts), 0, -1):
        leading = ".".join(parts[:count])
        for name, simulation in SIMULATIONS.items():
            if leading in simulation.keys:
                return name
    return None


def expectation(value: Callable[[int], float], draws: int) -> float:
    """Return the mean of a value over seeds that trials don't use."""
    return sum(value(10**6 + seed) for seed in range(draws)) / draws


def mean_of_trials(value: Callable[[int], float], count: int) -> float:
    """Return the mean of a value over the seeds of the first trials, if a value takes long. The
    mean varies so much less than a single value that the dependence doesn't matter."""
    return sum(value(seed) for seed in range(count)) / count


def covered(setting: Setting, trials: int, draws: int = EXPECTATION_DRAWS) -> int:
    """Return the number of trials in which the interval contains the true value."""
    trial, hits = setting(draws), 0
    for seed in range(trials):
        (low, high), truth = trial(seed)
        hits += low <= truth <= high
    return hits


def exact_interval(hits: int, trials: int) -> Interval:
    """Return the 95 % interval of a simulated coverage (Clopper and Pearson, 1934)."""
    low = 0.0 if hits == 0 else float(betaincinv(hits, trials - hits + 1, 0.025))
    high = 1.0 if hits == trials else float(betaincinv(hits + 1, trials - hits, 0.975))
    return low, high
