"""The studio shows runs whose folders have names that are not UTF-8."""

import json
import os

import pytest
from fastapi.testclient import TestClient

from latentarium.studio.registry import load_registry
from latentarium.studio.security import error_response
from latentarium.studio.server import make_app
from latentarium.studio.training.listing import process_name
from support.command_line import run_command

NAME = "r\udcff"


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
def test_pages_name_a_run_whose_name_is_not_utf_8(tmp_path, npz):
    source = npz.rename(tmp_path / "d\udcff.npz")
    for run in (NAME, "s"):
        run_command("train", "vae_debug", "--data", source, "--run", tmp_path / "runs" / run)
    registry = load_registry((tmp_path / "runs" / NAME,), str(source))
    app = make_app(registry, runs=tmp_path / "runs")
    with TestClient(app, base_url="http://127.0.0.1") as client:
        for path in ("/api/models", "/api/runs"):
            response = client.get(path)
            assert response.status_code == 200, path
        assert "r?" in client.get("/api/models").text
    assert process_name(tmp_path / NAME) != process_name(tmp_path / "r\udcfe")


def test_an_error_that_names_a_file_is_sent():
    body = error_response(f"{NAME} is missing.", 404, "x").body
    assert json.loads(bytes(body))["error"] == "r? is missing."
