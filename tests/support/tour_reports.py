"""Example reports of a tour, and a parser that checks its page."""

import math
from html.parser import HTMLParser

import numpy as np
import torch

from latentarium import charts
from latentarium.stats.measurement import Measurement
from latentarium.tour.results import ClaimResult, Condition, Figure, SystemSummary, TourReport

VOID_TAGS = {"meta", "link", "img", "br", "input", "use", "path", "hr"}


def example_claim(value: float = 0.9, second: float = 1.0, title: str = "A claim") -> ClaimResult:
    return ClaimResult(
        id="a-claim",
        title=title,
        statement="A statement.",
        conditions=(
            Condition(
                number=Measurement(
                    name="first", value=value, unit="share", interval=(0.8, 0.95), n=10
                ),
                relation=">=",
                threshold=0.85,
            ),
            Condition(number=Measurement(name="second", value=second), relation="<", threshold=2),
        ),
        protocol="Counted.",
        explanation="An explanation.",
        evidence=(Measurement(name="more", value=math.nan),),
        figures=(
            Figure(caption="c", alt='a "picture"', content=example_charts()[0]),
            Figure(
                caption="d", alt="pixels", content=charts.image_grid(torch.zeros(4, 1, 8, 8), 2)
            ),
        ),
    )


def example_charts() -> list[str]:
    x = [0, 1, 2]
    return [
        charts.line_chart([("a", "#123456", x, x, [(0, 1), (1, 2), (2, 3)])], "x", "y"),
        charts.bar_chart(["a", "b"], [1, 2], ["#123456"] * 2, "y", band=(1, 2, "band")),
        charts.heat_map(np.eye(3), "row", "column"),
    ]


def example_report(*claims: ClaimResult, quick: bool = False) -> TourReport:
    system = SystemSummary(
        id="ae",
        name="AE",
        description="Compresses.",
        numbers=(Measurement(name="Fréchet distance", value=3.2, unit="FD"),),
        samples=Figure(caption="s", alt="samples", content=b"png"),
    )
    return TourReport(
        claims=claims, systems=(system,), seconds=61.0, seed=3, quick=quick,
        versions={"latentarium": "0"}, machine="two cores", part_seconds={"ae": 1.0},
    )  # fmt: skip


class PageParser(HTMLParser):
    """Checks that every tag is closed; collects addresses, ids, and images without a name."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.ids: list[str] = []
        self.images_without_name = 0

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.addresses += [values[k] or "" for k in ("src", "href", "xlink:href") if k in values]
        self.ids += [values["id"] or ""] if "id" in values else []
        self.images_without_name += tag == "img" and not values.get("alt")
        if tag not in VOID_TAGS:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID_TAGS:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in VOID_TAGS:
            assert self.open.pop() == tag


def parse(page: str) -> PageParser:
    parser = PageParser()
    parser.feed(page)
    return parser
