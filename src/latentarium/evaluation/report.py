"""Results of an evaluation as data: reports, their tables, and comparisons of several reports."""

import dataclasses
import math
import os
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from latentarium.arguments import describe
from latentarium.config import read_fields, require
from latentarium.errors import UserError
from latentarium.evaluation.interpretation import PHRASES, direction_of
from latentarium.evaluation.reasons import Reason, as_reasons
from latentarium.run import Run
from latentarium.stats.measurement import Measurement, format_quantity, is_one_sided, mismatch

FORMAT = 5
READABLE_FORMATS = (2, 3, 4, 5)
EMPTY = "–"
"""The cell of a table for a value that a measurement doesn't have."""
COLUMNS = [
    "measure", "value", "95 % interval", "reference", "better", "n", "seed", "extractor",
    "protocol",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Report:
    """The measurements of one model.

    Arguments:
        model: The kind of model, such as "conditional GAN".
        data: The source of the real images.
        fingerprint: sha256 of the real images and labels.
        seed: The seed of all random numbers.
        measurements: The measurements by key; the key of a quantity is the same for every model.
        tables: Results that are more than one number, such as a confusion table.
        left_out: Names of the quantities that could not be measured, with the reasons.
        seconds: The time that each section took, in seconds.
    """

    model: str
    data: str
    fingerprint: str
    seed: int
    measurements: dict[str, Measurement]
    tables: dict[str, Any] = field(default_factory=dict)
    left_out: dict[str, Reason] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def __getitem__(self, key: str) -> Measurement:
        return self.measurements[key]

    def to_dict(self) -> dict[str, Any]:
        """Return the content of metrics.json, without the fields that `evaluate_run` adds."""
        return {
            "format": FORMAT,
            "model": self.model,
            "data": self.data,
            "fingerprint": self.fingerprint,
            "seed": self.seed,
            "measurements": {key: m.to_dict() for key, m in self.measurements.items()},
            "tables": self.tables,
            "left_out": {name: dataclasses.asdict(why) for name, why in self.left_out.items()},
            "seconds": {name: round(value, 1) for name, value in self.seconds.items()},
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Report":
        """Create a report from the result of `to_dict`, in the current format or in an
        earlier one.

        Raises:
            UserError: The format is unknown (code "unsupported-format"), or the content is damaged
                (code "damaged-file").
        """
        if values.get("format") not in READABLE_FORMATS:
            raise UserError(
                f"metrics.json has format {values.get('format')!r}, but this version reads "
                f"formats {', '.join(map(str, READABLE_FORMATS))}: evaluate the run again.",
                code="unsupported-format",
            )
        # up to format 4, a reason is a sentence
        hints = {"measurements": dict[str, Any], "left_out": dict[str, str | Reason]}
        try:
            fields = read_fields(cls, values, "metrics.json", hints=hints, ignore_unknown=True)
            missing = [f.name for f in dataclasses.fields(cls) if f.name not in fields]
            require(not missing, f"metrics.json lacks {', '.join(missing)}.")
        except UserError as error:
            raise UserError(
                f"metrics.json is damaged: {error} Evaluate the run again.", code="damaged-file"
            ) from None
        fields["left_out"] = as_reasons(fields["left_out"])
        measurements = fields.pop("measurements").items()
        return cls(measurements={k: Measurement.from_dict(v) for k, v in measurements}, **fields)

    def rows(self) -> list[list[str]]:
        """Return the cells of a table with the columns `COLUMNS`: one row per measurement, and one
        with empty cells per quantity that was not measured."""
        unmeasured = [[name, *[EMPTY] * (len(COLUMNS) - 1)] for name in self.left_out]
        return [*(_row(key, m) for key, m in self.measurements.items()), *unmeasured]

    def notes(self) -> list[str]:
        """Return the sentences to read with the table, each once, and the reasons why quantities
        were not measured."""
        unmeasured = [f"Not measured: {name} ({why})" for name, why in self.left_out.items()]
        return [*self.value_notes(), *unmeasured]

    def value_notes(self) -> list[str]:
        """Return the sentences to read with the values, each once."""
        notes = dict.fromkeys(m.note for m in self.measurements.values() if m.note)
        conservative = [m.name for m in self.measurements.values() if m.conservative]
        if conservative:
            notes[
                "Conservative intervals, which contain the true value more often than in 95 of "
                f"100 cases: {'; '.join(conservative)}."
            ] = None
        return list(notes)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Several models' measurements side by side, as two tables.

    Arguments:
        columns, rows: The values, one column per model.
        protocol_columns, protocol_rows: How each quantity was measured.
        notes: Sentences to read with the tables.
    """

    columns: list[str]
    rows: list[list[str]]
    protocol_columns: list[str]
    protocol_rows: list[list[str]]
    notes: list[str]


Measured = Report | Run | str | os.PathLike[str]
"""A report, or a run that was evaluated."""


def require_several(count: int) -> None:
    """Refuse to compare fewer than two runs.

    Raises:
        UserError: There are fewer than two (code "too-few-runs").
    """
    if count < 2:
        raise UserError(
            f"There {'is one run' if count else 'are no runs'} to compare (a run that is given "
            "twice counts once): give at least 2.",
            code="too-few-runs",
        )


def compare(
    reports: Mapping[str, Measured] | Iterable[Run | str | os.PathLike[str]],
) -> Comparison:
    """Compare models. If a model lacks a measurement, its cell is empty; it is a dash if the
    quantity could not be measured, and the notes give the reason.

    Arguments:
        reports: At least 2 reports, evaluated runs, or folders of such runs, by the names of the
            models; or a list of runs or folders.

    Raises:
        UserError: A run was not evaluated (code "not-evaluated"), there are fewer than 2 reports
            (code "too-few-runs"), they were measured with different data (code "unlike-data"), or
            a number was measured in different ways (code "unlike-protocols").
    """
    reports = read_reports(reports)
    require_several(len(reports))
    names = list(reports)
    require_same_data({name: (r.data, r.fingerprint) for name, r in reports.items()})
    keys = list(dict.fromkeys(k for report in reports.values() for k in report.measurements))
    rows, protocol_rows = [], []
    for key in keys:
        by_model = {n: r.measurements[key] for n, r in reports.items() if key in r.measurements}
        _require_same_protocol(by_model)
        measurement = next(iter(by_model.values()))
        references = {n: reference_text(m) for n, m in by_model.items()}
        shared = len(set(references.values())) == 1  # some references depend on the model
        cells = []
        for name in names:
            if name not in by_model:
                cells.append(EMPTY if measurement.name in reports[name].left_out else "")
                continue
            cell = _short(by_model[name])
            cells.append(cell if shared else f"{cell}, reference {references[name]}")
        reference = next(iter(references.values())) if shared else "depends on the model"
        rows.append([measurement.name, *cells, reference, better_text(key, measurement)])
        seeds = dict.fromkeys(EMPTY if m.seed is None else str(m.seed) for m in by_model.values())
        protocol_rows.append(
            [
                measurement.name,
                EMPTY if measurement.n is None else f"{measurement.n:,}",
                ", ".join(seeds),
                measurement.split,
                measurement.extractor or EMPTY,
                measurement.protocol,
            ]
        )
    return Comparison(
        columns=["measure", *names, "reference", "better"],
        rows=rows,
        protocol_columns=["measured with", "n", "seed", "split", "extractor", "protocol"],
        protocol_rows=protocol_rows,
        notes=[
            'Brackets: 95 % interval over the n samples; "at least": its end, if it is one-sided. '
            "Reference: the value of real data, if it is known.",
            *dict.fromkeys(note for report in reports.values() for note in report.value_notes()),
            *(
                f"Not measured for {name}: {quantity} ({why})"
                for name, report in reports.items()
                for quantity, why in report.left_out.items()
            ),
        ],
    )


def read_reports(
    reports: Mapping[str, Measured] | Iterable[Run | str | os.PathLike[str]],
) -> dict[str, Report]:
    """Return reports by name; see `compare`.

    Raises:
        UserError: A run has no measurements of its current weights (code "not-evaluated"), or the
            argument is no collection of reports or runs (code "wrong-type").
    """
    if isinstance(reports, Mapping):
        return {str(name): _as_report(measured) for name, measured in reports.items()}
    if isinstance(reports, str | os.PathLike | Run | Report) or not isinstance(reports, Iterable):
        raise UserError(
            f"reports is {describe(reports)}; it must be a dictionary of reports, or a list of "
            "runs.",
            code="wrong-type",
        )
    measured = list(reports)
    paths = [run.folder if isinstance(run, Run) else _path(run) for run in measured]
    names = [path.name for path in paths]
    return {
        name if name and names.count(name) == 1 else str(path): _as_report(run)
        for name, path, run in zip(names, paths, measured, strict=True)
    }


def _as_report(measured: object) -> Report:
    if isinstance(measured, Report):
        return measured
    run = measured if isinstance(measured, Run) else Run(_path(measured))
    metrics = run.metrics()
    if metrics is None or metrics.get("weights") != run.weights_hash():
        raise UserError(
            f"{run.folder} has no measurements of its current weights: run latentarium evaluate "
            f"{shlex.quote(str(run.folder))} first.",
            code="not-evaluated",
        )
    return Report.from_dict(metrics)


def _path(folder: object) -> Path:
    if not isinstance(folder, str | os.PathLike):
        raise UserError(
            f"{describe(folder)} is neither a run nor a folder; a report needs a name: give a "
            "dictionary.",
            code="wrong-type",
        )
    return Path(folder)


def require_same_data(sources: Mapping[str, tuple[str, str]]) -> None:
    """Check that runs were or will be measured with the same data.

    Arguments:
        sources: Source and fingerprint of the data by the name of the run.

    Raises:
        UserError: The fingerprints differ (code "unlike-data").
    """
    (name, (source, fingerprint)), *others = sources.items()
    for other_name, (other_source, other) in others:
        if fingerprint != other:
            raise UserError(
                f"{name} and {other_name} can't be compared: their data differ, {source} "
                f"({fingerprint[:12]}) and {other_source} ({other[:12]}). Evaluate both with the "
                "same --data.",
                code="unlike-data",
            )


def _require_same_protocol(by_model: Mapping[str, Measurement]) -> None:
    """Check that a measurement was made in the same way for all models that have it."""
    (name, measurement), *others = by_model.items()
    for other_name, other in others:
        difference = mismatch(measurement, other)
        if difference:
            raise UserError(
                f"{name} and {other_name} can't be compared: '{other.name}' was measured with "
                f"{difference}. Evaluate both in the same way.",
                code="unlike-protocols",
            )


def _row(key: str, m: Measurement) -> list[str]:
    return [
        m.name + (f" ({m.detail})" if m.detail else ""),
        format_quantity(m.value, m.unit),
        interval_text(m) or EMPTY,
        reference_text(m),
        better_text(key, m),
        EMPTY if m.n is None else f"{m.n:,}",
        EMPTY if m.seed is None else str(m.seed),
        m.extractor or EMPTY,
        " ".join(filter(None, (m.protocol, m.split))),
    ]


def reference_text(m: Measurement) -> str:
    """Format the reference for a table."""
    return EMPTY if m.reference is None else format_quantity(m.reference, m.unit)


def better_text(key: str, m: Measurement) -> str:
    """Format the better direction for a table."""
    return PHRASES.get(m.better or direction_of(key), EMPTY)


def interval_text(m: Measurement) -> str:
    """Format the interval in brackets for a table; empty if there is none or it is infinite. A
    one-sided interval is "at least" its lower end."""
    if m.interval is None:
        return ""
    unit = m.unit if m.unit == "share" else ""
    if is_one_sided(m.interval):
        return f"at least {format_quantity(m.interval[0], unit)}"
    ends = [format_quantity(v, unit).removesuffix(" %") for v in m.interval]
    return f"[{', '.join(ends)}]" if all(map(math.isfinite, m.interval)) else ""


def _short(m: Measurement) -> str:
    interval = interval_text(m)
    detail = f"({m.detail})" if m.detail else ""
    return " ".join(filter(None, (format_quantity(m.value, m.unit), interval, detail)))
