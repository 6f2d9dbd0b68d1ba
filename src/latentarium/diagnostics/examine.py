"""Examine a run: its issues, the numbers that show them, and the usual fixes."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

from latentarium.config import Config, ModelConfig, require_seed
from latentarium.data.dataset import Data
from latentarium.diagnostics.issue import Issue, IssueName
from latentarium.diagnostics.learning import (
    NOTHING_MEASURED,
    learning_so_far,
    measure_learning,
)
from latentarium.diagnostics.log_rules import LOG_RULES, WINDOW, examine_log, log_reasons
from latentarium.diagnostics.maturity import MIN_STEPS, first_judged_step
from latentarium.diagnostics.messages import Evidence, Message, join_words, reason_of
from latentarium.diagnostics.model_rules import MODEL_RULES, ModelRule
from latentarium.diagnostics.status import Status, distinct, few_steps, untrained
from latentarium.errors import UserError
from latentarium.models.base import LatentModel
from latentarium.run import Run
from latentarium.run.jsonl import MALFORMED
from latentarium.stats.measurement import Real


def issues_of(config: ModelConfig) -> tuple[IssueName, ...]:
    """Return the issues that a model of this configuration can have."""
    applicable = {rule.issue for rule in (*LOG_RULES, *MODEL_RULES) if rule.applies(config)}
    return tuple(name for name in get_args(IssueName) if name in applicable)


def model_rules_of(config: ModelConfig) -> tuple[ModelRule, ...]:
    """Return the rules for a trained model that apply to this configuration."""
    return tuple(rule for rule in MODEL_RULES if rule.applies(config))


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """The result of an examination.

    Arguments:
        status: Whether the model is trained, and whether it has issues.
        issues: The issues found.
        checked: The names of all issues that were checked.
        not_checked: The issues that could not be checked, with the reasons.
        n: Number of samples.
        seed: The seed of all random numbers.
    """

    status: Status
    issues: tuple[Issue, ...]
    checked: tuple[IssueName, ...]
    not_checked: dict[IssueName, Message]
    n: int
    seed: int

    def lines(self) -> list[str]:
        """Return the diagnosis as lines of English text."""
        found = {issue.name for issue in self.issues}
        unsuspicious = join_words([name for name in self.checked if name not in found])
        if self.issues:
            lines = [line for issue in self.issues for line in issue.lines()]
            if unsuspicious:
                lines.append(f"No other issues found. Also checked: {unsuspicious}.")
        else:
            first, *lines = self.status.lines()
            lines.insert(0, f"{first} Checked: {unsuspicious}." if unsuspicious else first)
        for reason in distinct(self.not_checked.values()):
            names = [name for name, each in self.not_checked.items() if each == reason]
            lines.append(f"Not checked: {join_words(names)} ({reason})")
        return lines

    def to_dict(self) -> dict[str, Any]:
        """Return the diagnosis as JSON; `reasons` contains the message codes of `not_checked`."""
        return {
            "status": self.status.to_dict(),
            "issues": [issue.to_dict() for issue in self.issues],
            "checked": list(self.checked),
            "not_checked": {name: str(reason) for name, reason in self.not_checked.items()},
            "reasons": {name: reason.to_dict() for name, reason in self.not_checked.items()},
            "n": self.n,
            "seed": self.seed,
        }

    def to_json(self) -> bytes:
        """Return the diagnosis as the content of a JSON file."""
        return json.dumps(self.to_dict(), indent=2).encode() + b"\n"


def examine(
    run: Run,
    data: Data,
    *,
    n: int = 2000,
    seed: int = 0,
    progress: Callable[[int, str], object] | None = None,
) -> Diagnosis:
    """Check a run's log and model for every issue that a model of its kind can have.

    Arguments:
        run: A run whose training has ended.
        data: The images that it was trained on.
        n: Number of samples.
        seed: The seed of all random numbers.
        progress: Called with the number of model rules that are done and the name of the next
            issue.

    Raises:
        UserError: The run has no weights yet, or was trained on other images (code
            "data-mismatch"), or its log is damaged (code "damaged-file").
    """
    require_seed(seed)
    if data.card.fingerprint != run.data.fingerprint:
        raise UserError(
            f"{data.card.source} has fingerprint {data.card.fingerprint[:12]}, but {run.folder} "
            f"was trained on images with fingerprint {run.data.fingerprint[:12]}: give the "
            "training images with --data.",
            code="data-mismatch",
        )
    rows = run.log()
    try:
        examine_log(run.config, rows)
        learning_so_far(run.config, rows)
    except MALFORMED as error:
        raise UserError(
            f"{run.log_path} is damaged ({error!r}): restore it from a backup, or delete it.",
            code="damaged-file",
        ) from None
    return diagnose(
        run.config,
        run.load(),
        data,
        rows,
        step=run.saved_step(),
        fine_tuned=run.initial_weights is not None,
        n=n,
        seed=seed,
        progress=progress,
    )


def diagnose(
    config: Config,
    model: LatentModel,
    data: Data,
    rows: list[dict[str, Any]],
    *,
    step: int | None = None,
    fine_tuned: bool = False,
    n: int = 2000,
    seed: int = 0,
    progress: Callable[[int, str], object] | None = None,
) -> Diagnosis:
    """Check a model in evaluation mode.

    A model that is not trained yet has no issues and needs no fix but more training. It counts as
    such if it has had too few steps; if it has learned nothing, and neither its log nor the rules
    for trained models show why; or if its held-out loss still falls steeply. What the log has
    shown over several rows is an issue nevertheless.

    Arguments:
        config: The configuration.
        model: The model.
        data: The images that it was trained on.
        rows: The rows of its log.
        step: The training step of the model; None for that of the last row.
        fine_tuned: Whether its initial weights were those of another run.
        n, seed, progress: As for `examine`.
    """
    step = rows[-1]["step"] if step is None and rows else step
    judged = step is None or step >= first_judged_step(config)
    in_log = {issue.name: issue for issue in examine_log(config, rows)}
    learning = measure_learning(config, model, data, seed)
    curve = NOTHING_MEASURED
    if len(rows) >= WINDOW and not fine_tuned:  # else the first loss is not that of a start
        curve = learning_so_far(config, rows)
    problems = [*learning.problems, *curve.problems]
    evidence: dict[Evidence, Real] = {} if step is None else {"training steps": step}
    evidence |= learning.evidence | curve.evidence

    too_short = step is not None and step < MIN_STEPS and not fine_tuned
    is_start = bool(too_short or curve.problems or learning.untrained or (problems and not judged))
    found, reasons = dict(in_log), dict(log_reasons(config, rows))
    if in_log or (judged and not is_start):
        issues, inconclusive = _check_model(config, model, data, n, seed, progress)
        by_model = {rule.issue for rule in model_rules_of(config.model)}
        reasons = {name: why for name, why in reasons.items() if name not in by_model}
        reasons |= inconclusive
        for name, issue in issues.items():
            if judged or name in in_log:  # replaces the log's issue, which has less evidence
                found[name] = issue
            else:
                reasons[name] = _from_step("early", config, step)
    possible = issues_of(config.model)
    if found:
        status = Status(name="issues found", evidence=evidence)
    elif is_start or problems:
        status = untrained(config, step, [*problems, *few_steps(step)], evidence)
        reasons = dict.fromkeys(possible, Message("untrained", {}))
    elif not judged:
        young = _from_step("young", config, step)
        status = Status(name="can't tell", reasons=(young,), evidence=evidence)
        reasons = dict.fromkeys(possible, _from_step("early", config, step))
    elif reasons:
        count = Message("open", {"open": len(reasons), "all": len(possible)})
        status = Status(name="can't tell", reasons=(count,), evidence=evidence)
    else:
        status = Status(name="no issues found", evidence=evidence)
    open_checks: dict[IssueName, Message] = {
        name: reasons[name] for name in possible if name in reasons and name not in found
    }
    return Diagnosis(
        status=status,
        issues=tuple(found[name] for name in possible if name in found),
        checked=tuple(name for name in possible if name not in open_checks),
        not_checked=open_checks,
        n=n,
        seed=seed,
    )


def _check_model(
    config: Config,
    model: LatentModel,
    data: Data,
    n: int,
    seed: int,
    progress: Callable[[int, str], object] | None,
) -> tuple[dict[IssueName, Issue], dict[IssueName, Message]]:
    """Return the issues that the model shows, and those that can't be checked with the reasons."""
    issues: dict[IssueName, Issue] = {}
    reasons: dict[IssueName, Message] = {}
    for done, rule in enumerate(model_rules_of(config.model)):
        if progress:
            progress(done, rule.issue)
        try:
            issue = rule.check(config, model, data, n, seed)
        except UserError as error:
            reasons[rule.issue] = reason_of(error)
            continue
        if issue is not None:
            issues[rule.issue] = issue
    return issues, reasons


def _from_step(code: str, config: Config, step: int | None) -> Message:
    """Return a reason that names the step, and the first step at which models are judged."""
    return Message(code, {"steps": step or 0, "needed": first_judged_step(config)})
