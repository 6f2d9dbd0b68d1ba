"""Trainings, their states, events and child processes, without a server."""

import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace

import pytest
import torch

import latentarium as la
from latentarium import presets
from latentarium.progress import ProgressLine
from latentarium.run import Run
from latentarium.studio.child_processes import latentarium_command, run_child
from latentarium.studio.errors import NotFoundError
from latentarium.studio.process_ids import is_latentarium
from latentarium.studio.registry import ModelRegistry
from latentarium.studio.training.checkups import Checkups
from latentarium.studio.training.jobs import TrainingJobs
from latentarium.studio.training.listing import process_name
from latentarium.studio.training.request import TrainingRequest, train_arguments
from latentarium.studio.training.run_events import LogTail, RunFollower
from latentarium.studio.training.status import last_rows, progress_of, state_of
from latentarium.studio.training.uploads import Uploads
from support.errors import raises_code
from support.tiny import tiny_data


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    return la.train(presets.gan_debug(), tmp_path_factory.mktemp("done") / "gan", tiny_data())


@pytest.fixture
def trainings(tmp_path):
    return TrainingJobs(tmp_path / "runs", ModelRegistry(), Uploads(tmp_path / "runs" / "uploads"))


def started_run(folder, rows=0):
    """Return a run with some rows in its log, without training."""
    run = Run.start(folder, presets.vae_debug(), tiny_data().card)
    for i in range(1, rows + 1):
        run.append_log({"step": 10 * i, "seconds": 2.0 * i, "autoencoder": {"total": 1.0}})
    return run


def training_request(**changes):
    defaults = {"preset": "vae_debug", "data": "mnist", "name": "a", "steps": None, "seed": 0}
    return TrainingRequest(**{**defaults, **changes})


def test_state_depends_on_the_folder_and_the_process(done, tmp_path):
    run = started_run(tmp_path / "r", rows=2)

    def state(run, running=False, failure=""):
        return state_of(run, running=running, failure=failure)

    assert state(run) == "paused"
    assert state(run, running=True) == "waiting"
    assert state(run, failure="No data.") == "failed"
    with run.lock():
        assert state(run, running=True) == state(run) == "training"
    # the process takes a moment to end after a pause and after the last step
    assert state_of(run, running=True, failure="", ending=True) == "paused"
    assert state(done, running=True) == "done"
    assert state(done) == state(done, failure="of an earlier process") == "done"


def test_runs_and_uploads_are_listed_in_the_order_of_their_numbers(trainings):
    names = ["run 2", "run 9", "run 010", "run 10", "x"]
    for name in reversed(names):
        started_run(trainings.folder / name)
    assert list(trainings.folders()) == names
    uploads = trainings.uploads
    uploads.folder.mkdir()
    for name in ("p10", "p9", "q"):
        (uploads.folder / name).mkdir()
        (uploads.folder / f".{name}.json").write_text('{"notes": ["of an older version"]}')
    reports = uploads.reports()
    assert [report["name"] for report in reports] == ["p9", "p10", "q"]
    assert reports[0]["notes"] == [
        {"text": "of an older version", "template": "of an older version", "values": {}}
    ]


def test_time_left_is_estimated_from_the_last_log_rows(tmp_path):
    run = started_run(tmp_path / "r", rows=3)
    progress = progress_of(run, "training")
    assert (progress["step"], progress["steps"]) == (30, 40)
    assert progress["seconds_left"] == pytest.approx(2.0)
    assert progress_of(run, "paused")["seconds_left"] is None
    run.append_log({"step": 25, "seconds": 5.0, "autoencoder": {}})  # resumed at an earlier step
    assert [row["step"] for row in last_rows(run.log_path)] == [25]


def test_progress_is_known_before_the_first_log_row_and_after_a_pause(tmp_path):
    run = started_run(tmp_path / "r")
    assert progress_of(run, "training") == {
        "step": 0, "steps": 40, "seconds": 0.0, "seconds_left": None
    }  # fmt: skip
    run.save_progress(4, 8.0)
    assert progress_of(run, "training")["seconds_left"] == pytest.approx(72.0)
    assert progress_of(run, "paused")["seconds"] == 8.0
    (run.folder / "progress.json").write_text('{"step": 4')  # truncated
    assert progress_of(run, "training")["step"] == 0


