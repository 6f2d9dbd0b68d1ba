"""Run a bench over seeds and compare its results with published results."""

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from latentarium import charts
from latentarium.bench.bench import Bench, Column, Summary
from latentarium.bench.published import SOURCES
from latentarium.data.dataset import Data
from latentarium.data.sources import load_training_data
from latentarium.errors import UserError
from latentarium.files import from_json, read_regular_file, write_atomic
from latentarium.machine import describe_machine, versions
from latentarium.presets.variants import vary
from latentarium.progress import ConsoleProgress, ProgressTask
from latentarium.registry import component
from latentarium.run import Run
from latentarium.stats.measurement import Interval, Measurement, format_quantity
from latentarium.training import Reporter, Training, train_together

EMPTY = "–"
"""The cell of a quantity that could not be measured for all seeds."""
MAX_SEEDS = 1000
"""The largest number of training runs of a preset; each takes minutes."""


@dataclass(frozen=True, kw_only=True)
class BenchReport:
    """The results of a bench, together with published results."""

    name: str
    bench: Bench
    rows: tuple[Summary, ...]
    data: str
    """The source and fingerprint of the data."""
    seconds: float
    """The duration, including the training of earlier sessions of an interrupted bench."""

    def to_dict(self) -> dict[str, Any]:
        """Return the content of bench.json."""
        bench = self.bench
        return {
            "bench": self.name,
            "protocol": bench.protocol,
            "data": self.data,
            "columns": [
                {"key": c.key, "title": c.title, "unit": c.unit, "ideal": c.ideal}
                for c in bench.columns
            ],
            "rows": [row.to_dict() for row in self.rows],
            "interval": "95 % of the mean over seeds, Student's t",
            "published": [asdict(row) for row in bench.published],
            "sources": {row.source: SOURCES[row.source] for row in bench.published},
            "caveat": bench.caveat,
            "seconds": round(self.seconds, 1),
            "machine": describe_machine(),
            "versions": versions(),
        }

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Return the column titles and the rows of a table: the results of this bench, published
        results, and perfect sampling."""
        columns = self.bench.columns
        titles = ["", *(c.title for c in columns), "runs", "source"]
        cells = [
            [
                f"{row.name}, {row.steps:,} steps",
                *(_cell(row, c) for c in columns),
                str(len(row.seeds)),
                "this run",
            ]
            for row in self.rows
        ]
        for row in self.bench.published:
            values = []
            for c in columns:
                value, spread = row.values.get(c.key), row.spread.get(c.key)
                plus_minus = "" if spread is None else f" ± {format_quantity(spread, c.unit)}"
                values.append("" if value is None else format_quantity(value, c.unit) + plus_minus)
            cells.append([row.name, *values, "", row.source])
        if any(c.ideal is not None for c in columns):
            ideal = ["" if c.ideal is None else format_quantity(c.ideal, c.unit) for c in columns]
            cells.append(["perfect sampling", *ideal, "", "computed"])
        return titles, cells

    def notes(self) -> list[str]:
        """Return the sentences to read with the table."""
        sources = dict.fromkeys(row.source for row in self.bench.published)
        return [
            self.bench.protocol,
            "Brackets: 95 % interval of the mean over seeds (Student's t). ±: published margin.",
            *self._measuring_notes(),
            *self._unmeasured_notes(),
            *(f"{key}: {SOURCES[key]}." for key in sources),
            self.bench.caveat,
        ]

    def _measuring_notes(self) -> list[str]:
        """Return the sample size, split and extractor of the columns, grouped."""
        titles: dict[str, list[str]] = {}
        for column in self.bench.columns:
            m = next(iter(self.rows[0].seeds.values())).get(column.key)
            if m is not None:
                parts = (f"n = {m.n:,}" if m.n else None, m.split, m.extractor)
                setup = ", ".join(part for part in parts if part)
                titles.setdefault(setup, []).append(column.title)
        return [f"{', '.join(names)}: {setup}." for setup, names in titles.items() if setup]

    def _unmeasured_notes(self) -> list[str]:
        """Return why a column has no mean: the quantity could not be measured for some seeds."""
        notes = []
        for row in self.rows:
            for column in self.bench.columns:
                missing = [
                    seed
                    for seed, m in row.seeds.items()
                    if column.key in m and not math.isfinite(m[column.key].value)
                ]
                if missing:
                    why = row.seeds[missing[0]][column.key].note or "the value is not finite"
                    seeds = ", ".join(map(str, missing))
                    notes.append(
                        f"{column.title} of {row.name}: not measured for seed {seeds}: {why}."
                    )
        return notes


def run_bench(
    name: str,
    out: Path,
    *,
    seeds: int = 5,
    budget: str | None = None,
    device: str = "auto",
    display: ConsoleProgress,
    reporter: Callable[[str], Reporter],
) -> BenchReport:
    """Train and measure each preset of a bench for each seed; write bench.json and bench.svg.

    Training runs and measurements that are already in the folder are reused.

    Arguments:
        name: The registered name of the bench.
        out: The output folder; the runs are written to its subfolders.
        seeds: The number of training runs of each preset; their seeds are 0, 1, 2 and so on.
        budget: "small" or None, "full", or a number of training steps.
        device: The device to train on, as for `train`.
        display: The console display of progress.
        reporter: Returns the progress reporter of a training run, given the run's title.

    Raises:
        UserError: There is no such bench (code "unknown-component") or budget (code
            "unknown-budget"), `seeds` is out of range (code "invalid-count"), or a training fails.
    """
    bench: Bench = component("bench", name)()
    if not 1 <= seeds <= MAX_SEEDS:
        raise UserError(
            f"seeds is {seeds}; it must be between 1 and {MAX_SEEDS}.", code="invalid-count"
        )
    started = time.monotonic()
    configs = {preset: bench.configure(preset, budget) for preset in bench.presets}
    trainings = {
        (preset, seed): Training(
            title=f"{preset}, seed {seed}",
            config=vary(config, preset, train={"seed": seed, "device": device}),
            folder=out / preset / f"steps{config.train.steps}-seed{seed}",
        )
        for preset, config in configs.items()
        for seed in range(seeds)
    }
    trained = dict(
        zip(trainings, train_together(list(trainings.values()), reporter=reporter), strict=True)
    )
    rows: list[Summary] = []
    source, data = "", None
    for preset in bench.presets:
        measurements: dict[int, dict[str, Measurement]] = {}
        for seed in range(seeds):
            training = trainings[preset, seed]
            settings = training.config.train
            if data is None or source != settings.data:
                source, data = settings.data, load_training_data(settings)
            run = trained[preset, seed].run
            measurements[seed] = _measure_run(bench, run, data, seed, training.title, display)
        seconds = {seed: trained[preset, seed].run.training_seconds() for seed in range(seeds)}
        steps = configs[preset].train.steps
        row = Summary(name=preset, steps=steps, seeds=measurements, seconds=seconds)
        rows.append(row)
    earlier_seconds = sum(result.earlier_seconds for result in trained.values())
    assert data is not None  # a bench has at least one preset
    report = BenchReport(
        name=name,
        bench=bench,
        rows=tuple(rows),
        data=f"{data.card.source} {data.card.fingerprint[:12]}",
        seconds=earlier_seconds + time.monotonic() - started,
    )
    content = json.dumps(report.to_dict(), indent=2, allow_nan=False) + "\n"
    write_atomic(out / "bench.json", content.encode())
    write_atomic(out / "bench.svg", charts.standalone(draw_table(report)).encode())
    return report


def draw_table(report: BenchReport) -> str:
    """Return the table as a chart: one panel for each column, one dot for each row."""
    panels = []
    for column in report.bench.columns:
        own = [
            (row.name, row.mean(column.key), _clipped_interval(row, column), True)
            for row in report.rows
            if math.isfinite(row.mean(column.key))
        ]
        published = [
            (
                row.name,
                row.values[column.key],
                _interval_around(row.values[column.key], row.spread.get(column.key)),
                False,
            )
            for row in report.bench.published
            if column.key in row.values
        ]
        panels.append((column.title, column.unit, [*own, *published], column.ideal))
    return charts.dot_plot(panels, report.bench.title)


def _clipped_interval(row: Summary, column: Column) -> Interval | None:
    interval = row.interval(column.key)
    return None if interval is None else column.clip(interval)


def _interval_around(value: float, spread: float | None) -> tuple[float, float] | None:
    return None if spread is None else (value - spread, value + spread)


def _cell(row: Summary, column: Column) -> str:
    if not math.isfinite(row.mean(column.key)):
        return EMPTY
    text = format_quantity(row.mean(column.key), column.unit)
    interval = _clipped_interval(row, column)
    if interval is None:
        return text
    low, high = (format_quantity(v, column.unit).removesuffix(f" {column.unit}") for v in interval)
    return f"{text} [{low}, {high}]"


def _measure_run(
    bench: Bench, run: Run, data: Data, seed: int, title: str, display: ConsoleProgress
) -> dict[str, Measurement]:
    """Measure a trained run, or return its stored measurements if the weights and the protocol
    are the same."""
    path = run.folder.with_suffix(".json")
    if path.exists():
        try:
            stored = from_json(read_regular_file(path))
            if stored["protocol"] == bench.protocol and stored["weights"] == run.weights_hash():
                return {k: Measurement.from_dict(v) for k, v in stored["measurements"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            display.print(f"{path} is damaged; measuring again.")
    tasks: list[ProgressTask] = []

    def update(done: int, total: int) -> None:
        if not tasks:
            tasks.append(display.task(f"{title}: measuring", total))
        tasks[0].update(done)

    measurements = bench.measure(run.load(), data, seed, update)
    for task in tasks:
        task.end()
    content = {
        "protocol": bench.protocol,
        "weights": run.weights_hash(),
        "measurements": {k: m.to_dict() for k, m in measurements.items()},
    }
    write_atomic(path, (json.dumps(content, indent=2) + "\n").encode())
    return measurements
