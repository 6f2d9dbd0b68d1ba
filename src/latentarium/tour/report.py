"""The report as one page: no outside address, pictures inside, light and dark."""

import base64
import html
import json
import re
from importlib.resources import files
from pathlib import Path

from latentarium.files import sha256, write_atomic
from latentarium.progress import format_duration
from latentarium.stats.measurement import Measurement, quantity
from latentarium.tour.claim import Claim, Condition, Figure, System, TourReport

GLOSSARY = {
    "Latent": "The few numbers that stand for an image inside a model; the latent space is the "
    "space of all such numbers.",
    "Encoder, decoder": "The network from image to latent, and the one from latent to image.",
    "Generator, discriminator": "In a GAN: the network that makes images from random numbers, and "
    "the one that tells them from real ones.",
    "Gaussian": "The bell-shaped distribution, in any number of dimensions; it has one hill only.",
    "Prior": "The distribution from which latents are drawn when a model generates.",
    "Nash equilibrium": "A state of a game in which no player could gain by moving alone.",
    "Duality gap": "How much the players together could still gain by moving alone; zero at the "
    "equilibrium.",
    "Judge": "A classifier trained on real images only, which says what a generated image shows. "
    "It ships with this package.",
    "Fréchet distance": "How far two sets of images are from each other, seen through the judge's "
    "features; 0 for equal sets, and never quite 0 for two finite ones.",
    "AUC": "The chance that of one right and one wrong image the right one scores higher; 0.5 is "
    "guessing, 1 is perfect.",
    "Interval": "Where the number would lie in 95 of 100 repetitions of the measurement.",
    "Floor": "What real images against other real images give, with as many of them.",
    "nat": "The unit of information with natural logarithms; ln 2 = 0.693 nats are one bit.",
}

_SCRIPT = (
    "const r=document.documentElement,b=document.querySelector('.switch');b.hidden=false;"
    "if(location.hash==='#dark'||location.hash==='#light')r.dataset.theme=location.hash.slice(1);"
    "b.onclick=()=>{const d=r.dataset.theme||(matchMedia('(prefers-color-scheme:dark)').matches"
    "?'dark':'light');r.dataset.theme=d==='dark'?'light':'dark'}"
)


def write(report: TourReport, folder: Path) -> None:
    """Writes report.html and report.json, each whole or not at all."""
    content = json.dumps(report.to_dict(), indent=2, allow_nan=False)
    write_atomic(folder / "report.json", content.encode() + b"\n")
    write_atomic(folder / "report.html", render(report).encode())


