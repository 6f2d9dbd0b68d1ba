"""The claims about several modes and about the game."""

import math
from dataclasses import replace

import torch
from torch import Tensor

from latentarium import charts
from latentarium.data.toy import PERFECT_SHARE, Mixture2D, grid, ring, to_points
from latentarium.latent.gaussians import single_gaussian
from latentarium.metrics.coverage import MixtureQuality, mixture_quality
from latentarium.metrics.game import exploitability
from latentarium.metrics.measurement import Measurement
from latentarium.objectives.adversarial import EQUILIBRIUM
from latentarium.random import Noise
from latentarium.tour.claim import Claim, Condition, Figure
from latentarium.tour.evidence import Evidence

GAPS = 8
"""Snapshots at which the duality gap is measured, at most: of more, every second one."""
POINTS = 2500
"""Samples judged, as in VEEGAN's protocol (Srivastava et al., 2017)."""


def one_gaussian_fails(e: Evidence) -> Claim:
    """A single Gaussian, a VAE and a GAN on the ring and the grid."""
    found: dict[str, dict[str, MixtureQuality]] = {}
    pictures = []
    for name, mixture in (("ring", ring()), ("grid", grid())):
        real = mixture.sample(20_000, seed=e.seed)
        points = {
            "data": mixture.sample(POINTS, seed=e.seed + 1),
            "one Gaussian": single_gaussian(real)
            .sample(POINTS, Noise("one", e.seed).generator)
            .float(),
            "VAE": _drawn(e, f"vae_{name}", mixture),
            "GAN": _drawn(e, f"gan_{name}", mixture),
        }
        found[name] = {way: mixture_quality(p, mixture) for way, p in points.items()}
        colours = [charts.ROLE["real"], charts.ROLE["generated"], *_toy_colours()]
        panels = [
            (_panel_title(way, found[name][way], len(mixture.means)), drawn.numpy(), colour)
            for (way, drawn), colour in zip(points.items(), colours, strict=True)
        ]
        limit = 1.35 * float(mixture.means.abs().max())
        radius = max(3 * mixture.std, 0.03 * limit)
        pictures.append(
            Figure(
                caption=f"{name.capitalize()} of {len(mixture.means)} Gaussians. Circles mark the "
                "true modes; under each name: samples within 3 standard deviations of a mode.",
                alt=f"Four scatter plots on the {name}: data, one Gaussian, VAE, GAN.",
                content=charts.planes(panels, mixture.means.numpy(), limit, radius),
                wide=True,
            )
        )
    gan, one = found["grid"]["GAN"], found["grid"]["one Gaussian"]
    return Claim(
        id="one-gaussian-fails",
        title="One Gaussian fails where data has several modes",
        statement=(
            "The single Gaussian most likely to have made the data puts most of its mass where no "
            "data are. A GAN assumes no density at all and finds every mode."
        ),
        conditions=(
            Condition(
                number=_quality_number("Samples of one Gaussian near a mode, grid", one),
                relation="<=",
                bar=0.10,
            ),
            Condition(
                number=Measurement(
                    name="Modes the GAN finds, grid of 25", value=gan.modes, n=gan.n,
                ),
                relation="==",
                bar=25,
            ),
            Condition(
                number=Measurement(
                    name="Modes the GAN finds, ring of 8", value=found["ring"]["GAN"].modes,
                    n=gan.n,
                ),
                relation="==", bar=8,
            ),
            Condition(
                number=Measurement(
                    name="Samples near a mode, grid: the GAN's share over one Gaussian's",
                    value=gan.high_quality / one.high_quality, unit="times", n=gan.n,
                ),
                relation=">=", bar=10,
            ),
            Condition(
                number=_quality_number("Samples of the GAN near a mode, grid", gan),
                relation=">=",
                bar=0.80,
            ),
        ),
        evidence=tuple(
            _quality_number(f"Near a mode: {way}, {name}", quality)
            for name, ways in found.items()
            for way, quality in ways.items()
        ),
        protocol=(
            "2,500 samples; one is of high quality within 3 standard deviations of its nearest "
            "mode; a mode is found with at least one such sample nearest to it (VEEGAN, 2017). "
            "Perfect samples reach 98.9 %. Ring: radius 1, deviation 0.01; grid: spacing 2, "
            "deviation 0.05."
        ),
        seed=e.seed,
        explanation=(
            "Maximum likelihood does its best with the family it was given. With one Gaussian the "
            "best is to cover everything, and so mostly the empty space between the modes."
        ),
        figures=tuple(pictures),
    )  # fmt: skip


