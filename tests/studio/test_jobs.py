"""Trainings as the page sees them, without a server or a process."""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch

import latentarium as la
from conftest import tiny_data
from latentarium import presets
from latentarium.errors import UserError
from latentarium.progress import Reached
from latentarium.run import Run
from latentarium.studio import processes
from latentarium.studio.processes import command, is_ours, working
from latentarium.studio.registry import Gallery, Missing
from latentarium.studio.training.checkup import Measurements
from latentarium.studio.training.follow import Follower, Tail
from latentarium.studio.training.jobs import Trainings, Wish, key_of
from latentarium.studio.training.status import last_rows, progress_of, state_of
from latentarium.studio.training.uploads import Uploads


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    return la.train(presets.gan_debug(), tmp_path_factory.mktemp("done") / "gan", tiny_data())


@pytest.fixture
def trainings(tmp_path):
    return Trainings(tmp_path / "runs", Gallery(), Uploads(tmp_path / "runs" / "uploads"))


def begun(folder, rows=0):
    """A run that has logged some rows, without training."""
    run = Run.start(folder, presets.vae_debug(), tiny_data().card)
    for i in range(1, rows + 1):
        run.append_log({"step": 10 * i, "seconds": 2.0 * i, "autoencoder": {"total": 1.0}})
    return run


def wish(**changes):
    usual = {"preset": "vae_debug", "data": "mnist", "name": "a", "steps": None, "seed": 0}
    return Wish(**{**usual, **changes})


def test_a_state_is_what_the_folder_says(done, tmp_path):
    run = begun(tmp_path / "r", rows=2)

    def state(run, lives=False, failure=""):
        return state_of(run, lives=lives, failure=failure)

    assert state(run) == "paused"
    assert state(run, lives=True) == "waiting"
    assert state(run, failure="No data.") == "failed"
    with run.lock():
        assert state(run, lives=True) == state(run) == "training"
    assert state(done) == state(done, failure="of long ago") == "done"


def test_the_time_left_is_that_of_the_last_rows(tmp_path):
    run = begun(tmp_path / "r", rows=3)
    found = progress_of(run, "training")
    assert (found["step"], found["steps"]) == (30, 40)
    assert found["seconds_left"] == pytest.approx(2.0)
    assert progress_of(run, "paused")["seconds_left"] is None
    run.append_log({"step": 25, "seconds": 5.0, "autoencoder": {}})  # resumed from before
    assert [row["step"] for row in last_rows(run.log_path)] == [25]


def test_how_far_it_is_is_known_before_the_first_row_and_after_a_pause(tmp_path):
    run = begun(tmp_path / "r")
    assert progress_of(run, "training") == {
        "step": 0, "steps": 40, "seconds": 0.0, "seconds_left": None
    }  # fmt: skip
    run.save_progress(4, 8.0)
    assert progress_of(run, "training")["seconds_left"] == pytest.approx(72.0)
    assert progress_of(run, "paused")["seconds"] == 8.0
    (run.folder / "progress.json").write_text('{"step": 4')  # of another hand
    assert progress_of(run, "training")["step"] == 0


def test_runs_have_names_that_hold_no_path(done, trainings, tmp_path):
    begun(trainings.folder / "gan")
    (trainings.folder / "other").mkdir()
    (trainings.folder / "broken").mkdir()
    (trainings.folder / "broken" / "config.json").write_text("{")
    elsewhere = tmp_path / "elsewhere" / "gan"
    elsewhere.parent.mkdir()
    elsewhere.symlink_to(done.folder)
    assert list(trainings.folders()) == ["broken", "gan"]
    assert [info["id"] for info in trainings.infos()] == ["broken", "gan"]
    for name in ("other", "..", "", "gan/../gan", "x" * 900):
        with pytest.raises(Missing):
            trainings.info(name)


