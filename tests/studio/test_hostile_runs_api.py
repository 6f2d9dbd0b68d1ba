"""Runs with damaged files are listed or refused by the studio, and never an internal error."""

import shutil
from pathlib import Path
from random import Random

import pytest
from starlette.testclient import TestClient

from latentarium import presets
from latentarium.studio.registry import ModelRegistry
from latentarium.studio.server import make_app
from latentarium.training import train
from support.hostile_json import damaged, read
from support.tiny import tiny_data
from support.tiny_studio import measured, metrics_of

ADDRESS = "http://127.0.0.1:8765"
FILES = ("config.json", "metrics.json", "duality_gap.json", "progress.json")
REQUESTS = [
    ("GET", "/api/runs"),
    ("GET", "/api/runs/r"),
    ("GET", "/api/runs/r/duality-gap"),
    ("GET", "/api/comparison?model=0"),
    ("GET", "/api/runs/r/samples/40"),
    ("GET", "/api/models"),
    ("POST", "/api/runs/r/show"),
]


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("original") / "r"
    run = train(presets.cgan_debug(), folder, tiny_data())
    run.save_metrics(metrics_of(run, {"mse": measured("Error", 0.5, 0.4, 0.6)}))
    gap = {"total": 0.5, "interval": [0.1, 0.9], "gains": [], "response_steps": 5, "seconds": 1.0}
    run.save_duality_gap({"protocol": {}, "wanted": [40], "snapshots": {"40": gap}})
    return folder


@pytest.mark.parametrize("name", FILES)
@pytest.mark.filterwarnings("ignore:The checkpoint:UserWarning")
def test_a_damaged_file_is_no_internal_error(name, original, tmp_path):
    runs, content = tmp_path / "runs", read(original / name)
    shutil.copytree(original, runs / "r")
    registry = ModelRegistry()
    app = make_app(registry, runs=runs)
    with TestClient(
        app, base_url="http://127.0.0.1:8765", raise_server_exceptions=False
    ) as client:
        client.post("/api/runs/r/show")

        random = Random(0)
        for _ in range(6):
            (runs / "r" / name).write_bytes(damaged(content, random))
            for method, path in REQUESTS:
                answer = client.request(method, path)
                assert answer.status_code < 500, (path, answer.text)
