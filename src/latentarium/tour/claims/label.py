"""The claims about labels and realism."""

import numpy as np
import torch

from latentarium import charts
from latentarium.data.dataset import to_float
from latentarium.metrics.conditional import (
    Confusion,
    LabelHistogram,
    confusion,
    label_histogram,
    wrong_label_auc,
)
from latentarium.metrics.fidelity import density_coverage
from latentarium.stats.measurement import Measurement
from latentarium.tour.claim import Claim, Condition, Figure
from latentarium.tour.evidence import TITLES, Evidence


def label_control(e: Evidence) -> Claim:
    """Label histogram of the GAN; asked against judged for the CGAN."""
    classes = len(e.data.card.classes)
    histogram = label_histogram(e.judged["gan"], classes)
    obeyed = confusion(e.asked, e.judged["cgan"], classes)
    by_luck = confusion(e.asked, e.judged["gan"], classes)
    worst = obeyed.worst_class
    worst_share = obeyed.shares[worst]
    assert worst_share is not None
    return Claim(
        id="label-control",
        title="A GAN can't be told which digit; a CGAN can",
        statement=(
            "A GAN makes whatever its random numbers say. A conditional GAN is given the label, "
            "and makes what was asked for."
        ),
        conditions=(
            Condition(
                number=Measurement(
                    name="CGAN samples judged to be the digit asked for", unit="share",
                    value=obeyed.adherence, interval=obeyed.adherence_interval, n=obeyed.n,
                    extractor=e.judge.name, floor=e.judge.accuracy,
                    note="floor: the judge's own accuracy on real test images",
                ),
                relation=">=", bar=0.985,
            ),
            Condition(
                number=Measurement(
                    name=f"The same for its worst digit, {e.data.card.classes[worst]}",
                    unit="share", value=worst_share, interval=obeyed.intervals[worst],
                    n=obeyed.n // classes, extractor=e.judge.name,
                ),
                relation=">=", bar=0.95,
            ),
            Condition(
                number=Measurement(
                    name="GAN samples that happen to be the digit wished for", unit="share",
                    value=by_luck.adherence, interval=by_luck.adherence_interval, n=by_luck.n,
                    extractor=e.judge.name,
                ),
                relation="<=", bar=0.15,
            ),
            Condition(
                number=Measurement(
                    name="Rarest digit of the GAN", unit="share", n=histogram.n,
                    value=min(histogram.shares),
                    interval=histogram.intervals[int(np.argmin(histogram.shares))],
                ),
                relation=">=", bar=0.05,
            ),
            Condition(
                number=Measurement(
                    name="Most common digit of the GAN", unit="share", n=histogram.n,
                    value=max(histogram.shares),
                    interval=histogram.intervals[int(np.argmax(histogram.shares))],
                ),
                relation="<=", bar=0.20,
            ),
        ),
        evidence=(
            Measurement(name="Evenness of the GAN's digits (entropy)", value=histogram.entropy,
                        unit="nats", floor=histogram.max_entropy, note="floor: ln 10, all even"),
        ),
        protocol=(
            f"{e.n:,} samples each; for the CGAN every digit is asked for equally often; labels "
            f"by the judge ({e.judge.accuracy:.2%} right on real test images)."
        ),
        seed=e.seed,
        explanation=(
            "In the table a row is what was asked for, a column what the judge sees; all off the "
            "diagonal are refusals."
        ),
        figures=_asked_and_made(e, histogram, obeyed),
    )  # fmt: skip


def _asked_and_made(
    e: Evidence, histogram: LabelHistogram, obeyed: Confusion
) -> tuple[Figure, ...]:
    classes = e.data.card.classes
    table = 100 * np.asarray(obeyed.table.double() / obeyed.table.sum(1, keepdim=True))
    columns = torch.cat([e.samples["cgan"][e.asked == c][:10] for c in range(len(classes))])
    return (
        Figure(
            caption="What the GAN happens to make (shaded: 5 % to 20 %).",
            alt="Ten bars, one for each digit, all between 5 and 20 percent.",
            content=charts.bars(
                classes, [100 * s for s in histogram.shares],
                [charts.SYSTEM["gan"]] * len(classes), "% of samples",
                intervals=[(100 * a, 100 * b) for a, b in histogram.intervals],
                band=(5, 20, "neither dropped nor favoured"), show="{:.1f}",
            ),
        ),
        Figure(
            caption="CGAN: asked for (row) against judged (column), in percent of the row.",
            alt="A ten by ten table with nearly all on the diagonal.",
            content=charts.table(
                _blank_zeros(table), "asked for", "judged", show="{:.1f}", high=100.0
            ),
        ),
        Figure(
            caption="CGAN: one row for each digit asked for.",
            alt="Ten rows of ten digits, in order.",
            content=charts.pixels(columns, 10),
        ),
        Figure(
            caption="GAN: what comes comes.",
            alt="A hundred digits in no order.",
            content=charts.pixels(e.samples["gan"][:100], 10),
        ),
    )  # fmt: skip


