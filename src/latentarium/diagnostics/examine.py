"""The doctor: what is wrong with a run, how that shows, and what usually cures it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from latentarium.config import Config, ModelConfig, require_seed
from latentarium.data.dataset import Data
from latentarium.diagnostics.collapse import mode_collapse
from latentarium.diagnostics.issue import Disease, Finding, diseases_of
from latentarium.diagnostics.log_rules import examine_log, not_shown
from latentarium.diagnostics.messages import Said, listed, why
from latentarium.diagnostics.model_rules import copies, overfit, posterior_collapse
from latentarium.errors import UserError
from latentarium.models.base import LatentModel
from latentarium.run import Run

Rule = Callable[[Config, LatentModel, Data, int, int], Finding | None]

RULES: dict[Disease, Rule] = {
    "mode collapse": mode_collapse,
    "posterior collapse": posterior_collapse,
    "overfit": overfit,
    "memorization": copies,
}
"""Those that look at the model itself, beside its data; the others show in the log alone."""


def rules_of(config: ModelConfig) -> tuple[Disease, ...]:
    """What is looked for in a model of this kind itself."""
    return tuple(disease for disease in diseases_of(config) if disease in RULES)


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """All that the doctor says of a run."""

    findings: tuple[Finding, ...]
    looked_for: tuple[Disease, ...]
    not_looked_for: dict[Disease, Said]
    """Diseases that could not be looked for, and why."""
    n: int
    seed: int

    def lines(self) -> list[str]:
        """For a person to read."""
        text = [line for finding in self.findings for line in finding.lines()]
        others = [name for name in self.looked_for if name not in self._ill()]
        if not self.findings:
            text.append(f"Healthy: nothing found; looked for {listed(others)}.")
        elif others:
            text.append(f"Nothing else found; looked for {listed(others)} too.")
        text += [
            f"Not looked for: {name} ({reason})" for name, reason in self.not_looked_for.items()
        ]
        return text

    def to_json(self) -> bytes:
        """For a machine to read."""
        content: dict[str, Any] = {
            "findings": [finding.to_dict() for finding in self.findings],
            "looked_for": list(self.looked_for),
            "not_looked_for": {name: str(said) for name, said in self.not_looked_for.items()},
            "reasons": {name: said.to_dict() for name, said in self.not_looked_for.items()},
            "n": self.n,
            "seed": self.seed,
        }
        return json.dumps(content, indent=2).encode() + b"\n"

    def _ill(self) -> set[str]:
        return {finding.disease for finding in self.findings}


def examine(
    run: Run,
    data: Data,
    *,
    n: int = 2000,
    seed: int = 0,
    progress: Callable[[int, str], object] | None = None,
) -> Diagnosis:
    """Looks for every disease that a run of its kind can have, in its log and in its model.

    Arguments:
        run: One whose training has ended.
        data: What it was trained on.
        n: Samples.
        seed: Of every draw.
        progress: Told how many of `rules_of` are done, and which is next.

    Raises:
        UserError: The run has no weights yet, or was trained on other data.
    """
    require_seed(seed)
    if data.card.fingerprint != run.data.fingerprint:
        raise UserError(
            f"{run.folder} was trained on other images than {data.card.source} holds (fingerprint "
            f"{run.data.fingerprint[:12]}, not {data.card.fingerprint[:12]}), and the doctor asks "
            "what the model made of its own: give them with --data."
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
    """As `examine`, of parts that need not lie in a folder; the model is in evaluation mode."""
    found = {finding.disease: finding for finding in examine_log(config, rows)}
    possible = diseases_of(config.model)
    not_in_log = not_shown(config, rows).items()
    why_not: dict[Disease, Said] = {name: said for name, said in not_in_log if name not in RULES}
    for done, disease in enumerate(rules_of(config.model)):
        if progress:
            progress(done, disease)
        try:
            finding = RULES[disease](config, model, data, n, seed)
        except UserError as error:
            why_not[disease] = why(error)
            continue
        if finding is not None:  # the model says more than the log
            found[disease] = finding
    return Diagnosis(
        findings=tuple(found[disease] for disease in possible if disease in found),
        looked_for=tuple(name for name in possible if name in found or name not in why_not),
        not_looked_for={name: said for name, said in why_not.items() if name not in found},
        n=n,
        seed=seed,
    )
