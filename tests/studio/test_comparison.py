"""Tables of measurements, and the queue of evaluations."""

import dataclasses
import sys
import time

import pytest
from starlette.testclient import TestClient

from latentarium import presets
from latentarium.evaluation.reasons import as_reason, reason
from latentarium.evaluation.report import Report
from latentarium.latent.latent_map import LatentMap
from latentarium.progress import ProgressLine
from latentarium.run import Run
from latentarium.studio import child_processes
from latentarium.studio.child_processes import ChildProcesses
from latentarium.studio.compare.evaluation_queue import EvaluationQueue
from latentarium.studio.compare.table import table
from latentarium.studio.loaded_model import LoadedModel
from latentarium.studio.registry import ModelRegistry
from latentarium.studio.routes.compare import report_of
from latentarium.studio.server import make_app
from latentarium.training import train
from support.errors import raises_code
from support.tiny import tiny_data
from support.tiny_studio import measured, metrics_of


def report(fingerprint="f", **measurements) -> Report:
    return Report.from_dict({
        "format": 2, "model": "m", "data": "tiny", "fingerprint": fingerprint, "seed": 0,
        "measurements": measurements, "tables": {}, "left_out": {}, "seconds": {},
    })  # fmt: skip


def row(found, key):
    return next(one for one in found["rows"] if one["key"] == key)


def best(found, key):
    return [bool(cell and cell["best"]) for cell in row(found, key)["cells"]]


def test_best_is_marked_only_if_intervals_do_not_overlap():
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
    assert best(found, "frechet") == [True, False]  # lower is better
    assert best(found, "precision") == [False, False]  # they overlap
    assert best(found, "round_trip") == [False, False]  # it depends on the scale of the latent
    assert best(found, "mse") == [False, False]  # an interval is missing
    c = report(precision=measured("P", 0.9, 0.8, 0.95))
    found = table({"a": a, "b": b, "c": c})
    assert best(found, "precision") == [False, False, True]
    assert row(found, "frechet")["cells"][2] is None


def test_a_missing_measurement_has_its_reason_and_one_that_all_lack_has_a_row():
    a = report(recall=measured("Recall", 0.1, 0.0, 0.2))
    few = reason("few-validation-images", needed=20, count=3)
    also = as_reason("also too few")
    b = dataclasses.replace(report(), left_out={"Recall": few, "Fréchet distance": also})
    found = table({"a": a, "b": b})
    recall = row(found, "recall")
    assert recall["cells"][1] is None
    assert recall["reasons"] == [
        None,
        {"code": few.code, "values": {"needed": 20, "count": 3}, "text": str(few)},
    ]
    last = found["rows"][-1]
    assert last["name"] == "Fréchet distance"
    assert last["cells"] == [None, None]
    assert last["reasons"] == [None, dataclasses.asdict(also)]


def test_different_protocols_are_marked_and_never_ranked():
    a = report(frechet=measured("F", 3, 2, 4), recall=measured("R", 0.1, 0.0, 0.2))
    b = report(frechet=measured("F", 9, 8, 10, n=50), recall=measured("R", 0.9, 0.8, 1))
    found = table({"a": a, "b": b})
    assert row(found, "frechet")["unlike"]
    assert best(found, "frechet") == [False, False]
    assert best(found, "recall") == [False, True]
    assert found["refusal"]
    other = report("g", recall=measured("R", 0.9, 0.8, 1))
    found = table({"a": a, "other": other})
    assert best(found, "recall") == [False, False]  # other images
    assert found["refusal"]


@pytest.fixture
def registry(tmp_path):
    data = tiny_data()
    found = []
    for name in ("ae_debug", "gan_debug"):
        run = train(presets.get(name), tmp_path / name, data)
        found.append(
            LoadedModel(name=name, folder=str(run.folder), kind=name,
                    latent_map=LatentMap(run.load(), data), run=run)
        )  # fmt: skip
    return ModelRegistry(found)


def test_columns_without_measurements_have_a_reason(registry):
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


def wait(measuring: EvaluationQueue) -> dict:
    end = time.monotonic() + 20
    while measuring.state()["running"] and time.monotonic() < end:
        time.sleep(0.02)
    return measuring.state()


@pytest.fixture
def measuring(tmp_path):
    return EvaluationQueue(ChildProcesses(tmp_path / "processes"))


def instead(monkeypatch, lines):
    """Run other Python code in place of the command line."""
    monkeypatch.setattr(
        child_processes, "latentarium_command", lambda *_: [sys.executable, "-c", lines]
    )


