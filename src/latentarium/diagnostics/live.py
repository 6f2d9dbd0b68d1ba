"""A training's progress, with the doctor looking on."""

from typing import Any

from latentarium.config import Config
from latentarium.diagnostics.log_rules import examine_log
from latentarium.progress import ConsoleProgress
from latentarium.training.logging import Reporter, losses_of


class Watched(Reporter):
    """A bar with the losses of the last row; what the log shows to be wrong is said once, as it
    appears.

    Arguments:
        shown: Where it goes.
        title: What is being trained.
    """

    def __init__(self, shown: ConsoleProgress, title: str) -> None:
        self._shown, self._title = shown, title

    def start(self, config: Config, step: int) -> None:
        if step:
            self._shown.print(f"{self._title}: resumes at step {step} of {config.train.steps}.")
        self._config, self._rows = config, []
        self._said: set[str] = set()
        self._bar = self._shown.task(self._title, config.train.steps, step)

    def update(self, step: int, row: dict[str, Any]) -> None:
        losses = (f"{k} {v['total']:.4g}" for k, v in losses_of(row).items())
        self._bar.update(step, "  ".join(losses))
        self._rows.append(row)
        for finding in examine_log(self._config, self._rows):
            if finding.disease not in self._said:
                self._said.add(finding.disease)
                self._shown.print("\n".join([f"{self._title}, step {step}:", *finding.lines()]))

    def end(self, seconds: float) -> None:
        self._bar.end()
