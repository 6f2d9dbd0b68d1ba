"""Show the progress of a training run on the console, with the issues that its log shows."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from latentarium.data.dataset import Data
from latentarium.diagnostics.log_rules import examine_log
from latentarium.diagnostics.status import log_status
from latentarium.progress import ConsoleProgress
from latentarium.run import Run
from latentarium.run.jsonl import MALFORMED
from latentarium.training.logging import Reporter, player_losses


class ConsoleReporter(Reporter):
    """A progress bar with the losses of the latest log row. Each issue is printed once, when it
    first appears. At the end, a model that is not trained yet is reported as such.

    Arguments:
        display: The console display of progress.
        title: What is being trained.
    """

    def __init__(self, display: ConsoleProgress, title: str) -> None:
        self._display, self._title = display, title

    def describe_data(self, data: Data) -> None:
        lines = [
            *(f"data: {note}" for note in data.notes),
            *(f"data, problem: {problem}" for problem in data.problems),
        ]
        if lines:
            self._display.print("\n".join(lines))

    def start(self, run: Run, step: int) -> None:
        self._config, self._fine_tuned = run.config, run.initial_weights is not None
        steps = self._config.train.steps
        if step:
            self._display.print(f"{self._title}: resumes at step {step} of {steps}.")
        self._reported: set[str] = set()
        self._rows = [row for row in run.log() if row["step"] <= step]
        self._log_path = run.log_path
        self._examined = step < steps  # else a finished run is resumed
        self._bar = self._display.task(self._title, steps, step)

    def update(self, step: int, row: dict[str, Any]) -> None:
        losses = (f"{k} {v['total']:.4g}" for k, v in player_losses(row).items())
        self._bar.update(step, "  ".join(losses))
        self._rows.append(row)
        if self._examined:
            with self._stopping_at_damage():
                self._report_issues(step)

    def end(self, seconds: float) -> None:
        self._bar.end()
        if self._examined:
            with self._stopping_at_damage():
                self._report_end()

    def _report_issues(self, step: int) -> None:
        for issue in examine_log(self._config, self._rows):
            if issue.name not in self._reported:
                self._reported.add(issue.name)
                self._display.print("\n".join([f"{self._title}, step {step}:", *issue.lines()]))

    def _report_end(self) -> None:
        status, _ = log_status(self._config, self._rows, fine_tuned=self._fine_tuned)
        if status.name == "not trained yet":
            self._display.print("\n".join([f"{self._title}, at its end:", *status.lines()]))

    @contextmanager
    def _stopping_at_damage(self) -> Iterator[None]:
        """Stop examining the log if rows of an earlier session are damaged."""
        try:
            yield
        except MALFORMED:
            self._examined = False
            self._display.print(f"{self._title}: {self._log_path} is damaged; it isn't examined.")
