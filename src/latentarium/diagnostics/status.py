"""The overall status of a run, and what its log shows of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from latentarium.config import Config
from latentarium.diagnostics.fixes import train_longer
from latentarium.diagnostics.issue import Issue
from latentarium.diagnostics.learning import NOTHING_MEASURED, learning_so_far
from latentarium.diagnostics.log_rules import examine_log, log_reasons
from latentarium.diagnostics.maturity import MIN_STEPS
from latentarium.diagnostics.messages import Evidence, Message
from latentarium.stats.measurement import Real, format_number

StatusName = Literal["not trained yet", "can't tell", "issues found", "no issues found"]
"""not trained yet: too little training to diagnose anything; can't tell: no issue was found, but
some could not be checked."""


@dataclass(frozen=True, kw_only=True)
class Status:
    """The overall status of a run.

    Arguments:
        name: The status.
        reasons: Why it is not known whether the run has issues; empty if it is known.
        evidence: The numbers that show how far the training is, by name.
        advice: How to train longer, if the model is not trained yet.
    """

    name: StatusName
    reasons: tuple[Message, ...] = ()
    evidence: dict[Evidence, Real]
    advice: Message | None = None

    @property
    def description(self) -> str:
        """The reasons as a sentence in English, without its final period; "" if there are none."""
        return "; ".join(str(reason).rstrip(".") for reason in self.reasons)

    def lines(self) -> list[str]:
        """Return the status as lines of English text."""
        because = f": {self.description}" if self.reasons else ""
        lines = [f"{self.name.capitalize()}{because}."]
        if self.evidence:
            lines.append(f"  Evidence: {format_evidence(self.evidence)}.")
        if self.advice:
            lines.append(f"  Advice: {self.advice}")
        return lines

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values: English text in `description` and `advice`, message codes in
        `reasons` and `advice_code`."""
        return {
            "name": self.name,
            "description": self.description,
            "reasons": [reason.to_dict() for reason in self.reasons],
            "evidence": dict(self.evidence),
            "advice": str(self.advice or ""),
            "advice_code": self.advice.to_dict() if self.advice else None,
        }


def format_evidence(evidence: dict[Evidence, Real]) -> str:
    """Return names and numbers in one line."""
    return ", ".join(f"{name} {format_number(value)}" for name, value in evidence.items())


def untrained(
    config: Config, step: int | None, reasons: Sequence[Message], evidence: dict[Evidence, Real]
) -> Status:
    """Return the status of a model that is not trained yet.

    Arguments:
        config: The run's configuration.
        step: Its step; None if it is unknown.
        reasons: What shows that it is not trained yet.
        evidence: The numbers that show it.
    """
    return Status(
        name="not trained yet",
        reasons=tuple(reasons),
        evidence=evidence,
        advice=train_longer(config, step),
    )


def distinct(messages: Iterable[Message]) -> tuple[Message, ...]:
    """Return messages in their order, each once."""
    unique: list[Message] = []
    for message in messages:
        if message not in unique:
            unique.append(message)
    return tuple(unique)


def few_steps(step: int | None) -> list[Message]:
    """Return the reason that a model has too few steps; nothing if it has enough."""
    if step is None or step >= MIN_STEPS:
        return []
    return [Message("few steps", {"steps": step, "needed": MIN_STEPS})]


def log_status(
    config: Config, rows: Sequence[dict[str, Any]], *, fine_tuned: bool = False
) -> tuple[Status, tuple[Issue, ...]]:
    """Return the status that a log shows at its last row, and the issues.

    Arguments:
        config: The run's configuration.
        rows: The rows of its log so far, in order and from its first step.
        fine_tuned: Whether its initial weights were those of another run, so that few steps are
            enough and the fall of the loss tells nothing.
    """
    step = rows[-1]["step"] if rows else 0
    evidence: dict[Evidence, Real] = {"training steps": step}
    few = [] if fine_tuned else few_steps(step)
    if few:
        return untrained(config, step, few, evidence), ()
    issues = examine_log(config, rows)
    if issues:
        return Status(name="issues found", evidence=evidence), issues
    progress = NOTHING_MEASURED if fine_tuned else learning_so_far(config, rows)
    evidence |= progress.evidence
    open_questions = log_reasons(config, rows)
    if open_questions:
        reasons = distinct(open_questions.values())
        return Status(name="can't tell", reasons=reasons, evidence=evidence), ()
    if progress.problems:
        return untrained(config, step, progress.problems, evidence), ()
    return Status(name="no issues found", evidence=evidence), ()