def test_run_names_contain_no_path(done, trainings, tmp_path):
    started_run(trainings.folder / "gan")
    (trainings.folder / "other").mkdir()
    (trainings.folder / "broken").mkdir()
    (trainings.folder / "broken" / "config.json").write_text("{")
    elsewhere = tmp_path / "elsewhere" / "gan"
    elsewhere.parent.mkdir()
    elsewhere.symlink_to(done.folder)
    assert list(trainings.folders()) == ["broken", "gan"]
    assert [info["id"] for info in trainings.infos()] == ["broken", "gan"]
    for name in ("other", "..", "", "gan/../gan", "x" * 900):
        with pytest.raises(NotFoundError):
            trainings.info(name)


def test_unreadable_run_is_listed_with_the_reason(trainings):
    folder = trainings.folder / "broken"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{")
    (info,) = trainings.infos()
    assert (info["name"], info["state"], info["steps"]) == ("broken", "failed", 0)
    assert "config.json" in info["failure"]


def test_settings_of_a_request_become_options(trainings):
    assert train_arguments(training_request(), trainings.uploads) == [
        "train", "vae_debug", "--data", "mnist", "--train.seed", "0"
    ]  # fmt: skip
    request = training_request(steps=5, image_size=32, batch_size=8)
    assert train_arguments(request, trainings.uploads)[6:] == [
        "--train.steps", "5", "--train.batch-size", "8", "--image-size", "32"
    ]  # fmt: skip


def test_invalid_training_requests_are_refused(trainings):
    for name in ("", " ", "..", ".a", " a", "a.", "a/b", "a\\b", "a\n", "\ud800", "\u202eb", "NUL",
                 "a" * 201, "數" * 67):  # fmt: skip
        with raises_code("invalid-name"):
            trainings.start(training_request(name=name))
    with raises_code("unknown-data"):
        trainings.start(training_request(data="/etc"))
    with raises_code("unknown-upload"):
        trainings.start(training_request(data="upload:../mnist"))
    with raises_code("unknown-preset"):
        trainings.start(training_request(preset="vae_debugg"))
    for name in ("數字 7", "a b", "-a", "ä", "'quoted' $HOME", "數" * 66):
        trainings.require_free_name(name)
    started_run(trainings.folder / "a")
    started_run(trainings.folder / "a-2")
    with raises_code("name-taken") as error:
        trainings.start(training_request())
    assert "a-3" in str(error.value)  # the proposed name
    assert not (trainings.folder / ".studio").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_unwritable_folder_is_refused(trainings):
    trainings.folder.mkdir(mode=0o500)
    with raises_code("cannot-write"):
        trainings.start(training_request())


def test_impossible_actions_are_refused(trainings):
    started_run(trainings.folder / "a")
    with raises_code("not-training"):
        trainings.pause("a")
    with raises_code("no-checkpoint"):
        trainings.stop("a")
    run = Run(trainings.folder / "a")
    with run.lock():
        # the lock belongs to this process, which is not a training
        with raises_code("foreign-process"):
            trainings.pause("a")
        with raises_code("not-resumable"):
            trainings.resume("a")
        with raises_code("still-training"):
            trainings.delete("a")
    assert run.folder.is_dir()
    assert not is_latentarium(os.getpid())
    assert not is_latentarium(2**22 + 5)


def test_failure_of_a_process_is_read_from_its_output(trainings):
    folder = trainings.folder / "a"
    started_run(folder)
    key = process_name(folder)
    place = trainings.processes.folder
    place.mkdir(parents=True)
    (place / f"{key}.json").write_text(
        json.dumps({"folder": str(folder), "arguments": ["train", "vae_debug"], "pid": 2**22 + 5})
    )
    log = place / f"{key}.log"
    failure = json.dumps({"error": "The disk is full: free some space.", "code": "cannot-write"})
    log.write_text(f"{ProgressLine(1, 2).to_json()}\n{failure}\n")
    info = trainings.info("a")
    assert (info["state"], info["failure"]) == ("failed", "The disk is full: free some space.")
    log.write_text("latentarium: a warning\n\nStopped. The same command resumes.\n")
    assert (trainings.info("a")["state"], trainings.info("a")["failure"]) == ("paused", "")
    log.write_text("Traceback (most recent call last):\n  ...\nMemoryError\n")
    assert "MemoryError" in trainings.info("a")["failure"]
    (folder / "config.json").unlink()  # it failed before it created the folder
    assert (trainings.info("a")["state"], trainings.info("a")["preset"]) == ("failed", "vae_debug")
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    log.write_text(f"{ProgressLine(2, 2).to_json()}\n")  # a finished run was deleted
    assert trainings.infos() == []
    log.write_text(f"{failure}\n")
    trainings.delete("a")
    assert trainings.infos() == []
    assert trainings.trash.list() == []  # there was no folder to keep
    assert list(place.iterdir()) == []


def test_run_with_weights_is_shown_once(trainings, tmp_path, npz):
    config = presets.vae_debug()
    config = replace(config, train=replace(config.train, data=str(npz)))
    la.train(config, trainings.folder / "a")
    assert trainings.info("a")["model"] is None
    assert trainings.show("a") == trainings.show("a") == 0
    assert trainings.info("a")["model"] == 0
    assert list(trainings.folders()) == ["a"]
    started_run(trainings.folder / "b")
    with raises_code("no-weights"):
        trainings.show("b")


def test_unfinished_run_is_shown_as_its_newest_snapshot(trainings, npz):
    config = presets.vae_debug()
    config = replace(config, train=replace(config.train, data=str(npz)))
    run = la.train(config, trainings.folder / "a")
    weights = (run.folder / "weights.safetensors").rename(run.folder.parent / "later")
    loaded = trainings.registry[trainings.show("a")]
    newest = run.snapshots()[-1]
    assert loaded.step == newest
    namespace = {"la": la}
    exec(f"model = {loaded.model_code()}", namespace)
    for name, tensor in run.load(newest).state_dict().items():
        assert torch.equal(tensor, loaded.latent_map.model.state_dict()[name])
        assert torch.equal(tensor, namespace["model"].state_dict()[name])
    weights.rename(run.folder / "weights.safetensors")
    loaded = trainings.registry[trainings.show("a")]
    assert loaded.step is None
    assert loaded.model_code() == f'la.load("{run.folder}")'


# ------------------------------------------------------------------------------------- events


def test_log_tail_waits_for_complete_lines_and_restarts_with_another_file(tmp_path):
    path = tmp_path / "log"
    tail = LogTail(path)
    assert tail.read() == (False, [])
    path.write_bytes(b"one\ntw")
    assert tail.read() == (False, [b"one"])
    assert tail.read() == (False, [])
    with path.open("ab") as file:
        file.write(b"o\nthree\n")
    assert tail.read() == (False, [b"two", b"three"])
    path.write_bytes(b"new\n")  # truncated
    assert tail.read() == (True, [b"new"])
    other = tmp_path / "other"
    other.write_bytes(b"longer than before\nand more\n")
    other.replace(path)
    assert tail.read() == (True, [b"longer than before", b"and more"])
    path.unlink()
    assert tail.read() == (True, [])


def parse_events(events):
    parsed = []
    for text in b"".join(events).decode().strip().split("\n\n") if events else []:
        fields = dict(line.split(": ", 1) for line in text.split("\n"))
        parsed.append((fields["event"], json.loads(fields["data"]), fields.get("id")))
    return parsed


def test_follower_reports_changes_and_continues_where_a_client_stopped(done):
    def new_follower(lines_seen=0):
        return RunFollower(lambda: {"state": "done"}, done.log_path, lambda: done, lines_seen)

    follower = new_follower()
    events = parse_events(follower.poll())
    assert [name for name, *_ in events] == ["rows", "state", "doctor"]
    assert [row["step"] for row in events[0][1]] == [10, 20, 30, 40]
    assert events[0][2] == "4"
    assert follower.poll() == []
    assert [row["step"] for row in parse_events(new_follower(3).poll())[0][1]] == [40]
    assert [name for name, *_ in parse_events(new_follower(4).poll())] == ["state", "doctor"]
    steps = iter([1, 1, 2])
    moving = RunFollower(lambda: {"step": next(steps)}, done.log_path, lambda: done, 4)
    moving.poll()
    assert moving.poll() == []
    assert parse_events(moving.poll()) == [("state", {"step": 2}, None)]  # without a new log row
    # the client has more lines than the log: another run has taken the name
    name, _, number = parse_events(new_follower(9).poll())[0]
    assert (name, number) == ("restart", "0")
    assert [row["step"] for row in parse_events(new_follower(9).poll())[1][1]] == [10, 20, 30, 40]


def test_follower_diagnoses_all_rows(tmp_path):
    config = presets.gan_debug()
    run = Run.start(tmp_path / "r", config, tiny_data().card)
    follower = RunFollower(lambda: {}, run.log_path, lambda: run)
    name, content, number = parse_events(follower.poll())[-1]
    assert (name, content["issues"], number) == ("doctor", [], None)
    assert content["status"]["name"] == "not trained yet"
    for step in range(10, 60, 10):
        winning = {"total": 0.01, "adversarial": 0.001, "pair_accuracy": 1.0}
        run.append_log({"step": step, "discriminator": winning, "generator": {"total": 9.0}})
    content = parse_events(follower.poll())[-1][1]
    assert content["status"]["name"] == "issues found"
    (finding,) = content["issues"]
    assert finding["issue"] == "discriminator has won"
    assert "--model.r1" in finding["fix"]
    with run.log_path.open("a") as file:
        file.write('{"step": 60, "torn')
    assert follower.poll() == []


def python(code):
    """Return a maker of command lines that runs Python code instead of latentarium."""
    return lambda *_: [sys.executable, "-c", f"import sys, time\n{code}"]


def collect(work):
    """Yield all items of a generator, then its return value."""
    yield (yield from work)


def test_an_abandoned_command_is_ended_and_its_folder_deleted(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    work = run_child("doctor", "r", timeout=60.0, command=python("time.sleep(60)"))
    next(work)
    assert len(list(tmp_path.iterdir())) == 1
    cycle = [work]
    cycle.append(cycle)  # pyright: ignore[reportArgumentType]  found by garbage collection alone
    del work, cycle
    gc.collect()  # a warning would fail the test
    assert list(tmp_path.iterdir()) == []


def test_child_reports_progress_and_its_output_is_returned():
    line = ProgressLine(2, 6, "memorization", 65.0, "r")
    code = f"print({line.to_json()!r}, file=sys.stderr, flush=True); time.sleep(0.5); print(7)"
    work = run_child("doctor", "r", timeout=60.0, poll_interval=0.01, command=python(code))
    progress = [next(work)]
    while progress[-1] is None:
        progress.append(next(work))
    assert progress[-1] == line
    *_, output = collect(work)
    assert output == "7\n"


def test_child_failure_is_an_error_with_its_message_and_code():
    failure = json.dumps({"error": "No: fix it.", "code": "no-encoder"})
    code = f"print({failure!r}, file=sys.stderr); sys.exit(2)"
    with raises_code("no-encoder") as error:
        list(run_child("doctor", "r", timeout=60.0, command=python(code)))
    assert str(error.value) == "No: fix it."
    with raises_code("child-failed"):
        list(run_child("doctor", "r", timeout=60.0, command=python("sys.exit(3)")))


@pytest.mark.skipif(os.name == "nt", reason="Windows has priority classes")
def test_child_has_a_lower_priority(monkeypatch):
    monkeypatch.setattr("latentarium.studio.process_ids.BACKGROUND_NICENESS", 3)
    code = "import os; time.sleep(0.5); print(os.nice(0))"
    *_, output = collect(run_child("doctor", "r", timeout=60.0, command=python(code)))
    assert str(output).strip() == str(os.nice(0) + 3)


def test_child_is_killed_after_its_timeout():
    started = time.monotonic()
    with raises_code("timeout"):
        list(run_child("doctor", "r", timeout=0.1, command=python("time.sleep(60)")))
    assert time.monotonic() - started < 30


def test_command_line_reports_failures_as_json_lines_to_a_parent():
    with raises_code("not-a-run"):
        list(run_child("doctor", "/nowhere", timeout=60.0))


def test_closing_the_generator_kills_the_child_and_frees_the_slot(tmp_path):
    commands = iter([
        python(f"open({str(tmp_path / 'pid')!r}, 'w').write('up'); time.sleep(60)"),
        python("print('{\"steps\": 3}')"),
        python("time.sleep(60)"),
    ])  # fmt: skip
    runs = tmp_path / "runs"
    uploads = Uploads(runs / "uploads")
    jobs = TrainingJobs(runs, ModelRegistry(), uploads, lambda *words: next(commands)(*words))
    checkups = Checkups(jobs)
    lines = checkups.estimate(training_request())
    assert next(lines) == {"done": 0, "of": 0, "left": None, "note": ""}
    with raises_code("busy"):
        next(checkups.estimate(training_request()))
    started = time.monotonic()
    lines.close()
    assert time.monotonic() - started < 10
    assert list(checkups.estimate(training_request()))[-1] == {"result": {"steps": 3}}
    third = checkups.estimate(training_request())
    left = next(third)["left"]  # estimated from the second
    assert 0 < left < 10
    third.close()


def test_folder_of_uploads_is_a_reserved_name(trainings):
    with raises_code("name-taken"):
        trainings.start(training_request(name="uploads"))


def test_number_of_trainings_is_limited(trainings, monkeypatch):
    monkeypatch.setattr(trainings.processes, "names", lambda: ["a", "b", "c", "d"])
    monkeypatch.setattr(trainings.processes, "is_running", lambda name: name in "abcd")
    with raises_code("too-many-trainings"):
        trainings.start(training_request(name="fifth"))
    assert not trainings.folder.exists()


def test_reused_process_id_is_not_signalled(trainings):
    """Not even if the other process runs latentarium too, as this server does."""
    words = [sys.executable, "-c", "print('up', flush=True); input()", "latentarium", "studio"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()  # before that, it has no command line
        record = {"folder": "r", "arguments": ["train", "vae_debug"], "pid": other.pid}
        trainings.processes.folder.mkdir(parents=True)
        (trainings.processes.folder / "a.json").write_text(json.dumps(record))
        assert is_latentarium(other.pid)
        assert is_latentarium(other.pid, ["studio"])
        assert not trainings.processes.is_running("a")
        trainings.processes.stop("a")
        assert other.poll() is None
        other.communicate(b"\n", timeout=20)
        assert other.returncode == 0


DEEP = "[" * 100_000
UNEXPECTED = {
    "snapshots/best.safetensors": "", "checkpoints/000000100 copy.json": "{}",
    "samples/000100-old.png": "", "samples/1.png": "", "snapshots/\u00b2.safetensors": "",
    "progress.json": '{"step": Infinity, "seconds": 1}', "./progress.json": DEEP,
    "././progress.json": '{"step": 1, "seconds": 1e999}', "config.json": DEEP,
    "./config.json": '{"format": 1, "config": [], "data": 3}', "././config.json": "\xff",
    "log.jsonl": DEEP, "./log.jsonl": '{"step": 1, "seconds": 1e999}\n{"step": 2, "a": NaN}',
    "././log.jsonl": f'{{"step": 1, "seconds": 1}}\n{{"step": 2, "seconds": 1{"0" * 400}}}\n',
}  # fmt: skip
"""Files that users, other programs and crashes leave in the folder of a run."""


@pytest.mark.parametrize("name", UNEXPECTED)
def test_run_with_unexpected_file_is_listed_and_hides_no_other_run(name, trainings):
    for run in ("fine", "odd"):
        started_run(trainings.folder / run, rows=2)
    path = trainings.folder / "odd" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(UNEXPECTED[name], encoding="latin-1" if UNEXPECTED[name] == "\xff" else None)
    infos = trainings.infos()
    assert [info["name"] for info in infos] == ["fine", "odd"]
    assert infos[0]["state"] == "paused"
    assert infos[1]["failure"] or infos[1]["state"] == "paused"
    assert infos[1]["snapshots"] == infos[1]["samples"] == []
    json.dumps(infos, allow_nan=False)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("name", ["log.jsonl", "progress.json", ".lock", "config.json",
                                  "weights.safetensors", "samples/000000001.png"])  # fmt: skip
def test_named_pipe_in_a_run_does_not_block(name, trainings):
    run = started_run(trainings.folder / "odd")
    path = run.folder / name
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    for info in trainings.infos():
        assert info["samples"] == []
        assert info["state"] == ("failed" if info["failure"] else "paused")
        if info["failure"]:
            assert name.partition("/")[0] in info["failure"]  # it names what can't be read
    assert LogTail(path).read() == (False, [])


def test_non_finite_losses_in_a_log_become_null(trainings):
    """JSON can't represent them, and the page must go on."""
    run = started_run(trainings.folder / "r", rows=1)
    with run.log_path.open("a") as file:
        file.write('{"step": 20, "seconds": 4.0, "autoencoder": {"total": NaN, "kl": 1e999}}\n')
    events = RunFollower(lambda: {}, run.log_path, lambda: run).poll()
    data = next(event for event in events if b"event: rows" in event).split(b"data: ")[1]
    rows = json.loads(data, parse_constant=lambda word: pytest.fail(word))
    assert rows[1]["autoencoder"] == {"total": None, "kl": None}
    assert rows[1]["step"] == 20


def test_modules_in_the_working_folder_are_not_imported(tmp_path, monkeypatch):
    for name in ("random.py", "tyro.py", "latentarium.py"):
        (tmp_path / name).write_text("raise SystemExit('imported')")
    monkeypatch.chdir(tmp_path)
    *_, output = collect(run_child("--version", timeout=60.0))
    assert str(output).startswith("latentarium ")
    assert "latentarium" in latentarium_command()[:6]  # where is_latentarium looks for it