def test_runs_are_evaluated_one_at_a_time_with_progress(measuring, tmp_path, monkeypatch):
    stop = tmp_path / "stop"
    instead(
        monkeypatch,
        "import sys, time, pathlib\n"
        f"print({ProgressLine(2, 7, 'labels', 12.0).to_json()!r}, file=sys.stderr, flush=True)\n"
        f"while not pathlib.Path({str(stop)!r}).exists(): time.sleep(0.01)",
    )
    assert measuring.state()["model"] is None
    assert not measuring.state()["running"]
    measuring.add(1, tmp_path)
    for model in (0, 2, 0, 1):
        measuring.add(model, tmp_path)
    end = time.monotonic() + 20
    while not measuring.state()["of"] and time.monotonic() < end:
        time.sleep(0.02)
    found = measuring.state()
    assert (found["model"], found["done"], found["of"], found["part"]) == (1, 2, 7, "labels")
    assert found["usual"] > 20  # as for the models that ship with the package
    assert 0 < found["left"] <= found["usual"] - found["seconds"] + 1
    assert (found["waiting"], found["finished"]) == ([0, 2], 0)
    measuring.max_queued = 3
    with raises_code("queue-full"):
        measuring.add(3, tmp_path)
    stop.touch()
    found = wait(measuring)  # the queue continues without requests
    assert (found["model"], found["finished"], found["failures"]) == (2, 3, {})


def test_the_usual_time_is_that_of_the_evaluation_before(measuring, tmp_path, monkeypatch):
    line = ProgressLine(2, 7, "labels", 12.0).to_json()
    code = f"import sys, time\nprint({line!r}, file=sys.stderr, flush=True)\ntime.sleep(0.5)"
    instead(monkeypatch, code)
    measuring.add(0, tmp_path)
    assert 0.5 <= wait(measuring)["usual"] < 20  # of the other run
    run = Run.start(tmp_path / "r", presets.vae_debug(), tiny_data().card)
    run.save_metrics({"format": 2, "seconds": {"samples": 0.25, "game": 0.125}})
    measuring.add(0, run.folder)
    end = time.monotonic() + 20
    while measuring.state()["left"] != 12.0 and time.monotonic() < end:
        time.sleep(0.01)  # after the usual time, it is the command's own estimate
    found = measuring.state()
    assert (found["usual"], found["left"]) == (0.375, 12.0)
    wait(measuring)


def test_waiting_runs_can_be_removed(measuring, tmp_path, monkeypatch):
    stop = tmp_path / "stop"
    instead(
        monkeypatch,
        f"import time, pathlib\nwhile not pathlib.Path({str(stop)!r}).exists(): time.sleep(0.01)",
    )
    for model in range(3):
        measuring.add(model, tmp_path)
    measuring.clear()
    assert measuring.state()["waiting"] == []
    stop.touch()
    assert wait(measuring)["finished"] == 1


def test_running_evaluation_names_its_part_and_can_be_stopped(measuring, tmp_path, monkeypatch):
    instead(
        monkeypatch,
        "import sys, time\n"
        f"print({ProgressLine(2, 7, 'gan', 12.0).to_json()!r}, file=sys.stderr, flush=True)\n"
        "time.sleep(60)",
    )
    for model in range(3):
        measuring.add(model, tmp_path)
    end = time.monotonic() + 20
    while not measuring.state()["part"] and time.monotonic() < end:
        time.sleep(0.02)
    assert measuring.state()["part"] == "gan"
    with raises_code("busy"):
        measuring.require_idle(tmp_path)  # its folder must not be deleted
    started = time.monotonic()
    measuring.stop()
    found = wait(measuring)
    assert time.monotonic() - started < 20  # far less than the evaluation takes
    assert (found["running"], found["waiting"], found["failures"]) == (False, [], {})
    measuring.require_idle(tmp_path)


def test_failed_evaluation_has_a_reason_and_the_others_continue(measuring, tmp_path, monkeypatch):
    measuring.add(0, tmp_path / "nowhere")
    assert wait(measuring)["failures"][0]
    instead(monkeypatch, "raise SystemExit(3)")
    measuring.add(0, tmp_path)
    measuring.add(1, tmp_path)
    assert [*wait(measuring)["failures"]] == [0, 1]  # the others are evaluated all the same
    assert "3" in measuring.state()["failures"][1]["text"]
    measuring.processes.folder = tmp_path / "d.txt"
    measuring.processes.folder.touch()  # a file, not a folder
    measuring.add(0, tmp_path)
    assert wait(measuring)["failures"][0]


def test_evaluations_run_the_command_line(measuring, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        child_processes,
        "latentarium_command",
        lambda *words: asked.append(words) or [sys.executable, "-c", "pass"],
    )
    measuring.add(0, tmp_path, "photos/")
    wait(measuring)
    measuring.add(0, tmp_path)
    wait(measuring)
    words = ("evaluate", str(tmp_path))
    assert asked == [(*words, "--data", "photos/"), words]


def test_shipped_models_are_not_evaluated(registry):
    one = registry[0]
    shipped = LoadedModel(
        name="ae", folder="shipped:ae", kind=one.kind, latent_map=one.latent_map, run=one.run
    )  # fmt: skip
    with TestClient(
        make_app(ModelRegistry([shipped])), base_url="http://127.0.0.1:8765"
    ) as client:
        answer = client.post("/api/models/0/measuring")
        assert answer.status_code == 422
        assert answer.text
        assert client.get("/api/measuring").json()["running"] is False
