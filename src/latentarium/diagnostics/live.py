"""Show the progress of a training run on the console, with the issues that its log shows."""

from typing import Any

from latentarium.config import Config
from latentarium.data.dataset import Data
from latentarium.diagnostics.log_rules import examine_log
from latentarium.diagnostics.status import log_status
from latentarium.progress import ConsoleProgress
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

    def start(self, config: Config, step: int) -> None:
        if step:
            self._display.print(f"{self._title}: resumes at step {step} of {config.train.steps}.")
        self._config, self._rows = config, []
        self._reported: set[str] = set()
        self._bar = self._display.task(self._title, config.train.steps, step)

    def update(self, step: int, row: dict[str, Any]) -> None:
        losses = (f"{k} {v['total']:.4g}" for k, v in player_losses(row).items())
        self._bar.update(step, "  ".join(losses))
        self._rows.append(row)
        for issue in examine_log(self._config, self._rows):
            if issue.name not in self._reported:
                self._reported.add(issue.name)
                self._display.print("\n".join([f"{self._title}, step {step}:", *issue.lines()]))

    def end(self, seconds: float) -> None:
        self._bar.end()
        if not self._rows:  # a finished run was resumed
            return
        status, _ = log_status(self._config, self._rows)
        if status.name == "not trained yet":
            self._display.print("\n".join([f"{self._title}, at its end:", *status.lines()]))
