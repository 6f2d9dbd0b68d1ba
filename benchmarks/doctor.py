"""Measure what the doctor says of every preset, stopped early and at its end.

    python benchmarks/doctor.py                        # steps 0, 20 and 100, and short trainings
    python benchmarks/doctor.py --missing              # and the ends of all others, for hours
    python benchmarks/doctor.py --runs tour/vae ...    # the ends of finished runs of presets

Each preset is trained on its own data with seeds 0, 1 and 2, and interrupted. Its log has a row
every 20 steps, so that there are enough rows at step 100 for the rules over a log. A preset for
tests ends before step 100; there, it is trained with 100 steps. At each stop, the status, the
issues and the evidence are stored in benchmarks/results/doctor.json; what the file contains is not
measured again. The table is in docs/measuring.md.
"""

import argparse
import json
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from committed import RESULTS

import latentarium as la
from latentarium import presets
from latentarium.config import Config
from latentarium.data.dataset import Data
from latentarium.data.toy import MIXTURES
from latentarium.diagnostics.examine import Diagnosis, diagnose, examine
from latentarium.errors import StoppedError, UserError
from latentarium.machine import describe_machine, versions
from latentarium.models.build import build
from latentarium.run import Run
from latentarium.training import finish, train
from latentarium.training.logging import Reporter

OUT = RESULTS / "doctor.json"
SEEDS, STOPS, END = (0, 1, 2), (0, 20, 100), "end"
ROWS_EVERY = 20
"""Largest interval, in steps, between log rows of an interrupted run."""
SHORT_STEPS = {"image": 100, "point": 9000}
"""Presets with at most this many steps are trained to their ends without --missing."""
IGNORED = (
    "data", "seed", "device", "threads", "precision", "snapshots", "sample_every",
    "checkpoint_every",
)  # fmt: skip
"""Settings in which a finished run may differ from its preset."""


class StopAt(Reporter):
    """Interrupts a training at a step that is logged, like Ctrl-C.

    Arguments:
        step: The step.
    """

    def __init__(self, step: int) -> None:
        self.step: int = step

    def update(self, step: int, row: dict[str, Any]) -> None:
        if step == self.step:
            signal.raise_signal(signal.SIGTERM)


def main() -> None:
    """Measure what is not measured yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--missing", action="store_true", help="train all presets to their ends")
    parser.add_argument("--runs", nargs="+", default=[], help="finished runs, or shipped:NAME")
    parser.add_argument("--presets", nargs="+", help="only these presets")
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS, help="only these seeds")
    parser.add_argument("--out", type=Path, default=OUT, help="file of the results")
    options = parser.parse_args()
    torch.set_num_threads(1)
    results: dict[str, Any] = {"cases": {}}
    if options.out.is_file():
        results = json.loads(options.out.read_text())
    results |= {"machine": describe_machine(), "versions": versions()}

    def store(preset: str, seed: int, stop: int | str, diagnosis: Diagnosis) -> None:
        case = f"{preset}, seed {seed}, {stop}"
        results["cases"][case] = summary(diagnosis)
        options.out.write_text(json.dumps(results, indent=1) + "\n")
        sys.stdout.write(f"{case}: {results['cases'][case]}\n")
        sys.stdout.flush()

    for folder in options.runs:
        run = Run(folder)
        difference = unlike_preset(run.config)
        if difference:
            sys.stdout.write(f"{folder} differs from its preset: {difference}\n")
            continue
        try:
            diagnosis = examine(run, run.load_data())
        except UserError as error:
            sys.stdout.write(f"{folder} is skipped: {error}\n")
            continue
        store(run.config.name, run.config.train.seed, END, diagnosis)
    if options.runs:
        return
    for name in options.presets or presets.all_presets():
        for seed in options.seeds:
            wanted = [
                stop
                for stop in (*STOPS, END)
                if f"{name}, seed {seed}, {stop}" not in results["cases"]
                and (stop != END or options.missing or is_short(presets.get(name)))
            ]
            for stop, diagnosis in diagnoses(presets.get(name), seed, wanted):
                store(name, seed, stop, diagnosis)


def diagnoses(
    config: Config, seed: int, stops: Sequence[int | str]
) -> Iterator[tuple[int | str, Diagnosis]]:
    """Train a preset once, and examine it at each stop.

    Arguments:
        config: The preset.
        seed: The seed of the training.
        stops: Some of `STOPS` and `END`, in order.
    """
    every = min(ROWS_EVERY, config.train.log_every)
    settings = replace(config.train, seed=seed, sample_every=0, snapshots=0)
    config = replace(config, train=settings)
    data = load(settings.data)
    with tempfile.TemporaryDirectory() as folder:
        for stop in stops:
            if stop == 0:
                model = build(config.model, data.card, seed).eval()
                yield stop, diagnose(config, model, data, [], step=0, seed=0)
            elif stop == END:
                yield stop, examine(train(config, f"{folder}/end", data), data)
            else:
                steps = max(settings.steps, int(stop))
                longer = replace(config, train=replace(settings, steps=steps, log_every=every))
                run = interrupted(longer, f"{folder}/{steps}", data, int(stop))
                yield stop, examine(run, data)


def interrupted(config: Config, folder: str, data: Data, step: int) -> Run:
    """Train up to a step that is logged, and save the weights there."""
    try:
        return train(config, folder, data, reporter=StopAt(step))
    except StoppedError:
        run = finish(folder)
        if run.saved_step() != step:  # a signal from outside
            raise
        return run


@cache
def load(source: str) -> Data:
    """Load a data set once."""
    return la.load_data(source)


def is_short(config: Config) -> bool:
    """Return whether a training takes at most two minutes."""
    kind = "point" if config.train.data in MIXTURES else "image"
    return config.train.steps <= SHORT_STEPS[kind]


def unlike_preset(config: Config) -> str:
    """Return the names of the settings in which a run differs from its preset; empty if none."""
    try:
        preset = presets.get(config.name)
    except UserError:
        return "the name of the preset"
    train = replace(config.train, **{name: getattr(preset.train, name) for name in IGNORED})
    same = {
        "model": config.model == preset.model,
        "optimizer": config.optimizer == preset.optimizer,
        "train": train == preset.train,
    }
    return ", ".join(part for part, is_same in same.items() if not is_same)


def summary(diagnosis: Diagnosis) -> dict[str, Any]:
    """Return the part of a diagnosis that the table needs, and the evidence."""
    status = diagnosis.status
    return {
        "status": status.name,
        "reasons": [reason.code for reason in status.reasons],
        "evidence": {name: round(float(value), 4) for name, value in status.evidence.items()},
        "issues": {issue.name: issue.fix.code for issue in diagnosis.issues},
        "not_checked": {name: why.code for name, why in diagnosis.not_checked.items()},
        "advice": status.advice.code if status.advice else "",
    }


if __name__ == "__main__":
    main()