def own_parameters(e: Evidence) -> Claim:
    """The audit that training itself wrote into the log."""
    foreign, own, moves = 0.0, math.inf, 0
    for name in ("gan", "cgan"):
        for row in e.runs[name].log():
            for player in ("discriminator", "generator"):
                moves += 1
                foreign = max(foreign, row[player]["foreign_change"])
                own = min(own, row[player]["own_change"])
    model = e.models["gan"]
    sizes = {p.name: sum(t.numel() for t in p.part.parameters()) for p in model.players()}
    return Claim(
        id="own-parameters",
        title="Each player updates only its own parameters",
        statement=(
            "Generator and discriminator look at each other, but in its move each changes "
            "nothing but itself."
        ),
        conditions=(
            Condition(
                number=Measurement(
                    name="Largest change of a parameter of the other player in any audited move",
                    value=foreign, n=moves,
                ),
                relation="==", bar=0,
            ),
            Condition(
                number=Measurement(
                    name="Largest change of an own parameter, smallest over the audited moves",
                    value=own, n=moves,
                ),
                relation=">", bar=0,
            ),
        ),
        evidence=(
            Measurement(name="Parameters of the generator", value=sizes["generator"]),
            Measurement(name="Parameters of the discriminator", value=sizes["discriminator"]),
            Measurement(name="Moves audited, GAN and CGAN", value=moves),
        ),
        protocol=(
            "At every logged step of both runs, all parameters are copied before each move and "
            "compared after it; the largest absolute differences are in log.jsonl."
        ),
        seed=e.seed,
        explanation=(
            "That is what makes it a game: nobody minimizes the sum. Each player does the best it "
            "can against what the other is now."
        ),
        figures=(
            Figure(
                caption="The largest change of a parameter in each audited move of the GAN, own "
                "and of the other player.",
                alt="Two curves above zero, and one line that lies at zero.",
                content=_moved(e),
            ),
        ),
    )  # fmt: skip