def wrong_label_refused(e: Evidence) -> Claim:
    """The discriminator on real images under right and wrong conditions."""
    model = e.models["cgan"]
    assert model.has_discriminator
    test = e.data.test
    assert test.labels is not None
    found = wrong_label_auc(
        model.discriminate, test.images, test.labels, model.num_classes, seed=e.seed
    )
    table = found.table.numpy()
    four = {k: float(table[4, k]) for k in (3, 5, 6)}
    low = found.minimum_pair
    names = e.data.card.classes
    with torch.no_grad():
        x = to_float(test.images)
        score = model.discriminate(x, torch.full((len(x),), 4))
    means = [float(score[test.labels == k].mean()) for k in range(model.num_classes)]
    return Claim(
        id="wrong-label-refused",
        title="The wrong label is refused, however real the image",
        statement=(
            "A real 3 is a perfect image, but it is no 4: asked for a 4, the discriminator "
            "refuses it, and a 5, and a 6."
        ),
        conditions=(
            Condition(
                number=Measurement(
                    name="Right class scored above wrong class (AUC), mean over all pairs",
                    value=found.mean, interval=found.mean_interval, n=len(x),
                ),
                relation=">=", bar=0.99,
            ),
            Condition(
                number=Measurement(
                    name=f"The hardest pair: a real {names[low[1]]} under {names[low[0]]}",
                    value=found.minimum, interval=found.minimum_interval, n=len(x),
                ),
                relation=">=", bar=0.95,
            ),
        ),
        evidence=tuple(
            Measurement(name=f"A real {k} under condition 4, against real 4s (AUC)", value=value)
            for k, value in four.items()
        ),
        protocol=(
            "All real test images. For each condition c and each other class k: the chance that "
            "the discriminator scores a real c above a real k, both under condition c (area under "
            "the ROC curve; 0.5 is guessing). Weights: the moving average."
        ),
        seed=e.seed,
        explanation=(
            "In training the discriminator also meets real images under a wrong label and learns "
            "to refuse them (Reed et al., 2016). Realism and fit are two things."
        ),
        figures=(
            Figure(
                caption="AUC for every pair: condition (row) against the true class (column).",
                alt="A ten by ten table of values near one.",
                content=charts.table(
                    table, "condition", "true class of the image", show="{:.3f}", low=0.9,
                    high=1.0, skip_diagonal=True,
                ),
            ),
            Figure(
                caption="The discriminator's mean score of real digits under condition 4 (left "
                "most is best refused).",
                alt="Bars below zero for all digits but 4.",
                content=_ranked(names, means),
            ),
        ),
    )  # fmt: skip


def realism(e: Evidence) -> Claim:
    """Distance to real data next to the GAN's and the floor."""
    half = min(5000, e.n)
    real = e.test_features[:half]
    found = {name: density_coverage(real, e.features[name][:half]) for name in TITLES}
    floor = density_coverage(e.test_features[:half], e.test_features[-half:])
    gan, cgan = e.distance["gan"], e.distance["cgan"]
    return Claim(
        id="realism",
        title="And the picture must be real too",
        statement=(
            "Doing as asked is not enough: the CGAN's images lie as near to real ones as those of "
            "a GAN that is free to make what it likes."
        ),
        conditions=(
            Condition(number=cgan, relation="<=", bar=gan.value),
            Condition(
                number=Measurement(
                    name="Coverage: real images with a CGAN image nearby", unit="share",
                    value=found["cgan"].coverage, interval=found["cgan"].coverage_interval,
                    n=half, extractor=e.judge.name, floor=floor.coverage,
                ),
                relation=">=", bar=0.70,
            ),
        ),
        evidence=(
            *e.distance.values(),
            *(
                Measurement(name=f"Density, {TITLES[name]}", value=value.density, n=half,
                            floor=floor.density)
                for name, value in found.items()
            ),
            *(
                Measurement(name=f"Coverage, {TITLES[name]}", value=value.coverage, n=half,
                            unit="share", interval=value.coverage_interval, floor=floor.coverage)
                for name, value in found.items()
            ),
        ),
        protocol=(
            f"Fréchet distance (2017) of {e.n:,} samples to the 10,000 test images on the judge's "
            f"{e.test_features.shape[1]} features; interval by bootstrap; density and coverage "
            f"(Naeem et al., 2020) with k = 5, n = {half:,}. This is not FID, which needs "
            "Inception's features."
        ),
        seed=e.seed,
        explanation=(
            "Smaller is better; the floor is what real images against other real images give, so "
            "nothing can be expected below it."
        ),
        figures=_how_near(e),
    )  # fmt: skip


def _how_near(e: Evidence) -> tuple[Figure, ...]:
    return (
        Figure(
            caption="Fréchet distance to real test images (smaller is better). The floor, "
            f"real against real, is {e.distance['gan'].floor:.1f}.",
            alt="Five bars; GAN and CGAN are the lowest.",
            content=charts.bars(
                [TITLES[name].replace(", ", ",\n") for name in e.distance],
                [number.value for number in e.distance.values()],
                [charts.SYSTEM[name.split("_")[0]] for name in e.distance],
                "Fréchet distance",
                intervals=[number.interval for number in e.distance.values()],
                show="{:.1f}",
            ),
        ),
        Figure(
            caption="Real test images.",
            alt="Sixty real digits.",
            content=charts.pixels(to_float(e.data.test.images[:60]), 10),
        ),
        Figure(
            caption="CGAN.",
            alt="Sixty generated digits.",
            content=charts.pixels(e.samples["cgan"][:60], 10),
        ),
    )  # fmt: skip


def _blank_zeros(table: np.ndarray) -> np.ndarray:
    """Zeros as nan, so that a picture leaves them empty."""
    return np.where(table == 0, np.nan, table)


def _ranked(names: tuple[str, ...], means: list[float]) -> str:
    order = sorted(range(len(means)), key=lambda k: means[k])
    colours = [charts.ROLE["real"] if k == 4 else charts.ROLE["discriminator"] for k in order]
    return charts.columns(
        [names[k] for k in order], [means[k] for k in order], colours, "score under condition 4"
    )