def test_a_run_that_can_not_be_read_is_listed_with_why(trainings):
    folder = trainings.folder / "broken"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{")
    (found,) = trainings.infos()
    assert (found["name"], found["state"], found["steps"]) == ("broken", "failed", 0)
    assert "config.json" in found["failure"]


def test_what_is_wished_for_must_be_possible(trainings):
    for name in ("", "..", "a b", "-a", "a/b", "ä", "a" * 65, "a\n"):
        with pytest.raises(UserError, match="A name has"):
            trainings.start(wish(name=name))
    with pytest.raises(UserError, match="no images called"):
        trainings.start(wish(data="/etc"))
    with pytest.raises(Missing, match="no images called"):
        trainings.start(wish(data="upload:../mnist"))
    with pytest.raises(UserError, match="Did you mean 'vae_debug'"):
        trainings.start(wish(preset="vae_debugg"))
    begun(trainings.folder / "a")
    begun(trainings.folder / "a-2")
    with pytest.raises(UserError, match="call it a-3"):
        trainings.start(wish())
    assert not (trainings.folder / ".studio").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_can_not_be_written_is_a_sentence(trainings):
    trainings.folder.mkdir(mode=0o500)
    with pytest.raises(UserError, match="you may not write there"):
        trainings.start(wish())


def test_only_what_is_possible_is_done(done, trainings):
    begun(trainings.folder / "a")
    for act in (trainings.pause, trainings.forget):
        with pytest.raises(UserError):
            act("a")
    with pytest.raises(UserError, match="no checkpoint yet"):
        trainings.stop("a")
    run = Run(trainings.folder / "a")
    with run.lock():
        # this very process holds it, and it is no training that could be told
        with pytest.raises(UserError, match="can't be told"):
            trainings.pause("a")
        with pytest.raises(UserError, match="nothing to go on with"):
            trainings.resume("a")
    assert not is_ours(os.getpid())
    assert not is_ours(2**22 + 5)


def test_a_process_that_failed_is_heard(trainings):
    folder = trainings.folder / "a"
    begun(folder)
    key = key_of(folder)
    place = trainings.processes.folder
    place.mkdir(parents=True)
    (place / f"{key}.json").write_text(
        json.dumps({"folder": str(folder), "arguments": ["train", "vae_debug"], "pid": 2**22 + 5})
    )
    log = place / f"{key}.log"
    log.write_text("a: 1 of 2\nlatentarium: The disk is full: free some space.\n")
    info = trainings.info("a")
    assert (info["state"], info["failure"]) == ("failed", "The disk is full: free some space.")
    log.write_text("latentarium: a warning\n\nStopped. The same command resumes.\n")
    assert (trainings.info("a")["state"], trainings.info("a")["failure"]) == ("paused", "")
    log.write_text("Traceback (most recent call last):\n  ...\nMemoryError\n")
    assert "MemoryError" in trainings.info("a")["failure"]
    (folder / "config.json").unlink()  # it failed before it began
    assert (trainings.info("a")["state"], trainings.info("a")["preset"]) == ("failed", "vae_debug")
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    log.write_text("a: done in 3 s\n")  # somebody has removed a run that ended well
    assert trainings.infos() == []
    log.write_text("latentarium: No.\n")
    trainings.forget("a")
    assert trainings.infos() == []
    assert list(place.iterdir()) == []


def test_a_run_with_weights_is_shown_once(trainings, tmp_path, npz):
    config = presets.vae_debug()
    config = replace(config, train=replace(config.train, data=str(npz)))
    la.train(config, trainings.folder / "a")
    assert trainings.info("a")["model"] is None
    assert trainings.show("a") == trainings.show("a") == 0
    assert trainings.info("a")["model"] == 0
    assert list(trainings.folders()) == ["a"]
    begun(trainings.folder / "b")
    with pytest.raises(UserError, match="training has not ended"):
        trainings.show("b")


def test_a_run_that_goes_on_is_shown_as_its_newest_snapshot(trainings, npz):
    config = presets.vae_debug()
    config = replace(config, train=replace(config.train, data=str(npz)))
    run = la.train(config, trainings.folder / "a")
    weights = (run.folder / "weights.safetensors").rename(run.folder.parent / "later")
    exhibit = trainings.gallery[trainings.show("a")]
    newest = run.snapshots()[-1]
    assert exhibit.step == newest
    found = {"la": la}
    exec(f"model = {exhibit.model_code()}", found)
    for name, tensor in run.load(newest).state_dict().items():
        assert torch.equal(tensor, exhibit.atlas.model.state_dict()[name])
        assert torch.equal(tensor, found["model"].state_dict()[name])
    weights.rename(run.folder / "weights.safetensors")
    exhibit = trainings.gallery[trainings.show("a")]
    assert exhibit.step is None
    assert exhibit.model_code() == f'la.load("{run.folder}")'


# ---------------------------------------------------------------------------------- a growing log


def test_a_tail_waits_for_whole_lines_and_starts_over_with_another_file(tmp_path):
    path = tmp_path / "log"
    tail = Tail(path)
    assert tail.read() == (False, [])
    path.write_bytes(b"one\ntw")
    assert tail.read() == (False, [b"one"])
    assert tail.read() == (False, [])
    with path.open("ab") as file:
        file.write(b"o\nthree\n")
    assert tail.read() == (False, [b"two", b"three"])
    path.write_bytes(b"new\n")  # cut
    assert tail.read() == (True, [b"new"])
    other = tmp_path / "other"
    other.write_bytes(b"longer than before\nand more\n")
    other.replace(path)
    assert tail.read() == (True, [b"longer than before", b"and more"])
    path.unlink()
    assert tail.read() == (True, [])


def told(events):
    found = []
    for text in b"".join(events).decode().strip().split("\n\n") if events else []:
        fields = dict(line.split(": ", 1) for line in text.split("\n"))
        found.append((fields["event"], json.loads(fields["data"]), fields.get("id")))
    return found


def test_a_follower_says_what_is_new_and_goes_on_where_it_was(done):
    def follower(seen=0):
        return Follower(lambda: {"state": "done"}, done.log_path, lambda: done.config, seen)

    one = follower()
    events = told(one.poll())
    assert [name for name, *_ in events] == ["rows", "state", "doctor"]
    assert [row["step"] for row in events[0][1]] == [10, 20, 30, 40]
    assert events[0][2] == "4"
    assert one.poll() == []
    assert [row["step"] for row in told(follower(3).poll())[0][1]] == [40]
    assert [name for name, *_ in told(follower(4).poll())] == ["state", "doctor"]
    steps = iter([1, 1, 2])
    moving = Follower(lambda: {"step": next(steps)}, done.log_path, lambda: done.config, 4)
    moving.poll()
    assert moving.poll() == []
    assert told(moving.poll()) == [("state", {"step": 2}, None)]  # with no row of the log
    # the page has seen more than there is: another run has taken the name
    name, _, number = told(follower(9).poll())[0]
    assert (name, number) == ("over", "0")
    assert [row["step"] for row in told(follower(9).poll())[1][1]] == [10, 20, 30, 40]


def test_a_follower_has_the_doctor_look_at_all_rows(tmp_path):
    config = presets.gan_debug()
    run = Run.start(tmp_path / "r", config, tiny_data().card)
    follower = Follower(lambda: {}, run.log_path, lambda: run.config)
    assert told(follower.poll())[-1] == ("doctor", [], None)
    for step in range(10, 60, 10):
        won = {"total": 0.01, "adversarial": 0.001, "pair_accuracy": 1.0}
        run.append_log({"step": step, "discriminator": won, "generator": {"total": 9.0}})
    (finding,) = told(follower.poll())[-1][1]
    assert finding["disease"] == "discriminator has won"
    assert "--model.r1" in finding["cure"]
    with run.log_path.open("a") as file:
        file.write('{"step": 60, "torn')
    time.sleep(0.01)
    assert follower.poll() == []


def fake(monkeypatch, code):
    """Commands are a line of Python."""
    words = [sys.executable, "-c", f"import sys, time\n{code}"]
    monkeypatch.setattr(processes, "command", lambda *arguments: words)


def whole(work):
    """All that it says, and what it gives."""
    yield (yield from work)


def test_a_command_says_how_far_it_is_and_then_what_it_printed(monkeypatch):
    monkeypatch.setattr(processes, "LOOK", 0.01)
    says = "r: 2 of 6, about 1 min 05 s left  memorization"
    fake(monkeypatch, f"print({says!r}, file=sys.stderr, flush=True); time.sleep(0.5); print(7)")
    work = working("doctor", "r", seconds=60.0)
    reached = [next(work)]
    while reached[-1] is None:
        reached.append(next(work))
    assert reached[-1] == Reached(done=2, of=6, left=65.0, note="memorization")
    *_, end = whole(work)
    assert end == "7\n"
    fake(monkeypatch, "print('latentarium: No: mend.', file=sys.stderr); sys.exit(2)")
    with pytest.raises(UserError, match=r"^No: mend\.$"):
        list(working("doctor", "r", seconds=60.0))


def test_who_goes_no_further_ends_the_command(monkeypatch, trainings, tmp_path):
    fake(monkeypatch, f"open({str(tmp_path / 'pid')!r}, 'w').write('up'); time.sleep(60)")
    measured = Measurements(trainings)
    lines = measured.estimate(wish())
    assert next(lines) == {"done": 0, "of": 0, "left": None, "note": ""}
    with pytest.raises(UserError, match="Something else is being measured"):
        next(measured.estimate(wish()))
    begun = time.monotonic()
    lines.close()
    assert time.monotonic() - begun < 10  # and another one may be asked for
    fake(monkeypatch, "print('{\"steps\": 3}')")
    assert list(measured.estimate(wish()))[-1] == {"found": {"steps": 3}}
    again = measured.estimate(wish())
    left = next(again)["left"]  # as the one before took, until it says something itself
    assert 0 < left < 10
    again.close()


def test_the_folder_of_uploads_is_no_name_for_a_run(trainings):
    with pytest.raises(UserError, match="call it uploads-2"):
        trainings.start(wish(name="uploads"))


def test_so_many_trainings_at_once_and_no_more(trainings, monkeypatch):
    monkeypatch.setattr(trainings.processes, "names", lambda: ["a", "b", "c", "d"])
    monkeypatch.setattr(trainings.processes, "lives", lambda name: name in "abcd")
    with pytest.raises(UserError, match="4 trainings are going on"):
        trainings.start(wish(name="fifth"))
    assert not trainings.folder.exists()


def test_a_number_that_another_command_has_got_since_is_not_told_to_end(trainings):
    """Not even if that is one of latentarium, as this very server may be."""
    words = [sys.executable, "-c", "print('up', flush=True); input()", "latentarium", "studio"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()  # before it is up, it has no command line
        note = {"folder": "r", "arguments": ["train", "vae_debug"], "pid": other.pid}
        trainings.processes.folder.mkdir(parents=True)
        (trainings.processes.folder / "a.json").write_text(json.dumps(note))
        assert is_ours(other.pid)
        assert is_ours(other.pid, ["studio"])
        assert not trainings.processes.lives("a")
        trainings.processes.end("a")
        assert other.poll() is None
        other.communicate(b"\n", timeout=20)
        assert other.returncode == 0


DEEP = "[" * 100_000
ODD = {
    "snapshots/best.safetensors": "", "checkpoints/000000100 copy.json": "{}",
    "samples/000100-old.png": "", "samples/1.png": "", "snapshots/\u00b2.safetensors": "",
    "progress.json": '{"step": Infinity, "seconds": 1}', "./progress.json": DEEP,
    "././progress.json": '{"step": 1, "seconds": 1e999}', "config.json": DEEP,
    "./config.json": '{"format": 1, "config": [], "data": 3}', "././config.json": "\xff",
    "log.jsonl": DEEP, "./log.jsonl": '{"step": 1, "seconds": 1e999}\n{"step": 2, "a": NaN}',
    "././log.jsonl": f'{{"step": 1, "seconds": 1}}\n{{"step": 2, "seconds": 1{"0" * 400}}}\n',
}  # fmt: skip
"""What people, other programs and crashes leave in the folder of a run."""


@pytest.mark.parametrize("name", ODD)
def test_a_run_with_an_odd_file_is_listed_and_hides_no_other(name, trainings):
    for run in ("fine", "odd"):
        begun(trainings.folder / run, rows=2)
    path = trainings.folder / "odd" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(ODD[name], encoding="latin-1" if ODD[name] == "\xff" else None)
    infos = trainings.infos()
    assert [info["name"] for info in infos] == ["fine", "odd"]
    assert infos[0]["state"] == "paused"
    assert infos[1]["failure"] or infos[1]["state"] == "paused"
    assert infos[1]["moments"] == infos[1]["samples"] == []
    json.dumps(infos, allow_nan=False)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a system without pipes")
@pytest.mark.parametrize("name", ["log.jsonl", "progress.json", ".lock", "config.json",
                                  "weights.safetensors", "samples/000000001.png"])  # fmt: skip
def test_a_pipe_in_a_run_is_not_waited_for(name, trainings):
    run = begun(trainings.folder / "odd")
    path = run.folder / name
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    for info in trainings.infos():
        assert (info["state"], info["samples"]) == ("paused", [])
    assert Tail(path).read() == (False, [])


def test_what_is_no_number_in_a_log_is_none_on_the_page(trainings):
    """The loss of a training that went astray: JSON has no word for it, and the page goes on."""
    run = begun(trainings.folder / "r", rows=1)
    with run.log_path.open("a") as file:
        file.write('{"step": 20, "seconds": 4.0, "autoencoder": {"total": NaN, "kl": 1e999}}\n')
    events = Follower(lambda: {}, run.log_path, lambda: run.config).poll()
    data = next(one for one in events if b"event: rows" in one).split(b"data: ")[1]
    found = json.loads(data, parse_constant=lambda word: pytest.fail(word))
    assert found[1]["autoencoder"] == {"total": None, "kl": None}
    assert found[1]["step"] == 20


def test_what_lies_in_the_working_folder_is_not_run(tmp_path, monkeypatch):
    for name in ("random.py", "tyro.py", "latentarium.py"):
        (tmp_path / name).write_text("raise SystemExit('code of a stranger')")
    monkeypatch.chdir(tmp_path)
    *_, said = whole(working("--version", seconds=60.0))
    assert str(said).startswith("latentarium ")
    assert "latentarium" in command()[:6]  # so far in is it looked for among processes
