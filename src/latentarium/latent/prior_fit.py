"""Fit priors to the latents of a trained model.

    gaussian          one Gaussian, by maximum likelihood
    class-gaussian    a Gaussian for each class: "7's Gaussian"
    mixture           a mixture of Gaussians, by expectation maximization
    class-mixture     a mixture for each class
    flow              a normalizing flow, by gradient ascent of the likelihood

Each training image has one latent, drawn from its posterior, so a prior is fitted to the aggregate
posterior. The number of components of a mixture, and the number of training steps of a flow, are
those with the largest density of the latents of the validation images.

The density of a prior with classes is the average of the classes' densities, weighted by their
shares of the training images, so it can be compared with that of a prior without classes.

References:
    From variational to deterministic autoencoders (Ghosh et al., 2020): density estimation after
    training, https://arxiv.org/abs/1903.12436
    Diagnosing and enhancing VAE models (Dai and Wipf, 2019), https://arxiv.org/abs/1903.05789
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from threadpoolctl import threadpool_limits
from torch import Tensor

from latentarium.config import DataCard, FlowPriorConfig
from latentarium.data.dataset import Data
from latentarium.distributions import FittedMixturePrior, Prior
from latentarium.errors import UserError
from latentarium.latent import flow_fit
from latentarium.latent.gaussians import (
    SHRINKAGE,
    FittedGaussian,
    FittedMixture,
    mixture,
    single_gaussian,
)
from latentarium.latent.log_density import log_probs, mean_log_prob
from latentarium.models.base import LatentModel
from latentarium.models.checked import a_kind
from latentarium.models.inference import encode
from latentarium.progress import StepProgress
from latentarium.run import Run
from latentarium.run.priors import TRAINED, PriorFacts, PriorKind, prior_path, write_prior
from latentarium.run.shipped_models import SHIPPED
from latentarium.shapes import LabelSet, LatentSet, OtherLatentSet
from latentarium.workers import threads

CANDIDATES = (1, 2, 5, 10, 20, 50, 100, 200)
CLASS_CANDIDATES = (1, 2, 5, 10, 20)
"""Numbers of components that are tried, in this order, until the held-out density falls."""
MAX_POINTS = 20_000
"""Largest number of latents that a mixture is fitted to."""


@dataclass(frozen=True, kw_only=True)
class PriorFit:
    """A prior that was fitted to latents.

    Arguments:
        kind: Its kind.
        prior: The prior.
        n: The number of latents that it was fitted to.
        held_out: The mean log density of the latents of validation images, in nats; of a prior
            with classes, without knowledge of the class.
        trained_prior: The same under the prior that the model was trained with; None for an
            autoencoder, which was trained without a prior.
        candidates: The same for each number of components that was tried.
        flow: The settings of a flow; None for Gaussians.
    """

    kind: PriorKind
    prior: Prior
    n: int
    held_out: float
    trained_prior: float | None = None
    candidates: dict[str, float] = field(default_factory=dict)
    flow: FlowPriorConfig | None = None


@dataclass(frozen=True)
class _Latents:
    """Latents with their labels, and held-out latents."""

    train: LatentSet
    held_out: OtherLatentSet
    train_labels: LabelSet | None

    def of_class(self, number: int) -> LatentSet:
        """Return the latents of a class."""
        assert self.train_labels is not None
        return self.train[self.train_labels == number]


def fit_prior(
    run: Run | str | os.PathLike[str],
    kind: PriorKind,
    *,
    components: int | None = None,
    seed: int = 0,
    data: str | None = None,
    progress: StepProgress | None = None,
) -> PriorFit:
    """Fit a prior to the latents of a run's training images, and keep it with the run.

    `load(run, prior=kind)` returns the model with this prior. A prior of the same kind that was
    fitted before is replaced.

    Arguments:
        run: A run whose training has ended, or its folder.
        kind: gaussian, class-gaussian, mixture, class-mixture or flow.
        components: As for `fit_to_latents`.
        seed: As for `fit_to_latents`.
        data: The new source of the training data, if the data have moved.
        progress: As for `fit_to_latents`.

    Raises:
        UserError: As for `Run.load`, `Run.load_data` and `fit_to_latents`; there is no such kind
            (code "unknown-prior"); or the model ships with the package, whose folder is not
            changed (code "shipped-run").
    """
    run = run if isinstance(run, Run) else Run(run)
    prior_path(run.folder, kind)  # refuses an unknown kind
    if run.folder.parent == SHIPPED:
        raise UserError(
            f"{run.folder.name} ships with the package, which is not changed: give a run of your "
            f"own, or copy the folder {run.folder}.",
            code="shipped-run",
        )
    model = run.load(prior=TRAINED)
    require_fittable(model, run.data, kind, components)
    fit = fit_to_latents(
        model, run.load_data(data), kind, components=components, seed=seed, progress=progress
    )
    facts = PriorFacts(
        kind=kind,
        weights=run.weights_hash(),
        fingerprint=run.data.fingerprint,
        n=fit.n,
        seed=seed,
        held_out=fit.held_out,
        candidates=fit.candidates,
        flow=fit.flow,
    )
    write_prior(run.folder, fit.prior, facts)
    return fit


def fit_to_latents(
    model: LatentModel,
    data: Data,
    kind: PriorKind,
    *,
    components: int | None = None,
    seed: int = 0,
    progress: StepProgress | None = None,
) -> PriorFit:
    """Fit a prior to the latents of a model's training images.

    Arguments:
        model: A model with an encoder.
        data: The images that it was trained on.
        kind: The kind of the prior.
        components: Number of Gaussians of a mixture, in total or for each class; None chooses it.
        seed: Seed of the latents and of the fit.
        progress: Called after each part of the fit.

    Raises:
        UserError: The model has no encoder (code "no-encoder"), the data have no labels for a
            prior with classes (code "labels-missing"), the components are not a positive number or
            don't apply (code "invalid-components"), or there are too few latents (code
            "too-few-latents").
    """
    require_fittable(model, data.card, kind, components)
    report = progress or (lambda done, total, what: None)
    total = flow_fit.FLOW_STEPS if kind == "flow" else len(_numbers(kind, components))
    report(0, total, "encode the images")
    latents = _Latents(
        encode(model, data.train, seed).cpu(),
        encode(model, data.validation, seed).cpu(),
        data.train.labels,
    )
    # several threads gain little here, and wait very long for each other on a busy machine
    with threads(1), threadpool_limits(1):
        fit = (
            _fit_flow(latents, seed, report)
            if kind == "flow"
            else _fit_mixtures(latents, data.card.classes, kind, components, seed, report)
        )
    if not model.config.trained_with_prior:
        return fit
    return replace(fit, trained_prior=_held_out_density(model.prior, latents))


def _numbers(kind: PriorKind, components: int | None) -> Sequence[int]:
    """Return the numbers of components to try."""
    if not kind.endswith("mixture"):
        return (1,)
    if components is not None:
        return (components,)
    return CLASS_CANDIDATES if kind == "class-mixture" else CANDIDATES


def require_fittable(
    model: LatentModel, data: DataCard, kind: str, components: int | None
) -> None:
    """Check that a prior can be fitted, with the errors of `fit_to_latents`."""
    if not model.has_encoder:
        raise UserError(
            f"{a_kind(model.kind)} has no encoder, so there are no latents to fit a prior to: "
            "give an autoencoder or a VAE.",
            code="no-encoder",
        )
    if kind.startswith("class-") and not data.classes:
        raise UserError(
            f"A prior of kind {kind} needs labels, but {data.source} has none: choose "
            f"{kind.removeprefix('class-')}.",
            code="labels-missing",
        )
    if components is not None and (components < 1 or not kind.endswith("mixture")):
        raise UserError(
            f"components is {components} and kind is {kind}; give a positive number for a mixture "
            "only.",
            code="invalid-components",
        )


def _fit_mixtures(
    latents: _Latents,
    class_names: Sequence[str],
    kind: PriorKind,
    components: int | None,
    seed: int,
    report: StepProgress,
) -> PriorFit:
    """Return the mixture whose number of components has the largest held-out density."""
    classes = class_names if kind.startswith("class-") else None
    numbers = _numbers(kind, components)
    scores: dict[str, float] = {}
    best: FittedMixturePrior | None = None
    for done, number in enumerate(numbers):
        if done and number > _largest(latents, classes):
            break
        prior = _fit_mixture(latents, classes, number, seed)
        score = _held_out_density(prior, latents)
        report(done + 1, len(numbers), f"{number} components: {score:.2f} nats")
        if best is None or score > max(scores.values()):
            best, scores[str(number)] = prior, score
        else:
            scores[str(number)] = score
            break
    assert best is not None
    return PriorFit(
        kind=kind,
        prior=best,
        n=len(latents.train) if max(numbers) == 1 else min(len(latents.train), MAX_POINTS),
        held_out=max(scores.values()),
        candidates=scores if len(numbers) > 1 else {},
    )


def _largest(latents: _Latents, classes: Sequence[str] | None) -> int:
    """Return the largest number of components for which there are enough latents."""
    counts = [len(latents.train)] if classes is None else [
        len(latents.of_class(c)) for c in range(len(classes))
    ]  # fmt: skip
    return min(min(counts), MAX_POINTS) // (2 * latents.train.shape[1])


def _fit_mixture(
    latents: _Latents, classes: Sequence[str] | None, number: int, seed: int
) -> FittedMixturePrior:
    needed = max(2, number)
    if classes is None:
        _require_latents(len(latents.train), needed, "", "choose fewer components")
        return _as_prior([_fit_components(latents.train, number, seed)])
    mixtures = []
    for c, name in enumerate(classes):
        z = latents.of_class(c)
        advice = "choose fewer components" if number > 1 and len(z) > 1 else (
            "add images of this class, or choose the kind 'mixture', which needs no classes"
        )  # fmt: skip
        _require_latents(len(z), needed, f" of the class '{name}'", advice)
        mixtures.append(_fit_components(z, number, seed))
    return _as_prior(mixtures)


def _require_latents(count: int, needed: int, which: str, advice: str) -> None:
    if count < needed:
        raise UserError(
            f"The training images{which} have {count:,} latents, but the fit needs at least "
            f"{needed:,}: {advice}.",
            code="too-few-latents",
        )


def _fit_components(z: LatentSet, number: int, seed: int) -> FittedMixture:
    if number == 1:
        gaussian = single_gaussian(z, SHRINKAGE)
        one = torch.ones(1, dtype=torch.float64)
        return FittedMixture(weights=one, gaussians=(gaussian,), converged=True)
    return mixture(z, number, seed, max_points=MAX_POINTS)


def _fit_flow(latents: _Latents, seed: int, report: StepProgress) -> PriorFit:
    prior, score = flow_fit.fit_flow(latents.train, latents.held_out, seed, report)
    return PriorFit(
        kind="flow", prior=prior, n=len(latents.train), held_out=score, flow=flow_fit.FLOW
    )


def _as_prior(mixtures: Sequence[FittedMixture]) -> FittedMixturePrior:
    """Return mixtures, one for each class or a single one, as a prior."""
    gaussians: list[FittedGaussian] = [g for m in mixtures for g in m.gaussians]
    weights = torch.block_diag(*(m.weights[None] for m in mixtures))
    return FittedMixturePrior(
        weights / weights.sum(1, keepdim=True),
        torch.stack([g.mean for g in gaussians]),
        torch.stack([torch.linalg.cholesky(g.covariance) for g in gaussians]),
    )


def _held_out_density(prior: Prior, latents: _Latents) -> float:
    """Return the mean log density of held-out latents, over all classes."""
    z = latents.held_out
    if not prior.takes_label:
        return mean_log_prob(prior, z)
    assert latents.train_labels is not None
    counts = latents.train_labels.bincount()
    if isinstance(prior, FittedMixturePrior):  # soft labels give the same in one evaluation
        return mean_log_prob(prior, z, (counts / counts.sum())[None])

    def of_class(c: int) -> Tensor:
        return log_probs(prior, z, torch.tensor([c]))

    scores = [of_class(c) + (n / counts.sum()).log() for c, n in enumerate(counts) if n]
    return float(torch.stack(scores, 1).logsumexp(1).mean())
