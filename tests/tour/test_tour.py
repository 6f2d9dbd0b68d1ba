"""The main job end to end, with tiny models: every claim is measured, the files are there."""

import json

import pytest

from latentarium import cli

IDS = {
    "ae-compresses", "latent-useful", "ae-gaps", "vae-continuous", "class-gaussian",
    "one-gaussian-fails", "own-parameters", "equilibrium", "label-control",
    "wrong-label-refused", "realism",
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("tour")
    cli.main(["tour", "--out", str(out), "--quick"])
    return out


def test_every_claim_has_its_number(folder):
    content = json.loads((folder / "report.json").read_text())
    assert {claim["id"] for claim in content["claims"]} == IDS
    for claim in content["claims"]:
        assert claim["verdict"] in ("holds", "fails")
        assert claim["value"] is not None, claim["id"]
        assert claim["protocol"]
        assert claim["conditions"]
    assert set(content["systems"]) == {"ae", "vae", "gan", "cgan"}
    by_id = {claim["id"]: claim for claim in content["claims"]}
    assert by_id["own-parameters"]["verdict"] == "holds"
    assert by_id["label-control"]["verdict"] == "fails", "an untrained CGAN can't obey"


def test_the_page_and_the_runs_are_there(folder):
    text = (folder / "report.html").read_text()
    assert len(text) < 6_000_000
    assert "its verdicts mean nothing" in " ".join(text.split())
    for name in ("ae", "vae", "gan", "cgan"):
        assert (folder / name / "weights.safetensors").exists()


def test_sevens_from_the_tours_cgan(folder, tmp_path):
    out = tmp_path / "sevens.png"
    cli.main(["sample", str(folder / "cgan"), "--label", "7", "-n", "16", "--out", str(out)])
    assert out.exists()
