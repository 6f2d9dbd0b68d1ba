"""Write a tour's report: report.json for machines, and report.html, one self-contained page.

The page is rendered from `report.html.j2` and `report.css`. All images are embedded in it, so it
loads no other file.
"""

import base64
import json
import re
import time
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import jinja2
from markupsafe import Markup

from latentarium.evaluation.interpretation import PHRASES
from latentarium.files import sha256, write_atomic
from latentarium.progress import format_duration
from latentarium.stats.measurement import Measurement, Real, format_quantity, is_one_sided
from latentarium.tour.results import ClaimResult, Condition, Figure, TourReport, TrainingProgress

REPORT_FILE = "report.html"
GLOSSARY = {
    "Latent": "The few numbers that represent an image inside a model. The latent space is the "
    "space of all such numbers.",
    "Encoder, decoder": "The encoder is a network that maps an image to its latent; the decoder "
    "is a network that maps a latent to an image.",
    "Generator, discriminator": "The two networks of a GAN: the generator makes images from "
    "random numbers, and the discriminator distinguishes them from real images.",
    "Gaussian": "The normal distribution, in any number of dimensions; it has a single mode.",
    "Prior": "The distribution from which latents are drawn when a model generates.",
    "Nash equilibrium": "A state of a game in which no player could gain by changing only its own "
    "parameters.",
    "Duality gap": "The sum of what each player could still gain by changing only its own "
    "parameters; zero at the equilibrium.",
    "Evaluation classifier": "A network trained on real images only, which predicts the digit in "
    "a generated image. It ships with this package.",
    "Fréchet distance": "A distance between two sets of images, measured on features of the "
    "evaluation classifier. It is 0 for identical sets, and above 0 for two finite sets from the "
    "same distribution.",
    "AUC": "The probability that an image of the right class scores higher than an image of a "
    "wrong class; 0.5 is guessing, 1 is perfect.",
    "95 % interval": "A range that contains the true value in 95 of 100 repetitions of the "
    "measurement.",
    "Reference": "The value of the same measurement for real images instead of generated images.",
    "nat": "The unit of information with natural logarithms; ln 2 = 0.693 nats are one bit.",
}

_RELATIONS = {">=": "≥", "<=": "≤", "==": "="}


def write_report(report: TourReport, folder: Path) -> None:
    """Write report.json and report.html, each atomically."""
    content = json.dumps(report.to_dict(), indent=2, allow_nan=False)
    write_atomic(folder / "report.json", content.encode() + b"\n")
    write_atomic(folder / REPORT_FILE, render(report).encode())


def render(
    report: TourReport, *, progress: Sequence[TrainingProgress] = (), num_missing: int = 0
) -> str:
    """Return the page.

    Arguments:
        report: The results.
        progress: While the tour is running, how far its trainings are.
        num_missing: Number of claims that are not measured yet.
    """
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        cells=_cells,
        duration=format_duration,
        extractors=_extractors,
        picture=_picture,
        threshold=_threshold,
    )
    resources = files("latentarium.tour")
    template = environment.from_string(resources.joinpath("report.html.j2").read_text("utf-8"))
    return template.render(
        report=report,
        css=Markup(resources.joinpath("report.css").read_text("utf-8")),
        glossary=GLOSSARY,
        progress=progress,
        num_missing=num_missing,
        time=time.strftime("%H:%M:%S"),
        num_holding=sum(claim.verdict == "holds" for claim in report.claims),
    )


def _cells(number: Measurement, better: str = "") -> dict[str, str]:
    """Return a measurement's fields as text for the tables; a missing field is an empty string.

    Arguments:
        number: The measurement.
        better: Its direction, if it has none of its own.
    """

    def text(value: Real | None) -> str:
        return "" if value is None else format_quantity(value, number.unit)

    return {
        "name": number.name,
        "value": text(number.value),
        "interval": _interval(number),
        "reference": text(number.reference),
        "better": PHRASES.get(number.better or better, ""),
        "n": "" if number.n is None else f"{number.n:,}",
        "note": number.note,
    }


def _interval(number: Measurement) -> str:
    if number.interval is None:
        return ""
    low, high = (format_quantity(end, number.unit) for end in number.interval)
    text = f"at least {low}" if is_one_sided(number.interval) else f"{low} to {high}"
    return f"{text} (conservative)" if number.conservative else text


def _threshold(condition: Condition) -> str:
    relation = _RELATIONS.get(condition.relation, condition.relation)
    return f"{relation} {format_quantity(condition.threshold, condition.number.unit)}"


def _extractors(claim: ClaimResult) -> str:
    """Return the names of the classifiers that a claim was measured with."""
    names = {c.number.extractor for c in claim.conditions if c.number.extractor}
    return ", ".join(sorted(names))


def _picture(figure: Figure) -> Markup:
    """Return a figure's content as an HTML element."""
    if isinstance(figure.content, bytes):
        data = base64.b64encode(figure.content).decode()
        return Markup('<img alt="{}" src="data:image/png;base64,{}">').format(figure.alt, data)
    attributes = Markup('<svg role="img" aria-label="{}"').format(figure.alt)
    return Markup(_with_unique_ids(figure.content).replace("<svg", attributes, 1))


def _with_unique_ids(svg: str) -> str:
    """Prefix the ids of a chart, since all charts are in one page."""
    prefix = f"c{sha256(svg.encode())[:8]}-"
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}\1"', svg)
    svg = re.sub(r'href="#([^"]+)"', rf'href="#{prefix}\1"', svg)
    return re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}\1)", svg)
