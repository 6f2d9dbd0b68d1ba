"""An issue of a run: its name, its evidence, and the usual fix."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from latentarium.diagnostics.messages import Evidence, Message
from latentarium.stats.measurement import Real, format_number

IssueName = Literal[
    "mode collapse",
    "discriminator has won",
    "vanishing generator gradient",
    "exploding penalty",
    "posterior collapse",
    "divergence",
    "memorization",
    "overfit",
]
"""All issues, in the order of a report."""

Severity = Literal["mild", "severe"]
"""severe: the model is of little use; mild: the model works, but could be better."""


@dataclass(frozen=True, kw_only=True)
class Issue:
    """One issue of one run.

    Arguments:
        name: The name of the issue.
        signs: What is wrong.
        evidence: The numbers that show the issue, by name.
        fix: The change of settings that usually helps.
        severity: "mild" or "severe".
        step: The step at which the log shows the issue; None if the trained model shows it.
    """

    name: IssueName
    signs: tuple[Message, ...]
    evidence: dict[Evidence, Real]
    fix: Message
    severity: Severity
    step: int | None = None

    @property
    def description(self) -> str:
        """Description of the issue, in English."""
        return ", and ".join(map(str, self.signs)) + "."

    def lines(self) -> list[str]:
        """Return the issue as lines of English text."""
        numbers = ", ".join(
            f"{name} {format_number(value)}" for name, value in self.evidence.items()
        )
        title = self.name.capitalize() + (" (mild)" if self.severity == "mild" else "")
        return [f"{title}: {self.description}", f"  Evidence: {numbers}.", f"  Fix: {self.fix}"]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values: English text in `description` and `fix`, message codes in `signs`
        and `fix_code`."""
        return {
            "issue": self.name,
            "severity": self.severity,
            "description": self.description,
            "signs": [sign.to_dict() for sign in self.signs],
            "evidence": dict(self.evidence),
            "fix": str(self.fix),
            "fix_code": self.fix.to_dict(),
            "step": self.step,
        }


def format_settings(changes: Mapping[str, float | int | str]) -> str:
    """Format settings as command-line options: `--model.r1 1.2 --model.r2 1.2`."""
    options = []
    for name, value in changes.items():
        text = f"{value:.3g}" if isinstance(value, float) else str(value)
        options.append(f"--{name.replace('_', '-')} {text}")
    return " ".join(options)