def render(report: TourReport) -> str:
    """The whole page."""
    css = files("latentarium.tour").joinpath("page.css").read_text()
    held = sum(claim.verdict == "holds" for claim in report.claims)
    total = len(report.claims)
    quick = (
        '<p class="warn">This was a quick run with tiny models, to see that everything works: its '
        "verdicts mean nothing.</p>"
        if report.quick
        else ""
    )
    words = "".join(f"<dt>{_text(k)}</dt><dd>{_text(v)}</dd>" for k, v in GLOSSARY.items())
    contents = "".join(
        f'<li>{_mark(claim)}<a href="#{claim.id}">{_text(claim.title)}</a></li>'
        for claim in report.claims
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>latentarium: four ways to generate, measured</title>
<link rel="icon" href="data:,">
<style>{css}</style>
</head>
<body>
<button class="switch" type="button" hidden>light / dark</button>
<header>
<h1>Four ways to make images from random numbers</h1>
<p class="lead">An autoencoder, a VAE, a GAN and a conditional GAN, trained here on the same
handwritten digits and measured the same way. {held} of {total} claims hold.</p>
{quick}
</header>
<main>
<section aria-label="The four systems">
<div class="systems">{"".join(_system(system) for system in report.systems)}</div>
</section>
<nav aria-label="Claims">
<h2>What they claim, and whether it holds</h2>
<p>Each verdict is computed from the numbers below it: a claim holds where every number meets its
bar.</p>
<ul class="contents">{contents}</ul>
</nav>
{"".join(_claim(claim) for claim in report.claims)}
<h2 id="words">The words</h2>
<dl class="glossary">{words}</dl>
<h2 id="repeat">Do it again</h2>
{_repeat(report)}
</main>
<footer><p>Made by latentarium {_text(report.versions.get("latentarium", ""))} in
{format_duration(report.seconds)}. The same numbers for machines: report.json.</p></footer>
<script>{_SCRIPT}</script>
</body>
</html>
"""


def _system(system: System) -> str:
    rows = "".join(
        f"<dt>{_text(number.name)}</dt><dd>{_text(quantity(number.value, number.unit))}</dd>"
        for number in system.numbers
    )
    return (
        f'<article class="system" style="--accent:var(--{system.id})">'
        f"<h3>{_text(system.name)}</h3><p>{_text(system.sentence)}</p>{_picture(system.samples)}<dl>{rows}</dl></article>"
    )


def _claim(claim: Claim) -> str:
    conditions = "".join(_condition(c, i == 0) for i, c in enumerate(claim.conditions))
    evidence = "".join(
        f"<tr><td>{_text(number.name)}</td>{_cells(number)}<td>{_text(number.note)}</td></tr>"
        for number in claim.evidence
    )
    more = (
        '<details><summary>More numbers</summary><div class="scroll"><table><thead><tr>'
        '<th>measured</th><th class="num">value</th><th class="num">95 % interval</th>'
        '<th class="num">floor</th><th class="num">n</th><th>note</th></tr></thead>'
        f"<tbody>{evidence}</tbody></table></div></details>"
        if evidence
        else ""
    )
    pictures = "".join(_figure(figure) for figure in claim.figures)
    return f"""<section class="claim" id="{claim.id}" aria-labelledby="{claim.id}-title">
{_mark(claim)}
<h3 id="{claim.id}-title">{_text(claim.title)}</h3>
<p class="statement">{_text(claim.statement)}</p>
<div class="scroll"><table><thead><tr><th>measured</th><th class="num">value</th>
<th class="num">95 % interval</th><th class="num">floor</th><th class="num">n</th>
<th class="num">bar</th><th>meets it</th></tr></thead><tbody>{conditions}</tbody></table></div>
<p>{_text(claim.explanation)}</p>
<div class="figures">{pictures}</div>
{more}
<details><summary>How it was measured</summary><p>{_text(claim.protocol)}
Seed {claim.seed}. {_text(_extractor(claim))}</p></details>
</section>
"""


def _condition(condition: Condition, first: bool) -> str:
    number = condition.number
    met = "yes" if condition.holds else "no"
    style = "holds" if condition.holds else "fails"
    relation = {">=": "≥", "<=": "≤", "==": "="}.get(condition.relation, condition.relation)
    bar = f"{relation} {quantity(condition.bar, number.unit)}"
    return (
        f"<tr><td>{_text(number.name)}</td>{_cells(number, first)}"
        f'<td class="num">{_text(bar)}</td><td><span class="mark {style}">{met}</span></td></tr>'
    )


def _cells(number: Measurement, big: bool = False) -> str:
    interval = (
        ""
        if number.interval is None
        else " to ".join(quantity(v, number.unit) for v in number.interval)
    )
    floor = "" if number.floor is None else quantity(number.floor, number.unit)
    count = "" if number.n is None else f"{number.n:,}"
    style = "num big" if big else "num"
    return (
        f'<td class="{style}">{_text(quantity(number.value, number.unit))}</td>'
        f'<td class="num">{_text(interval)}</td><td class="num">{_text(floor)}</td>'
        f'<td class="num">{count}</td>'
    )


def _extractor(claim: Claim) -> str:
    names = {c.number.extractor for c in claim.conditions if c.number.extractor}
    return f"Judge: {', '.join(sorted(names))}." if names else ""


def _figure(figure: Figure) -> str:
    style = ' class="wide"' if figure.wide else ""
    words = f"<figcaption>{_text(figure.caption)}</figcaption>"
    return f"<figure{style}>{_picture(figure)}{words}</figure>"


def _picture(figure: Figure) -> str:
    alt = html.escape(figure.alt, quote=True)
    if isinstance(figure.content, bytes):
        data = base64.b64encode(figure.content).decode()
        return f'<img alt="{alt}" src="data:image/png;base64,{data}">'
    svg = _unique_ids(figure.content)
    return svg.replace("<svg", f'<svg role="img" aria-label="{alt}"', 1)


def _unique_ids(svg: str) -> str:
    """Gives the ids of one chart a prefix of its own, since all charts stand in one page."""
    prefix = f"c{sha256(svg.encode())[:8]}-"
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}\1"', svg)
    svg = re.sub(r'href="#([^"]+)"', rf'href="#{prefix}\1"', svg)
    return re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}\1)", svg)


def _mark(claim: Claim) -> str:
    return f'<span class="mark {claim.verdict}">{claim.verdict}</span>'


def _repeat(report: TourReport) -> str:
    versions = ", ".join(f"{k} {v}" for k, v in report.versions.items())
    steps = ", ".join(f"{name} {format_duration(value)}" for name, value in report.steps.items())
    return (
        f"<pre>pip install latentarium\nlatentarium tour --seed {report.seed}</pre>"
        f"<p>This took {format_duration(report.seconds)} on {_text(report.machine)}: {_text(steps)}.</p>"
        f"<p>{_text(versions)}. Numbers shift a little between machines, since their arithmetic "
        "rounds differently.</p>"
        "<p>Draw more: <code>latentarium sample tour/cgan --label 7 -n 16 --out sevens.png</code>"
        "</p>"
    )


def _text(value: str) -> str:
    return html.escape(value)
