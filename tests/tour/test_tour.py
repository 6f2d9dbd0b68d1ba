"""A whole tour with tiny models: every claim is measured and the report is written."""

import html
import itertools
import json
import re

import pytest

from latentarium import cli, presets
from latentarium.registry import registered
from latentarium.tour.claim import Claim
from latentarium.tour.measuring import all_claims, finished_share, grouped
from latentarium.tour.systems import SYSTEMS, TRAINED

IDS = [
    "ae-compresses", "latent-useful", "ae-gaps", "vae-continuous", "class-gaussian",
    "one-gaussian-fails", "own-parameters", "equilibrium", "label-control",
    "wrong-label-refused", "realism",
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("tour")
    cli.main(["tour", "--out", str(out), "--quick"])
    return out


def test_built_in_claims_are_registered_in_the_order_of_the_report():
    assert [name for name in all_claims() if name in IDS] == IDS


def test_the_share_of_the_measuring_time_grows_with_each_claim():
    shares = [finished_share(IDS[:n]) for n in range(len(IDS) + 1)]
    assert shares[0] == 0
    assert all(a < b for a, b in itertools.pairwise(shares))
    assert shares[-1] < 1  # the pages and the summary remain
    assert finished_share(["equilibrium"]) > 1 / len(IDS)


def test_claims_that_share_results_are_measured_by_one_process():
    groups = grouped(all_claims())
    assert ("ae-gaps", "vae-continuous", "realism") in groups
    assert sorted(name for group in groups for name in group) == sorted(all_claims())
    seconds = [sum(all_claims()[name].seconds for name in group) for group in groups]
    assert seconds == sorted(seconds, reverse=True)


def test_claims_need_known_systems():
    for name in IDS:
        claim = registered("claim")[name].component
        assert issubclass(claim, Claim)
        assert set(claim.systems) <= set(TRAINED)
    assert set(SYSTEMS) <= set(TRAINED)
    for preset in TRAINED.values():
        assert presets.get(preset).train.steps > 0


def test_every_claim_is_measured(folder):
    content = json.loads((folder / "report.json").read_text())
    assert [claim["id"] for claim in content["claims"]] == IDS
    for claim in content["claims"]:
        assert claim["verdict"] in ("holds", "fails")
        assert claim["value"] is not None, claim["id"]
        assert claim["protocol"]
        assert claim["conditions"]
    assert set(content["systems"]) == {"ae", "vae", "gan", "cgan"}
    by_id = {claim["id"]: claim for claim in content["claims"]}
    assert by_id["own-parameters"]["verdict"] == "holds"
    assert by_id["label-control"]["verdict"] == "fails", "an untrained CGAN ignores its label"


def test_report_warns_of_a_quick_tour_and_has_all_claims(folder):
    page = (folder / "report.html").read_text()
    assert len(page) < 6_000_000
    assert json.loads((folder / "report.json").read_text())["quick"]
    assert 'class="warn"' in page
    for name in IDS:
        assert f'<section class="claim" id="{name}"' in page


def test_two_systems_have_a_page_that_the_report_links_to(folder):
    systems = json.loads((folder / "report.json").read_text())["systems"]
    pages = {name: system["page"] for name, system in systems.items()}
    assert pages == {"ae": None, "vae": "vae.html", "gan": None, "cgan": "cgan.html"}
    report = (folder / "report.html").read_text()
    for name in ("vae.html", "cgan.html"):
        assert f'href="{name}"' in report
        assert 'id="model">{"version"' in (folder / name).read_text()


def test_runs_of_the_tour_are_ready_for_use(folder, tmp_path):
    for name in SYSTEMS:
        assert (folder / name / "weights.safetensors").exists()
    for name in set(TRAINED) - set(SYSTEMS):
        assert (folder / "more" / name / "weights.safetensors").exists()
    out = tmp_path / "sevens.png"
    cli.main(["sample", str(folder / "cgan"), "--label", "7", "-n", "16", "--out", str(out)])
    assert out.exists()


def test_every_text_of_the_report_is_in_both_languages(folder):
    page = (folder / "report.html").read_text()
    page = re.sub(r"<(title|style|script|pre|code)\b.*?</\1>", "", page, flags=re.DOTALL)
    page = re.sub(r'<(span|text) lang="(en|zh-TW)".*?</\1>', "", page, flags=re.DOTALL)
    texts = [html.unescape(text) for text in re.findall(r">([^<>]+)<", page)]
    sentences = [text for text in texts if re.search(r"[A-Za-z]{3,} [a-z]{2,}", text)]
    assert [text for text in sentences if "x86_64" not in text] == []


def test_every_picture_of_the_report_is_described_in_both_languages(folder):
    page = (folder / "report.html").read_text()
    labels = re.findall(r'(?:alt|aria-label)="([^"]*)" data-(?:alt|aria-label)="([^"]*)"', page)
    assert len(labels) > 30
    assert [english for english, chinese in labels if english == chinese] == []
