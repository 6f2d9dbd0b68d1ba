"""Examine a run: its issues, the numbers that show them, and the usual fixes."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

from latentarium.config import Config, ModelConfig, require_seed
from latentarium.data.dataset import Data
from latentarium.diagnostics.issue import Issue, IssueName
from latentarium.diagnostics.log_rules import LOG_RULES, examine_log, log_reasons
from latentarium.diagnostics.messages import Message, join_words, reason_of
from latentarium.diagnostics.model_rules import MODEL_RULES, ModelRule
from latentarium.errors import UserError
from latentarium.models.base import LatentModel
from latentarium.run import Run


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
        issues: The issues found.
        checked: The names of all issues that were checked.
        not_checked: The issues that could not be checked, with the reasons.
        n: Number of samples.
        seed: The seed of all random numbers.
    """

    issues: tuple[Issue, ...]
    checked: tuple[IssueName, ...]
    not_checked: dict[IssueName, Message]
    n: int
    seed: int

    def lines(self) -> list[str]:
        """Return the diagnosis as lines of English text."""
        lines = [line for issue in self.issues for line in issue.lines()]
        found = {issue.name for issue in self.issues}
        healthy = join_words([name for name in self.checked if name not in found])
        if not self.issues:
            lines.append(f"No issues found. Checked: {healthy}.")
        elif healthy:
            lines.append(f"No other issues found. Also checked: {healthy}.")
        lines += [f"Not checked: {name} ({reason})" for name, reason in self.not_checked.items()]
        return lines

    def to_dict(self) -> dict[str, Any]:
        """Return the diagnosis as JSON; `reasons` contains the message codes of `not_checked`."""
        return {
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
            "data-mismatch").
    """
    require_seed(seed)
    if data.card.fingerprint != run.data.fingerprint:
        raise UserError(
            f"{data.card.source} has fingerprint {data.card.fingerprint[:12]}, but {run.folder} "
            f"was trained on images with fingerprint {run.data.fingerprint[:12]}: give the "
            "training images with --data.",
            code="data-mismatch",
        )
    return diagnose(run.config, run.load(), data, run.log(), n=n, seed=seed, progress=progress)


def diagnose(
    config: Config,
    model: LatentModel,
    data: Data,
    rows: list[dict[str, Any]],
    *,
    n: int = 2000,
    seed: int = 0,
    progress: Callable[[int, str], object] | None = None,
) -> Diagnosis:
    """Check a model in evaluation mode, given its configuration, its data and the rows of its log.
    The other arguments are those of `examine`."""
    found = {issue.name: issue for issue in examine_log(config, rows)}
    model_rules = model_rules_of(config.model)
    by_model = {rule.issue for rule in model_rules}
    reasons: dict[IssueName, Message] = {
        name: reason for name, reason in log_reasons(config, rows).items() if name not in by_model
    }
    for done, rule in enumerate(model_rules):
        if progress:
            progress(done, rule.issue)
        try:
            issue = rule.check(config, model, data, n, seed)
        except UserError as error:
            reasons[rule.issue] = reason_of(error)
            continue
        if issue is not None:  # replaces the log's issue, which has less evidence
            found[rule.issue] = issue
    possible = issues_of(config.model)
    return Diagnosis(
        issues=tuple(found[name] for name in possible if name in found),
        checked=tuple(name for name in possible if name in found or name not in reasons),
        not_checked={name: reason for name, reason in reasons.items() if name not in found},
        n=n,
        seed=seed,
    )
