"""Measurements side by side: what is ranked, what is refused, and how runs are measured."""

import sys
import time

import pytest
from starlette.testclient import TestClient

from conftest import tiny_data
from latentarium import presets
from latentarium.errors import UserError
from latentarium.evaluation.report import Report
from latentarium.latent.latent_map import Atlas
from latentarium.progress import ProgressLine
from latentarium.studio import child_processes
from latentarium.studio.child_processes import ChildProcesses
from latentarium.studio.compare.measuring import Measuring
from latentarium.studio.compare.table import table
from latentarium.studio.registry import LoadedModel, ModelRegistry
from latentarium.studio.routes.compare import report_of
from latentarium.studio.server import make_app
from latentarium.training.train import train
from support.drawing import measured, metrics_of


def report(fingerprint="f", **measurements) -> Report:
    return Report.from_dict({
        "format": 2, "model": "m", "data": "tiny", "fingerprint": fingerprint, "seed": 0,
        "measurements": measurements, "tables": {}, "left_out": {}, "seconds": {},
    })  # fmt: skip


def row(found, key):
    return next(one for one in found["rows"] if one["key"] == key)


def best(found, key):
    return [bool(cell and cell["best"]) for cell in row(found, key)["cells"]]


def test_the_best_is_marked_only_where_intervals_do_not_meet():
    a = report(
        frechet=measured("F", 3, 2, 4), precision=measured("P", 0.6, 0.5, 0.7),
        round_trip=measured("R", 1, 0.9, 1.1), mse=measured("E", 1, 0.9, 1.1, interval=None),
    )  # fmt: skip
    b = report(
        frechet=measured("F", 5, 4.5, 6), precision=measured("P", 0.65, 0.6, 0.7),
        round_trip=measured("R", 9, 8, 10), mse=measured("E", 9, 8, 10),
    )  # fmt: skip
    found = table({"a": a, "b": b})
    assert found["refusal"] == ""
    assert best(found, "frechet") == [True, False]  # less is better
    assert best(found, "precision") == [False, False]  # they meet
    assert best(found, "round_trip") == [False, False]  # its scale is the latent's own
    assert best(found, "mse") == [False, False]  # an interval is missing
    c = report(precision=measured("P", 0.9, 0.8, 0.95))
    found = table({"a": a, "b": b, "c": c})
    assert best(found, "precision") == [False, False, True]
    assert row(found, "frechet")["cells"][2] is None


def test_unlike_protocols_are_said_and_never_ranked():
    a = report(frechet=measured("F", 3, 2, 4), recall=measured("R", 0.1, 0.0, 0.2))
    b = report(frechet=measured("F", 9, 8, 10, n=50), recall=measured("R", 0.9, 0.8, 1))
    found = table({"a": a, "b": b})
    assert "n 100 against 50" in row(found, "frechet")["unlike"]
    assert best(found, "frechet") == [False, False]
    assert best(found, "recall") == [False, True]
    assert "can't be compared" in found["refusal"]
    other = report("g", recall=measured("R", 0.9, 0.8, 1))
    found = table({"a": a, "other": other})
    assert best(found, "recall") == [False, False]  # beside other images
    assert "Evaluate both with the same --data" in found["refusal"]


@pytest.fixture
def registry(tmp_path):
    data = tiny_data()
    found = []
    for name in ("ae_debug", "gan_debug"):
        run = train(presets.get(name), tmp_path / name, data)
        found.append(
            LoadedModel(name=name, folder=str(run.folder), kind=name,
                    atlas=Atlas(run.load(), data), run=run)
        )  # fmt: skip
    return ModelRegistry(found)


def test_columns_say_why_they_have_no_numbers(registry):
    with TestClient(make_app(registry), base_url="http://127.0.0.1:8765") as client:
        first, second = (one.run for one in registry)
        first.save_metrics(metrics_of(first, {"mse": measured("E", 1, 0.9, 1.1)}))
        found = client.get("/api/comparison?model=0&model=1&model=0").json()
        assert found["measured"] == [0]
        assert [one["reason"] for one in found["columns"]] == ["", "unmeasured"]
        assert found["columns"][1]["can_be_measured"]
        assert len(row(found, "mse")["cells"]) == 1
        second.save_metrics(metrics_of(second, {}) | {"weights": "others"})
        assert report_of(registry[1])[1] == "trained on since"
        second.save_metrics({"weights": second.weights_hash(), "format": 1})
        assert "format 1" in report_of(registry[1])[1]
        (second.folder / "metrics.json").write_text("{torn")
        assert "can't be read" in report_of(registry[1])[1]
        for bad in ("", "?model=7", "?model=0" * 1 + "&model=1" * 9, "?model=x"):
            assert client.get(f"/api/comparison{bad}").status_code in (404, 422)