def equilibrium(e: Evidence, response_steps: int) -> Claim:
    """The duality gap over training, and what the discriminator says."""
    run = e.runs["gan"]
    optimizer = replace(run.config.optimizer, learning_rate=1e-3)
    kept = run.snapshots()
    gaps = {}
    for step in kept if len(kept) <= GAPS else [kept[0], *kept[1::2]]:
        gaps[step] = exploitability(
            run.load(step), e.data.train, e.data.validation, optimizer=optimizer,
            response_steps=response_steps, num_batches=15, seed=e.seed,
        )  # fmt: skip
    steps = list(gaps)
    peak = max(steps, key=lambda s: gaps[s].total)
    last = gaps[steps[-1]]
    config = e.models["gan"].config
    assert config.family == "gan"
    balance = EQUILIBRIUM[config.loss]["discriminator"]
    rows = run.log()
    told = rows[-1]["discriminator"]["adversarial"]
    share = last.total / gaps[peak].total
    low, high = (last.interval[0] / gaps[peak].total, last.interval[1] / gaps[peak].total)
    by_player = [
        (
            name, charts.ROLE[name],
            steps, [gaps[s].gains[i].gain for s in steps],
            [gaps[s].gains[i].interval for s in steps],
        )
        for i, name in enumerate(("discriminator", "generator"))
    ]  # fmt: skip
    x = [row["step"] for row in rows]
    return Claim(
        id="equilibrium",
        title="The game tends to an equilibrium",
        statement=(
            "At a Nash equilibrium neither player could gain by moving alone. How much each could "
            "still gain is measured, and it falls."
        ),
        conditions=(
            Condition(
                number=Measurement(
                    name="Duality gap at the end, as a share of its peak", value=share,
                    unit="share", interval=(low, high), n=15 * 64,
                ),
                relation="<=", bar=0.5,
            ),
        ),
        evidence=(
            Measurement(name="Duality gap at the end", value=last.total, unit="nats",
                        interval=last.interval),
            Measurement(name=f"Duality gap at its peak, step {peak}", value=gaps[peak].total,
                        unit="nats", interval=gaps[peak].interval),
            Measurement(name="Discriminator's loss in the last rows of training", value=told,
                        unit="nats"),
            Measurement(name="Its value at the equilibrium", value=balance, unit="nats"),
        ),
        protocol=(
            f"From a copy of both players at each snapshot, each is trained alone for "
            f"{response_steps} moves while the other stands still; gain = its loss before less "
            "after, on held-out images, with the same noise. The gap is the sum of both gains: a "
            "lower bound, for a longer response could gain more (Grnarova et al., 2019)."
        ),
        seed=e.seed,
        explanation=(
            "A gap of zero would be the equilibrium itself: the discriminator could only guess. "
            "Training comes nearer, and what is left is measured, not hidden."
        ),
        figures=(
            Figure(
                caption="What each player could still gain by moving alone, over training.",
                alt="Two curves that fall towards zero.",
                content=charts.lines(
                    by_player, "step", "gain (nats)", log_x=True, y_from_zero=True
                ),
            ),
            Figure(
                caption="The discriminator's mean output on real and on generated images. At the "
                "equilibrium the two would meet.",
                alt="Two curves with a gap between them that narrows.",
                content=charts.lines(
                    [
                        (label, charts.ROLE[role], x,
                         [row["discriminator"][key] for row in rows], None)
                        for label, role, key in (
                            ("on real images", "real", "real_logit"),
                            ("on generated images", "generated", "fake_logit"),
                        )
                    ],
                    "step", "output (logit)",
                ),
            ),
            Figure(
                caption="Both players' losses, with the value at which the discriminator can only "
                "guess.",
                alt="Two loss curves around the line ln 2.",
                content=charts.lines(
                    [
                        (name, charts.ROLE[name], x, [row[name]["adversarial"] for row in rows],
                         None)
                        for name in ("discriminator", "generator")
                    ],
                    "step", "adversarial loss (nats)",
                    reference=("equilibrium: ln 2", balance),
                ),
            ),
        ),
    )  # fmt: skip


def _drawn(e: Evidence, run: str, mixture: Mixture2D) -> Tensor:
    images = e.toys[run].load().sample(POINTS, seed=e.seed)
    return to_points(images, mixture)


def _toy_colours() -> tuple[str, str]:
    return charts.SYSTEM["vae"], charts.SYSTEM["gan"]


def _panel_title(way: str, quality: MixtureQuality, modes: int) -> str:
    return f"{way}\n{100 * quality.high_quality:.1f} %, {quality.modes} of {modes} modes"


def _quality_number(name: str, quality: MixtureQuality) -> Measurement:
    return Measurement(
        name=name,
        value=quality.high_quality,
        unit="share",
        interval=quality.high_quality_interval,
        floor=PERFECT_SHARE,
        n=quality.n,
        note=f"{quality.modes} modes, reverse KL {quality.reverse_kl:.3f} nats"
        if torch.isfinite(torch.tensor(quality.reverse_kl))
        else f"{quality.modes} modes",
    )


def _moved(e: Evidence) -> str:
    rows = e.runs["gan"].log()
    x = [row["step"] for row in rows]
    curves = [
        (f"{name}, own", charts.ROLE[name], x, [row[name]["own_change"] for row in rows], None)
        for name in ("discriminator", "generator")
    ]
    other = [max(row[p]["foreign_change"] for p in ("discriminator", "generator")) for row in rows]
    curves.append(("the other player's", charts.ROLE["real"], x, other, None))
    return charts.lines(curves, "step", "largest change")
