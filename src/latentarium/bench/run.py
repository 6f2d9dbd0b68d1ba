"""Runs a bench over seeds, and sets its rows beside the published ones."""

import dataclasses
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from latentarium import charts, presets
from latentarium.bench.protocol import Column, Protocol, Summary
from latentarium.bench.published import SOURCES
from latentarium.data.dataset import Data
from latentarium.data.sources import load_data
from latentarium.errors import UserError
from latentarium.files import write_atomic
from latentarium.machine import describe_machine, versions
from latentarium.progress import ConsoleProgress, ProgressTask
from latentarium.run import Run
from latentarium.stats.measurement import Interval, Measurement, quantity
from latentarium.training.logging import Reporter
from latentarium.training.train import train


@dataclass(frozen=True, kw_only=True)
class BenchReport:
    """A bench's rows, ours and the published ones."""

    protocol: Protocol
    rows: tuple[Summary, ...]
    data: str
    """Source and fingerprint."""
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """The content of the bench's JSON file."""
        p = self.protocol
        return {
            "bench": p.name,
            "protocol": p.words,
            "data": self.data,
            "columns": [
                {"key": c.key, "title": c.title, "unit": c.unit, "ideal": c.ideal}
                for c in p.columns
            ],
            "rows": [row.to_dict() for row in self.rows],
            "interval": "95 % of the mean over seeds, Student's t",
            "published": [dataclasses.asdict(row) for row in p.published],
            "sources": {row.source: SOURCES[row.source] for row in p.published},
            "caveat": p.caveat,
            "seconds": round(self.seconds, 1),
            "machine": describe_machine(),
            "versions": versions(),
        }

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Titles and cells: ours, then the published rows, then what perfect sampling gets."""
        columns = self.protocol.columns
        titles = ["", *(c.title for c in columns), "runs", "source"]
        cells = [
            [
                f"{row.name}, {row.steps:,} steps",
                *(_ours(row, c) for c in columns),
                str(len(row.seeds)),
                "this run",
            ]
            for row in self.rows
        ]
        for row in self.protocol.published:
            shown = []
            for c in columns:
                value, spread = row.values.get(c.key), row.spread.get(c.key)
                plus = "" if spread is None else f" ± {quantity(spread, c.unit)}"
                shown.append("" if value is None else quantity(value, c.unit) + plus)
            cells.append([row.name, *shown, "", row.source])
        if any(c.ideal is not None for c in columns):
            ideal = ["" if c.ideal is None else quantity(c.ideal, c.unit) for c in columns]
            cells.append(["perfect sampling", *ideal, "", "computed"])
        return titles, cells

    def notes(self) -> list[str]:
        """What must be read with the table."""
        sources = dict.fromkeys(row.source for row in self.protocol.published)
        return [
            self.protocol.words,
            "Brackets: 95 % of the mean over seeds (Student's t). ±: as published.",
            *self._how(),
            *(f"{key}: {SOURCES[key]}." for key in sources),
            self.protocol.caveat,
        ]

    def _how(self) -> list[str]:
        """What our values were measured with, a line for each way."""
        titles: dict[str, list[str]] = {}
        for column in self.protocol.columns:
            m = next(iter(self.rows[0].seeds.values())).get(column.key)
            if m is not None:
                way = f"n = {m.n:,}, {m.split}, {m.extractor}" if m.n else f"{m.split}"
                titles.setdefault(way, []).append(column.title)
        return [f"{', '.join(names)}: {way}." for way, names in titles.items()]


def run_bench(
    protocol: Protocol,
    out: Path,
    *,
    seeds: int = 5,
    budget: str | None = None,
    device: str = "auto",
    shown: ConsoleProgress,
    reporter: Callable[[str], Reporter],
) -> BenchReport:
    """Trains each preset of the protocol for each seed, measures it, and writes bench.json and
    bench.svg. What is already there is not done again.

    Arguments:
        protocol: What to run.
        out: The folder; a run for each preset and seed is in it.
        seeds: How many, from 0.
        budget: `small` or None, `full`, or a number of steps.
        device: As for training.
        shown: Where progress goes.
        reporter: Makes a training's progress from its title.

    Raises:
        UserError: No seeds, an unknown budget, or what training raises.
    """
    if seeds < 1:
        raise UserError(f"seeds is {seeds}; give at least 1.")
    began = time.monotonic()
    rows, loaded = [], None
    for preset in protocol.presets:
        steps = protocol.steps(preset, budget)
        found: dict[int, dict[str, Measurement]] = {}
        seconds: dict[int, float] = {}
        for seed in range(seeds):
            config = presets.get(preset)
            settings = dataclasses.replace(config.train, seed=seed, steps=steps, device=device)
            config = dataclasses.replace(config, train=settings)
            if loaded is None or loaded[0] != settings.data:
                loaded = (settings.data, load_data(settings.data))
            folder = out / preset / f"steps{steps}-seed{seed}"
            title = f"{preset}, seed {seed}"
            run = train(config, folder, loaded[1], reporter=reporter(title))
            seconds[seed] = float(run.log()[-1]["seconds"])
            found[seed] = _measured(protocol, run, loaded[1], seed, title, shown)
        rows.append(Summary(name=preset, steps=steps, seeds=found, seconds=seconds))
    assert loaded is not None  # a protocol has a preset, and there is a seed
    card = loaded[1].card
    report = BenchReport(
        protocol=protocol,
        rows=tuple(rows),
        data=f"{card.source} {card.fingerprint[:12]}",
        seconds=time.monotonic() - began,
    )
    write_atomic(
        out / "bench.json",
        (json.dumps(report.to_dict(), indent=2, allow_nan=False) + "\n").encode(),
    )
    write_atomic(out / "bench.svg", charts.alone(figure(report)).encode())
    return report


def figure(report: BenchReport) -> str:
    """The table as a picture: one panel for each column, a dot for each row."""
    panels = []
    for column in report.protocol.columns:
        ours = [
            (row.name, row.mean(column.key), _spread(row, column), True) for row in report.rows
        ]
        others = [
            (
                row.name,
                row.values[column.key],
                _around(row.values[column.key], row.spread.get(column.key)),
                False,
            )
            for row in report.protocol.published
            if column.key in row.values
        ]
        panels.append((column.title, column.unit, [*ours, *others], column.ideal))
    return charts.dots(panels, report.protocol.title)


def _spread(row: Summary, column: Column) -> Interval | None:
    interval = row.interval(column.key)
    return None if interval is None else column.within(interval)


def _around(value: float, spread: float | None) -> tuple[float, float] | None:
    return None if spread is None else (value - spread, value + spread)


def _ours(row: Summary, column: Column) -> str:
    text = quantity(row.mean(column.key), column.unit)
    interval = _spread(row, column)
    if interval is None:
        return text
    low, high = (quantity(v, column.unit).removesuffix(f" {column.unit}") for v in interval)
    return f"{text} [{low}, {high}]"


def _measured(
    protocol: Protocol, run: Run, data: Data, seed: int, title: str, shown: ConsoleProgress
) -> dict[str, Measurement]:
    """The measurements of a trained run, kept beside it."""
    path = run.folder.with_suffix(".json")
    if path.exists():
        try:
            kept = json.loads(path.read_text())
            if kept["protocol"] == protocol.words and kept["weights"] == run.weights_hash():
                return {k: Measurement.from_dict(v) for k, v in kept["measurements"].items()}
        except (ValueError, KeyError, TypeError, AttributeError):
            shown.print(f"{path} is damaged: measures again")
    bars: list[ProgressTask] = []

    def watch(done: int, of: int) -> None:
        if not bars:
            bars.append(shown.task(f"{title}: measures", of))
        bars[0].update(done)

    found = protocol.measure(run.load(), data, seed, watch)
    for bar in bars:
        bar.end()
    content = {
        "protocol": protocol.words,
        "weights": run.weights_hash(),
        "measurements": {k: m.to_dict() for k, m in found.items()},
    }
    write_atomic(path, (json.dumps(content, indent=2) + "\n").encode())
    return found
