"""The report: verdicts are computed, JSON is strict, the page stands alone."""

import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
import torch

from latentarium import charts
from latentarium.stats.measurement import Measurement, format_number
from latentarium.tour import report as page
from latentarium.tour.claim import Claim, Condition, Figure, System, TourReport

VOID = {"meta", "link", "img", "br", "input", "use", "path", "hr"}


def claim(value: float = 0.9, second: float = 1.0, title: str = "A claim") -> Claim:
    return Claim(
        id="a-claim",
        title=title,
        statement="It is so.",
        conditions=(
            Condition(
                number=Measurement(
                    name="first", value=value, unit="share", interval=(0.8, 0.95), n=10
                ),
                relation=">=",
                bar=0.85,
            ),
            Condition(number=Measurement(name="second", value=second), relation="<", bar=2),
        ),
        protocol="Counted.",
        seed=0,
        explanation="See.",
        evidence=(Measurement(name="more", value=math.nan),),
        figures=(
            Figure(caption="c", alt='a "picture"', content=pictures()[0]),
            Figure(
                caption="d", alt="pixels", content=charts.image_grid(torch.zeros(4, 1, 8, 8), 2)
            ),
        ),
    )


def pictures() -> list[str]:
    x = [0, 1, 2]
    return [
        charts.line_chart([("a", "#123456", x, x, [(0, 1), (1, 2), (2, 3)])], "x", "y"),
        charts.bar_chart(["a", "b"], [1, 2], ["#123456"] * 2, "y", band=(1, 2, "band")),
        charts.heat_map(np.eye(3), "row", "column"),
    ]


def report(*claims: Claim) -> TourReport:
    system = System(
        id="ae",
        name="AE",
        sentence="Squeezes.",
        numbers=(Measurement(name="Fréchet distance", value=3.2, unit="FD"),),
        samples=Figure(caption="s", alt="samples", content=b"png"),
    )
    return TourReport(
        claims=claims, systems=(system,), seconds=61.0, seed=0, quick=False,
        versions={"latentarium": "0"}, machine="two cores",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("value", "second", "verdict"),
    [
        (0.9, 1.0, "holds"),
        (0.85, 1.0, "holds"),
        (0.84, 1.0, "fails"),
        (0.9, 2.0, "fails"),
        (math.nan, 1.0, "fails"),
    ],
)
def test_a_verdict_follows_from_every_condition(value, second, verdict):
    found = claim(value, second)
    assert found.verdict == verdict
    assert found.to_dict()["verdict"] == verdict


def test_the_headline_is_the_condition_that_decides():
    assert claim().headline() == "first: 90.00 % [80.00 %, 95.00 %] (bar: >= 85.00 %)"
    assert claim(second=3.0).headline() == "second: 3 (bar: < 2)"


def test_json_is_strict_and_holds_what_was_promised():
    content = json.loads(json.dumps(report(claim()).to_dict(), allow_nan=False))
    assert {"claims", "systems", "seconds", "versions"} <= content.keys()
    first = content["claims"][0]
    keys = {"id", "statement", "verdict", "value", "unit", "interval", "protocol", "n", "seed"}
    assert keys <= first.keys()
    assert first["evidence"][0]["value"] is None
    assert first["interval"] == [0.8, 0.95]


class Balance(HTMLParser):
    """Checks that every tag is closed, and notes addresses and pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.nameless = 0

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.addresses += [values[k] or "" for k in ("src", "href", "xlink:href") if k in values]
        self.nameless += tag == "img" and not values.get("alt")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag


def test_the_page_is_whole_and_stands_alone():
    text = page.render(report(claim(), replace(claim(), id="b")))
    balance = Balance()
    balance.feed(text)
    assert balance.open == []
    assert balance.nameless == 0
    assert all(a.startswith(("#", "data:")) for a in balance.addresses), balance.addresses
    assert not re.search(r"url\((?!#)", text)
    assert "prefers-color-scheme:dark" in text
    assert "data-theme=dark" in text
    assert 'aria-label="a &quot;picture&quot;"' in text


def test_hostile_words_are_escaped():
    text = page.render(report(claim(title="<script>alert(1)</script>")))
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text


def test_charts_take_the_pages_ink_and_no_machine_paths():
    for svg in pictures():
        assert charts.INK not in svg
        assert "currentColor" in svg
        assert "<text" in svg
        assert "<!DOCTYPE" not in svg


def test_files_are_written_whole(tmp_path):
    page.write(report(claim()), tmp_path)
    assert json.loads((tmp_path / "report.json").read_text())["systems"]["ae"]["name"] == "AE"
    assert (tmp_path / "report.html").read_text().endswith("</html>\n")
    assert len(list(tmp_path.iterdir())) == 2


def test_digits():
    assert format_number(1346338.0) == "1,346,338"
    assert format_number(0.29912) == "0.299"
    assert format_number(25.336) == "25.34"
    assert format_number(math.inf) == "not finite"
