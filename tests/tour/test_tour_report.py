"""The report: verdicts are computed, the JSON is strict, and the page is self-contained."""

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
from latentarium.tour.report import GLOSSARY, render, write_report
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
def test_claim_holds_only_if_every_condition_holds(value, second, verdict):
    claim = example_claim(value, second)
    assert claim.verdict == verdict
    assert claim.to_dict(seed=0)["verdict"] == verdict


def test_headline_is_the_first_failing_condition_or_else_the_first():
    first, second = example_claim().headline(), example_claim(second=3.0).headline()
    assert first.startswith("first: 90.00 % [80.00 %, 95.00 %]")
    assert ">= 85.00 %" in first
    assert second.startswith("second: 3 ")
    assert "< 2" in second


def test_json_is_strict_and_has_the_documented_keys():
    content = json.loads(json.dumps(example_report(example_claim()).to_dict(), allow_nan=False))
    assert {"claims", "systems", "seconds", "versions"} <= content.keys()
    claim = content["claims"][0]
    keys = {
        "id", "statement", "verdict", "value", "unit", "interval", "reference", "protocol", "n",
        "seed", "conditions", "evidence",
    }  # fmt: skip
    assert keys <= claim.keys()
    assert claim["seed"] == 3
    assert claim["evidence"][0]["value"] is None
    assert claim["interval"] == [0.8, 0.95]
    assert claim["better"] == "higher"
    assert [c["better"] for c in claim["conditions"]] == ["higher", "lower"]


def test_page_shows_the_direction_of_each_number():
    claim = example_claim()
    own = replace(claim.conditions[0].number, better="reference", conservative=True)
    first = replace(claim.conditions[0], number=own)
    page = render(example_report(replace(claim, conditions=(first, *claim.conditions[1:]))))
    assert "<td>near the reference</td>" in page
    assert "<td>lower</td>" in page
    assert "<th>better</th>" in page
    assert page.count("(conservative)") == 1


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


def test_page_is_well_formed_and_self_contained():
    other = replace(example_claim(), id="b", figures=example_claim().figures[1:])
    page = render(example_report(example_claim(), other))
    parsed = parse(page)
    assert page.startswith("<!doctype html>")
    assert parsed.open == []
    assert parsed.images_without_name == 0
    assert all(a.startswith(("#", "data:")) for a in parsed.addresses), parsed.addresses
    assert not re.search(r"url\((?!#)", page)
    assert {"a-claim", "b", "glossary"} <= set(parsed.ids)
    assert len(parsed.ids) == len(set(parsed.ids))
    assert "prefers-color-scheme:dark" in page
    assert "data-theme=dark" in page
    assert 'aria-label="a &#34;picture&#34;"' in page


def test_page_explains_its_terms():
    page = render(example_report(example_claim()))
    assert page.count("<dt>") >= len(GLOSSARY)


def test_page_warns_of_a_quick_run_only():
    assert 'class="warn"' in render(example_report(example_claim(), quick=True))
    assert 'class="warn"' not in render(example_report(example_claim()))


def test_text_is_escaped():
    claim = example_claim(title="<script>alert(1)</script>")
    figure = Figure(caption="<b>c</b>", alt='"><script>alert(2)</script>', content=b"png")
    page = render(example_report(replace(claim, figures=(figure,))))
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    assert "<b>c</b>" not in page


def test_charts_follow_the_text_colour_and_contain_no_paths():
    for svg in example_charts():
        assert charts.INK not in svg
        assert "currentColor" in svg
        assert "<text" in svg
        assert "<!DOCTYPE" not in svg


def test_report_is_written_as_json_and_html(tmp_path):
    write_report(example_report(example_claim()), tmp_path)
    content = json.loads((tmp_path / "report.json").read_text())
    assert content["systems"]["ae"]["name"] == "AE"
    assert (tmp_path / "report.html").read_text().endswith("</html>\n")
    assert len(list(tmp_path.iterdir())) == 2


def test_numbers_are_shown_with_three_or_four_digits():
    assert format_number(1346338.0) == "1,346,338"
    assert format_number(0.29912) == "0.299"
    assert format_number(25.336) == "25.34"
    assert format_number(math.inf) == "not finite"
