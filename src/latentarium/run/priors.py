"""Priors that were fitted to the latents of a trained model, kept in the folder of its run.

    priors/KIND.safetensors    the tensors of the prior and, in the metadata, its facts

A fitted prior belongs to the weights to whose latents it was fitted.
"""

import os
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from safetensors import SafetensorError
from torch import Tensor

from latentarium.config import FlowPriorConfig, ModelConfig, from_dict, to_dict
from latentarium.distributions import FittedMixturePrior, FlowPrior, Prior
from latentarium.errors import UserError, did_you_mean
from latentarium.files import read_regular_file, sha256, write_atomic
from latentarium.run.run_files import RunFiles
from latentarium.run.weights import tensors_from_file, tensors_to_file

PriorKind = Literal["gaussian", "class-gaussian", "mixture", "class-mixture", "flow"]
"""gaussian: one Gaussian; class-gaussian: a Gaussian for each class; mixture: a mixture of
Gaussians; class-mixture: a mixture for each class; flow: a normalizing flow."""
PRIOR_KINDS: tuple[PriorKind, ...] = get_args(PriorKind)
FOLDER = "priors"
TRAINED = "trained"
"""Asks for the trained prior where the kind of a fitted prior can be given."""


@dataclass(frozen=True, kw_only=True)
class PriorFacts:
    """What is known about a fitted prior.

    Arguments:
        kind: Its kind.
        weights: The hash of the weights to whose latents it was fitted.
        fingerprint: The fingerprint of the images.
        n: The number of latents that it was fitted to.
        seed: The seed of the fit.
        held_out: The mean log density of held-out latents, in nats.
        candidates: The same for each number of components that was tried; empty if the number was
            given, or if there is none.
        flow: The settings of a flow; None for Gaussians.
    """

    kind: str
    weights: str
    fingerprint: str
    n: int
    seed: int
    held_out: float
    candidates: dict[str, float] = field(default_factory=dict)
    flow: FlowPriorConfig | None = None


def prior_path(folder: Path, kind: str) -> Path:
    """Return the path of a fitted prior, which may not exist.

    Raises:
        UserError: There is no such kind (code "unknown-prior").
    """
    if kind not in PRIOR_KINDS:
        raise UserError(
            f"There is no kind of fitted prior {kind!r}."
            f"{did_you_mean(kind, (*PRIOR_KINDS, TRAINED))}",
            code="unknown-prior",
        )
    return folder / FOLDER / f"{kind}.safetensors"


def split_prior(run: str | os.PathLike[str]) -> tuple[str, str | None]:
    """Split RUN@KIND into the folder of a run and the kind of a fitted prior; None without one.

    A folder that has such a name itself is not split.

    Raises:
        UserError: RUN is a run, but there is no such kind (code "unknown-prior").
    """
    text = os.fsdecode(run)
    folder, separator, kind = text.rpartition("@")
    if not separator or RunFiles.is_at(Path(text)):
        return text, None
    if kind == TRAINED:
        return folder, kind
    if kind not in PRIOR_KINDS and not RunFiles.is_at(Path(folder)):
        return text, None
    prior_path(Path(folder), kind)  # refuses an unknown kind
    return folder, kind


def prior_kinds(folder: Path) -> list[str]:
    """Return the kinds of the priors that were fitted, in a fixed order."""
    return [kind for kind in PRIOR_KINDS if prior_path(folder, kind).is_file()]


def write_prior(folder: Path, prior: Prior, facts: PriorFacts) -> Path:
    """Write a fitted prior into the folder of its run, and return the path."""
    path = prior_path(folder, facts.kind)
    write_atomic(path, tensors_to_file(prior.state_dict(), {"facts": to_dict(facts)}))
    return path


def read_prior(folder: Path, kind: str, weights: str) -> tuple[Prior, PriorFacts]:
    """Read a fitted prior.

    Arguments:
        folder: The folder of the run.
        kind: The kind of the prior.
        weights: The hash of the model's weights.

    Raises:
        UserError: There is no such prior (code "no-fitted-prior"), it was fitted to other weights
            (code "outdated-prior"), or the file is damaged (code "damaged-prior").
    """
    prior, facts = _read(folder, kind)
    if facts.weights != weights:
        raise UserError(
            f"{prior_path(folder, kind)} was fitted to the latents of other weights than those to "
            f"load. {_fit_again(folder, kind)}",
            code="outdated-prior",
        )
    return prior, facts


def _read(folder: Path, kind: str) -> tuple[Prior, PriorFacts]:
    path = prior_path(folder, kind)
    if not path.is_file():
        raise UserError(
            f"{folder} has no fitted prior of kind {kind}; it has "
            f"{', '.join(prior_kinds(folder)) or 'none'}. {_fit_again(folder, kind)}",
            code="no-fitted-prior",
        )
    try:
        tensors, metadata = tensors_from_file(read_regular_file(path))
        facts = from_dict(PriorFacts, metadata["facts"], path.name)
        return _build(facts, tensors), facts
    except (OSError, SafetensorError, ValueError, LookupError, TypeError, RuntimeError) as error:
        raise UserError(
            f"{path} is damaged ({' '.join(str(error).split())[:200]}). "
            f"{_fit_again(folder, kind)}",
            code="damaged-prior",
        ) from None


def _fit_again(folder: Path, kind: str) -> str:
    return f"To fit it: latentarium fit-prior {shlex.quote(str(folder))} --kind {kind}"


def hash_with_prior(folder: Path, kind: str, weights: str) -> str:
    """Return the SHA-256 of the weights' hash and of the file of a fitted prior.

    Raises:
        UserError: As for `read_prior`.
    """
    read_prior(folder, kind, weights)
    return sha256(weights.encode() + prior_path(folder, kind).read_bytes())


def resolve_prior(
    folder: Path, prior: str | None, config: ModelConfig, weights: str
) -> str | None:
    """Return the kind of the fitted prior to use; None for the trained prior.

    Arguments:
        folder: The folder of the run.
        prior: What the caller asks for: a kind, "trained", or None for the default. That is the
            trained prior, or for a model that was trained without one, the fitted prior with the
            largest density of held-out latents, those without classes first.
        config: The settings of the model.
        weights: The hash of the model's weights.

    Raises:
        UserError: A fitted prior is damaged (code "damaged-prior").
    """
    if prior is not None:
        return None if prior == TRAINED else prior
    if config.trained_with_prior:
        return None
    fitted = {kind: _read(folder, kind)[1] for kind in prior_kinds(folder)}
    usable = [kind for kind, facts in fitted.items() if facts.weights == weights]
    plain = [kind for kind in usable if not kind.startswith("class-")] or usable
    return max(plain, key=lambda kind: fitted[kind].held_out, default=None)


def _build(facts: PriorFacts, tensors: dict[str, Tensor]) -> Prior:
    if facts.flow is None:
        weights = tensors["log_weights"].exp()
        return FittedMixturePrior(weights, tensors["means"], tensors["factors"])
    prior = FlowPrior(len(tensors["shift"]), settings=facts.flow)
    prior.load_state_dict(tensors)
    return prior.eval()
