"""Write a tour's report: report.json for machines, and report.html, one self-contained page.

The page is rendered from `report.html.j2` and `report.css`. All images are embedded in it, so it
loads no other file. Each text is in it twice, in English and in Traditional Chinese, and a button
switches between them. A text without a translation, such as that of a custom claim, is shown in
English.
"""

import base64
import html
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
from latentarium.tour.translation import translate

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

UNITS = {"times": "倍", "s": "秒"}
"""Units in Chinese; the other units are the same."""

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
        both=both,
        cells=_cells,
        duration=format_duration,
        extractors=_extractors,
        label=_label,
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


def both(text: str, chinese: str | None = None) -> Markup:
    """Return a text in both languages as HTML.

    Arguments:
        text: The English text.
        chinese: Its translation; None looks it up.
    """
    chinese = translate(text) if chinese is None else chinese
    if chinese is None or chinese == text:
        return Markup.escape(text)
    template = Markup('<span lang="en">{}</span><span lang="zh-TW">{}</span>')
    return template.format(text, chinese)


def _label(text: str, name: str = "aria-label") -> Markup:
    """Return an attribute of an HTML element whose value the page's script translates."""
    chinese = translate(text) or text
    return Markup('{}="{}" data-{}="{}"').format(name, text, name, chinese)


def _cells(number: Measurement, better: str = "") -> dict[str, Markup | str]:
    """Return a measurement's fields as HTML for the tables; a missing field is empty.

    Arguments:
        number: The measurement.
        better: Its direction, if it has none of its own.
    """

    def quantity(value: Real | None) -> Markup | str:
        return "" if value is None else _quantity(value, number.unit)

    return {
        "name": both(number.name),
        "value": quantity(number.value),
        "interval": _interval(number),
        "reference": quantity(number.reference),
        "better": both(PHRASES.get(number.better or better, "")),
        "n": "" if number.n is None else f"{number.n:,}",
        "note": both(number.note),
    }


def _quantity(value: Real, unit: str, prefix: str = "") -> Markup:
    return both(
        prefix + format_quantity(value, unit),
        prefix + format_quantity(value, UNITS.get(unit, unit)),
    )


def _interval(number: Measurement) -> Markup | str:
    if number.interval is None:
        return ""
    texts = []
    for chinese in (False, True):
        unit = UNITS.get(number.unit, number.unit) if chinese else number.unit
        low, high = (format_quantity(end, unit) for end in number.interval)
        text = f"at least {low}" if is_one_sided(number.interval) else f"{low} to {high}"
        text = f"{text} (conservative)" if number.conservative else text
        texts.append(_interval_in_chinese(text) if chinese else text)
    return both(*texts)


def _interval_in_chinese(text: str) -> str:
    for english, chinese in (
        ("at least ", "至少 "), (" to ", " 至 "), (" (conservative)", "（保守）"),
    ):  # fmt: skip
        text = text.replace(english, chinese)
    return text


def _threshold(condition: Condition) -> Markup:
    relation = _RELATIONS.get(condition.relation, condition.relation)
    return _quantity(condition.threshold, condition.number.unit, f"{relation} ")


def _extractors(claim: ClaimResult) -> str:
    """Return the names of the classifiers that a claim was measured with."""
    names = {c.number.extractor for c in claim.conditions if c.number.extractor}
    return ", ".join(sorted(names))


def _picture(figure: Figure) -> Markup:
    """Return a figure's content as an HTML element."""
    if isinstance(figure.content, bytes):
        data = base64.b64encode(figure.content).decode()
        alt = _label(figure.alt, "alt")
        return Markup('<img {} src="data:image/png;base64,{}">').format(alt, data)
    attributes = Markup('<svg role="img" {}').format(_label(figure.alt))
    return Markup(_translated(_with_unique_ids(figure.content)).replace("<svg", attributes, 1))


def _translated(svg: str) -> str:
    """Add the translations of the texts in a chart."""

    def in_both(match: re.Match[str]) -> str:
        attributes, text = match.groups()
        chinese = translate(html.unescape(text))
        if chinese is None or chinese == html.unescape(text):
            return match[0]
        return (
            f'<text lang="en"{attributes}>{text}</text>'
            f'<text lang="zh-TW"{attributes}>{html.escape(chinese)}</text>'
        )

    return re.sub(r"<text([^>]*)>([^<]+)</text>", in_both, svg)


def _with_unique_ids(svg: str) -> str:
    """Prefix the ids of a chart, since all charts are in one page."""
    prefix = f"c{sha256(svg.encode())[:8]}-"
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}\1"', svg)
    svg = re.sub(r'href="#([^"]+)"', rf'href="#{prefix}\1"', svg)
    return re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}\1)", svg)
