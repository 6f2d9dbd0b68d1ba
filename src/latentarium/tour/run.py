"""The main job: train the four systems, measure every claim, write the report."""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path

from latentarium import charts, presets
from latentarium.classifier.classifier import load_classifier
from latentarium.config import Config
from latentarium.data.dataset import Data, Split
from latentarium.data.sources import load_data
from latentarium.evaluation.context import shuffle_test_split
from latentarium.machine import describe_machine, versions
from latentarium.progress import ConsoleProgress
from latentarium.run import Run
from latentarium.stats.measurement import Measurement
from latentarium.tour import report as page
from latentarium.tour.claim import Claim, Figure, System, TourReport
from latentarium.tour.claims import game as claims_game
from latentarium.tour.claims import gaps as claims_gaps
from latentarium.tour.claims import label as claims_label
from latentarium.tour.claims import latent as claims_latent
from latentarium.tour.claims import modes as claims_modes
from latentarium.tour.evidence import Evidence
from latentarium.training import Reporter, train

SYSTEMS = {"ae": "ae_mnist", "vae": "vae_mnist", "gan": "gan_mnist", "cgan": "cgan_mnist"}
COMPANION = {"vae_class": "vae_class_mnist"}
TOYS = ("gan_ring", "vae_ring", "gan_grid", "vae_grid")

SENTENCES = {
    "ae": (
        "Autoencoder",
        "Squeezes an image into 16 numbers and makes it again from them. Has no say in what lies "
        "between the places where data are.",
    ),
    "vae": (
        "VAE",
        "Encodes each image as a small Gaussian, so that the latent has no gaps and can be drawn "
        "from. Pays with blur.",
    ),
    "gan": (
        "GAN",
        "A generator makes images, a discriminator tells them from real ones; each gets better "
        "against the other. Makes what it likes.",
    ),
    "cgan": (
        "Conditional GAN",
        "Both players see the label, and an image must be real enough and be what was asked for.",
    ),
}


def tour(
    out: Path,
    *,
    seed: int,
    quick: bool,
    shown: ConsoleProgress,
    reporter: Callable[[str], Reporter],
) -> TourReport:
    """Trains (or resumes), measures, and writes report.html and report.json.

    Arguments:
        out: The folder; the systems' runs are ae, vae, gan and cgan in it.
        seed: Of all randomness.
        quick: Tiny models and small counts.
        shown: Where progress goes.
        reporter: Makes a training's progress from its title.
    """
    began = time.monotonic()
    steps: dict[str, float] = {}
    data = load_data("mnist")
    folders = {name: out / name for name in SYSTEMS}
    folders |= {name: out / "more" / name for name in (*COMPANION, *TOYS)}
    names = SYSTEMS | COMPANION | {toy: toy for toy in TOYS}
    runs: dict[str, Run] = {}
    for place, (name, preset) in enumerate(names.items()):
        clock = time.monotonic()
        config = _config(preset, seed, quick)
        shown.print(f"{place + 1} of {len(names)}: trains {preset}")
        own = None if name in TOYS else data
        runs[name] = train(config, folders[name], own, reporter=reporter(name))
        steps[name] = time.monotonic() - clock

    evidence = Evidence(
        data=shuffle_test_split(_fewer(data) if quick else data),
        judge=load_classifier(),
        runs={name: runs[name] for name in (*SYSTEMS, *COMPANION)},
        toys={name: runs[name] for name in TOYS},
        seed=seed,
        n=500 if quick else 10_000,
    )
    clock = time.monotonic()
    claims: list[Claim] = []
    measures = _measures(*(5, 3) if quick else (60, 15))
    bar = shown.task("measures the claims", len(measures))
    for measure in measures:
        claims.append(measure(evidence))
        bar.update(len(claims), claims[-1].id)
    bar.end()
    steps["measuring"] = time.monotonic() - clock
    report = TourReport(
        claims=tuple(claims),
        systems=tuple(_system(evidence, name) for name in SYSTEMS),
        seconds=time.monotonic() - began,
        seed=seed,
        quick=quick,
        versions=versions(),
        machine=describe_machine(),
        steps=steps,
    )
    page.write(report, out)
    return report


def _measures(response_steps: int, num_batches: int) -> list[Callable[[Evidence], Claim]]:
    return [
        claims_latent.ae_compresses,
        claims_latent.latent_useful,
        claims_gaps.ae_gaps,
        claims_gaps.vae_continuous,
        claims_latent.class_gaussian,
        claims_modes.one_gaussian_fails,
        claims_game.own_parameters,
        lambda e: claims_game.equilibrium(e, response_steps, num_batches),
        claims_label.label_control,
        claims_label.wrong_label_refused,
        claims_label.realism,
    ]


def _config(preset: str, seed: int, quick: bool) -> Config:
    config = presets.get(preset)
    settings = dataclasses.replace(config.train, seed=seed)
    if quick:
        few = max(20, config.train.steps // 100)
        settings = dataclasses.replace(settings, steps=few, log_every=10, snapshots=3)
    return dataclasses.replace(config, train=settings)


def _fewer(data: Data) -> Data:
    def part(split: Split, n: int) -> Split:
        labels = None if split.labels is None else split.labels[:n]
        return Split(split.images[:n], labels)

    return Data(
        data.card, part(data.train, 4000), part(data.validation, 1000), part(data.test, 2000)
    )


def _system(e: Evidence, name: str) -> System:
    title, sentence = SENTENCES[name]
    model, run = e.models[name], e.runs[name]
    log = run.log()
    numbers = [
        e.distance[name],
        Measurement(name="Parameters", value=sum(p.numel() for p in model.parameters())),
        Measurement(name="Training", value=log[-1]["seconds"], unit="s"),
        Measurement(name="Numbers in a latent", value=model.latent_dim),
    ]
    return System(
        id=name,
        name=title,
        sentence=sentence,
        numbers=tuple(dataclasses.replace(n, name=n.name.split(",")[0]) for n in numbers),
        samples=Figure(
            caption="Samples",
            alt=f"Samples of the {title}",
            content=charts.image_grid(e.samples[name][:30], 6),
        ),
    )
