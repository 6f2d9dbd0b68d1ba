"""The command fit-prior."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Literal

from latentarium.cli.options import JsonFlag, RunFolder
from latentarium.cli.output import print_json, print_note, print_result

if TYPE_CHECKING:
    from latentarium.latent.prior_fit import PriorFit


def fit_prior(
    run: RunFolder,
    kind: Literal["gaussian", "class-gaussian", "mixture", "class-mixture", "flow"],
    components: int | None = None,
    data: str | None = None,
    seed: int = 0,
    as_json: JsonFlag = False,
) -> None:
    """Fit a prior to the latents of a trained autoencoder or VAE, and keep it with the run.

    sample, evaluate, compare and the studio then sample from it with --prior KIND. The prior that
    was trained with the model stays the default.

    Args:
        run: The folder of the run.
        kind: gaussian: one Gaussian; class-gaussian: a Gaussian for each class; mixture: a mixture
            of Gaussians; class-mixture: a mixture for each class; flow: a normalizing flow.
        components: Number of Gaussians of a mixture, for each class if there are classes. By
            default, the number with the largest density of held-out latents.
        data: The new source of the training data, if the data have moved.
        seed: Seed of the latents and of the fit.
        as_json: Print JSON.
    """
    from latentarium.latent.prior_fit import fit_prior as fit
    from latentarium.progress import reported_parts
    from latentarium.run.priors import prior_path

    with reported_parts(f"fit {kind}") as report:
        result = fit(run, kind, components=components, seed=seed, data=data, progress=report)
    if as_json:
        print_json(_as_json(result))
    else:
        print_result(_table(result))
    print_note(f"Written to {prior_path(run, kind)}. Use it with --prior {kind}.")


def _as_json(fit: "PriorFit") -> dict[str, object]:
    return {
        "kind": fit.kind,
        "n": fit.n,
        "held_out": fit.held_out,
        "trained_prior": fit.trained_prior,
        "candidates": fit.candidates,
        "flow": None if fit.flow is None else asdict(fit.flow),
    }


def _table(fit: "PriorFit") -> str:
    from latentarium.tables import render_table

    rows = [[f"{number} components", f"{score:.2f}"] for number, score in fit.candidates.items()]
    rows.append([fit.kind if not rows else f"{fit.kind}, chosen", f"{fit.held_out:.2f}"])
    if fit.trained_prior is not None:
        rows.append(["the trained prior", f"{fit.trained_prior:.2f}"])
    return render_table(["prior", "mean log density of held-out latents (nats)"], rows)