def wait(measuring: Measuring) -> dict:
    end = time.monotonic() + 20
    while measuring.state()["running"] and time.monotonic() < end:
        time.sleep(0.02)
    return measuring.state()


@pytest.fixture
def measuring(tmp_path):
    return Measuring(ChildProcesses(tmp_path / "processes"))


def instead(monkeypatch, lines):
    """Other Python runs in place of the command line."""
    monkeypatch.setattr(child_processes, "latentarium_command", lambda *_: [sys.executable, "-c", lines])


def test_one_run_is_measured_at_a_time_with_progress(measuring, tmp_path, monkeypatch):
    stop = tmp_path / "stop"
    instead(
        monkeypatch,
        "import sys, time, pathlib\n"
        f"print({ProgressLine(2, 7, 'labels', 12.0).to_json()!r}, file=sys.stderr, flush=True)\n"
        f"while not pathlib.Path({str(stop)!r}).exists(): time.sleep(0.01)",
    )
    assert measuring.state()["model"] is None
    assert not measuring.state()["running"]
    measuring.start(1, tmp_path)
    for model in (0, 2, 0, 1):
        measuring.start(model, tmp_path)
    end = time.monotonic() + 20
    while not measuring.state()["of"] and time.monotonic() < end:
        time.sleep(0.02)
    found = measuring.state()
    assert (found["model"], found["done"], found["of"], found["left"]) == (1, 2, 7, "12 s")
    assert (found["waiting"], found["finished"]) == ([0, 2], 0)
    monkeypatch.setattr("latentarium.studio.compare.measuring.MOST", 3)
    with pytest.raises(UserError, match="wait to be measured"):
        measuring.start(3, tmp_path)
    stop.touch()
    found = wait(measuring)  # nobody asks for the next one
    assert (found["model"], found["finished"], found["troubles"]) == (2, 3, {})


def test_what_waits_can_be_left(measuring, tmp_path, monkeypatch):
    stop = tmp_path / "stop"
    instead(
        monkeypatch,
        f"import time, pathlib\nwhile not pathlib.Path({str(stop)!r}).exists(): time.sleep(0.01)",
    )
    for model in range(3):
        measuring.start(model, tmp_path)
    measuring.leave()
    assert measuring.state()["waiting"] == []
    stop.touch()
    assert wait(measuring)["finished"] == 1


def test_a_measurement_that_fails_says_why(measuring, tmp_path, monkeypatch):
    measuring.start(0, tmp_path / "nowhere")
    assert "is not a run folder" in wait(measuring)["troubles"][0]
    instead(monkeypatch, "raise SystemExit(3)")
    measuring.start(0, tmp_path)
    measuring.start(1, tmp_path)
    assert [*wait(measuring)["troubles"]] == [0, 1]  # the others are measured all the same
    assert "ended: 3" in measuring.state()["troubles"][1]
    measuring.processes.folder = tmp_path / "d.txt"
    measuring.processes.folder.touch()  # no folder
    measuring.start(0, tmp_path)
    assert "Can't write" in wait(measuring)["troubles"][0]


def test_what_measures_is_the_command_line(measuring, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        child_processes, "latentarium_command", lambda *words: asked.append(words) or [sys.executable, "-c", "pass"]
    )
    measuring.start(0, tmp_path, "photos/")
    wait(measuring)
    measuring.start(0, tmp_path)
    wait(measuring)
    words = ("evaluate", str(tmp_path))
    assert asked == [(*words, "--data", "photos/"), words]


def test_models_of_the_package_are_not_measured_into(registry):
    one = registry[0]
    shipped = LoadedModel(
        name="ae", folder="shipped:ae", kind=one.kind, atlas=one.atlas, run=one.run
    )  # fmt: skip
    with TestClient(make_app(ModelRegistry([shipped])), base_url="http://127.0.0.1:8765") as client:
        answer = client.post("/api/models/0/measuring")
        assert answer.status_code == 422
        assert "can't be measured here" in answer.text
        assert client.get("/api/measuring").json()["running"] is False
