"""What the doctor finds: a disease by name, the numbers that show it, and its usual cure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from latentarium.config import AutoencoderConfig, ModelConfig
from latentarium.diagnostics.messages import Evidence, Said
from latentarium.stats.measurement import Real, format_number

Disease = Literal[
    "mode collapse",
    "discriminator has won",
    "vanishing generator gradient",
    "exploding penalty",
    "posterior collapse",
    "memorization",
    "overfit",
]

Severity = Literal["mild", "severe"]
"""severe: what the run made is of little use; mild: it works, and could work better."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One disease of one run."""

    disease: Disease
    signs: tuple[Said, ...]
    """What is wrong."""
    evidence: dict[Evidence, Real]
    """The numbers that show it, by what they are."""
    remedy: Said
    """The change that usually helps, as a setting."""
    severity: Severity
    step: int | None = None
    """The step at which the log shows it; None where the finished model does."""

    @property
    def sentence(self) -> str:
        """What is wrong, in plain words."""
        return ", and ".join(map(str, self.signs)) + "."

    @property
    def cure(self) -> str:
        """What usually helps, in plain words."""
        return str(self.remedy)

    def lines(self) -> list[str]:
        """For a person to read."""
        numbers = ", ".join(
            f"{name} {format_number(value)}" for name, value in self.evidence.items()
        )
        title = self.disease.capitalize() + (" (mild)" if self.severity == "mild" else "")
        return [f"{title}: {self.sentence}", f"  Evidence: {numbers}.", f"  Cure: {self.cure}"]

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "disease": self.disease,
            "severity": self.severity,
            "sentence": self.sentence,
            "signs": [sign.to_dict() for sign in self.signs],
            "evidence": dict(self.evidence),
            "cure": self.cure,
            "remedy": self.remedy.to_dict(),
            "step": self.step,
        }


def diseases_of(config: ModelConfig) -> tuple[Disease, ...]:
    """What a model of this kind can fall ill with."""
    if isinstance(config, AutoencoderConfig):
        if config.posterior == "gaussian":
            return ("posterior collapse", "overfit", "memorization")
        return ("overfit",)  # samples of an autoencoder promise nothing
    return (
        "mode collapse",
        "discriminator has won",
        "vanishing generator gradient",
        "exploding penalty",
        "memorization",
        "overfit",
    )


def settings(changes: Mapping[str, float | int | str]) -> str:
    """Changed settings as the command line takes them: `--model.r1 1.2 --model.r2 1.2`."""
    words = []
    for name, value in changes.items():
        said = f"{value:.3g}" if isinstance(value, float) else str(value)
        words.append(f"--{name.replace('_', '-')} {said}")
    return " ".join(words)
