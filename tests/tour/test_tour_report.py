"""The report: verdicts are computed, the JSON is strict, and the page is self-contained."""

import json
import math
import re
from dataclasses import replace

import pytest

from latentarium import charts
from latentarium.stats.measurement import format_number
from latentarium.tour.report import GLOSSARY, render, write_report
from latentarium.tour.results import Figure
from support.tour_reports import example_charts, example_claim, example_report, parse


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
    assert '<td><span lang="en">near the reference</span>' in page
    assert '<td><span lang="en">lower</span><span lang="zh-TW">越低越好</span></td>' in page
    assert '<th><span lang="en">better</span>' in page
    assert page.count("(conservative)") == 1


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
