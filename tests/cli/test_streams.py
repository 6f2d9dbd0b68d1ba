"""No command ends in a traceback, whatever its streams and its encoding."""

import io
import json
import os
import signal
import sys
import threading
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from latentarium.cli import dispatch
from latentarium.cli.output import command
from latentarium.cli.streams import TolerantWriter, tolerant_streams
from latentarium.errors import UserError
from latentarium.evaluation.evaluate import evaluate
from latentarium.progress import JSON_VARIABLE, ConsoleProgress, console_progress
from latentarium.run import Run
from latentarium.training import estimate
from support.command_line import run_command
from support.streams import EXIT_CODES, full, memory, pipe_without_reader, run_with
from support.tiny import tiny_arrays

NAME = "très 猫 [b] ’quoted’"
"""A folder's name with characters that most encodings lack, and with what looks like markup."""
CANNOT_PRINT = 2


@pytest.fixture(scope="module", autouse=True)
def quick(tmp_path_factory):
    """Measure a run once, and with short trainings."""
    reports = {}

    def evaluate_once(*args, **kwargs):
        if not reports:
            reports[0] = evaluate(*args, **kwargs, gan_train_steps=10, response_steps=2)
        return reports[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATENTARIUM_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr("latentarium.evaluation.runs.evaluate", evaluate_once)
        patch.setattr("latentarium.training.estimate", partial(estimate, min_seconds=1e-9))
        patch.setattr("latentarium.evaluation.runs.RESPONSE_STEPS", 2)
        patch.setattr("latentarium.classifier.lookup.MAX_STEPS", 20)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the tiny data and a run."""
    folder = tmp_path_factory.mktemp("streams") / NAME
    folder.mkdir()
    images, labels = tiny_arrays(1600)
    np.savez(folder / "d.npz", images=images[:, 0], labels=labels)
    arguments = ["--data", folder / "d.npz", "--run", folder / "vae", "--train.snapshots", 2]
    run_command("train", "vae_debug", *arguments)
    return folder


def walk(folder: Path) -> dict[str, list[list[object]]]:
    """Return calls of every command: results, errors, and help."""
    run, data, missing = folder / "vae", folder / "d.npz", folder / "missing"
    again = ["--data", data, "--run", run, "--train.snapshots", 2]
    return {
        "": [["--help"], ["--version"], [], ["évaluate"], ["data"]],
        "tour": [["tour", "--help"], ["tour", "--seed", "é"], ["tour", "é"]],
        "train": [
            ["train"], ["train", "猫"], ["train", "--help"], ["train", "vae_debug", "--help"],
            ["train", "vae_debug", *again], ["train", "vae_debug", "--run", folder],
            ["train", "vae_debug", "--train.stepps", "3"], ["train", "vae_debug", "--train.steps"],
            ["train", "vae_debug", "--model.latent-dim", "é"], ["train", "vae_debug", "é"],
            ["train", "vae_debug", "--data", missing],
            ["train", "vae_debug", "--model.prior", "{猫}"],
            ["train", "vae_debug", "--data", data, "--dry-run", "--json"],
        ],
        "resume": [["resume", run], ["resume", missing], ["resume"]],
        "finish": [["finish", run], ["finish", missing], ["finish", "--é"]],
        "sample": [
            ["sample", run, "--out", folder / "grid.png"], ["sample", run, "--label", "é"],
            ["sample", run, "-n", "-3"], ["sample", run, "--gaussian", "猫"],
            ["sample", run, "--out", folder], ["sample", run, "-n"],
        ],
        "evaluate": [
            ["evaluate", run], ["evaluate", run, "--json"], ["evaluate", missing],
            ["evaluate", run, "--extractor", "é"], ["evaluate", run, "--json", folder / "m.json"],
            ["evaluate", run, "--json", data / "m.json"],
        ],
        "compare": [
            ["compare", run, run], ["compare", run, run, "--json"], ["compare", run],
            ["compare", run, missing, "--json"],
        ],
        "bench": [
            ["bench"], ["bench", "--json"], ["bench", "猫"], ["bench", "ring", "--seeds", 0],
        ],
        "doctor": [
            ["doctor", run], ["doctor", run, "--json"], ["doctor", missing, "--json"],
            ["doctor", run, "--data", missing],
        ],
        "duality-gap": [
            ["duality-gap", run], ["duality-gap", run, "--json"], ["duality-gap", missing],
        ],
        "fit-prior": [
            ["fit-prior", run, "--kind", "gaussian", "--json"], ["fit-prior", run, "--kind", "é"],
            ["fit-prior", missing, "--kind", "gaussian"],
        ],
        "encode": [
            ["encode", run, data, "--no-trust", "--out", folder / "z.csv"],
            ["encode", run, data, "--no-trust", "--out", folder / "z.npz", "--json"],
            ["encode", run, missing, "--json"], ["encode", run, data, "--out", folder / "é"],
        ],
        "decode": [
            ["decode", run, folder / "z.csv", "-n", 4, "--out", folder / "z.png", "--json"],
            ["decode", run, missing], ["decode", run],
        ],
        "reconstruct": [
            ["reconstruct", run, data, "--out", folder / "pairs.png"],
            ["reconstruct", run, data, "--out", folder / "pairs.npz", "--json"],
            ["reconstruct", run, data, "--split", "é"],
        ],
        "interpolate": [
            ["interpolate", run, "test:0", "test:1", "--out", folder / "path.gif", "--json"],
            ["interpolate", run, "test:0", "猫"],
        ],
        "invert": [
            ["invert", run, "test:0", "--steps", 2], ["invert", run, "猫.png", "--json"],
            ["invert", run, "test:0", "--steps", 2, "--json"],
        ],
        "nearest": [
            ["nearest", run, "test:0", "-k", 2], ["nearest", run, "test:0", "--json"],
            ["nearest", run, "猫:0"],
        ],
        "export": [["export", run], ["export", run, "--onnx", folder, "--json"]],
        "studio": [
            ["studio", missing], ["studio", run, "--host", "猫"], ["studio", "--port", "é"],
            ["studio", "--help"],
        ],
        "data check": [
            ["data", "check", data], ["data", "check", data, "--json"],
            ["data", "check", missing, "--json"], ["data", "check"],
            ["data", "check", data, "--pictures", data],
        ],
    }  # fmt: skip


@pytest.fixture(scope="module")
def walked(folder):
    """How each call of the walk ends with the encoding of a Chinese Windows."""
    return {
        tuple(call): run_with(*call, encoding="cp950")
        for calls in walk(folder).values()
        for call in calls
    }


def test_every_command_is_walked(folder):
    assert walk(folder).keys() == {"", *dispatch.COMMANDS}


def test_every_command_prints_in_every_encoding(walked):
    for call, ended in walked.items():
        assert ended.code in EXIT_CODES, call
        assert ended.out or ended.err, call
        assert "Traceback" not in ended.out.decode("cp950") + ended.err.decode("cp950"), call
        if "--json" in call[-1:]:
            check_json(ended)


def check_json(ended):
    """Check that the result, or else the error, is one line of JSON in its stream."""
    if ended.code == 0:
        json.loads(ended.out)
    else:
        assert ended.out == b""
        assert json.loads(ended.err.splitlines()[-1]).keys() == {"error", "code"}


def test_a_result_that_can_not_be_printed_is_an_error(walked):
    for call, normal in walked.items():
        lost = run_with(*call, out=full(), err=memory("ascii"))
        assert lost.code == (CANNOT_PRINT if normal.out else normal.code), call
        assert b"Traceback" not in lost.err, call
        if normal.out:
            last = lost.err.splitlines()[-1]
            assert last.startswith((b"latentarium: The result", b'{"error": "The result')), call


def test_messages_that_can_not_be_printed_change_nothing(walked):
    for call, normal in walked.items():
        ended = run_with(*call, out=memory("ascii"), err=full())
        assert ended.code == normal.code, call
        assert bool(ended.out) == bool(normal.out), call


def test_characters_that_an_encoding_lacks_are_replaced_legibly():
    out = memory("ascii")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", out)
        with tolerant_streams():
            sys.stdout.write("Fréchet 3 ± 1, 64 × 64, 猫, ﬁ, \udcff\n")
    assert out.buffer.getvalue() == b"Frechet 3 +/- 1, 64 x 64, ?, fi, ?\n"  # pyright: ignore


def test_messages_escape_characters_so_that_they_name_files_exactly(tmp_path):
    ended = run_with("finish", tmp_path / "é猫\udcff", encoding="ascii")
    assert rb"\xe9\u732b\xff" in ended.err


def test_bytes_of_names_that_are_not_utf_8_are_shown_as_replacement_characters():
    out = memory()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", out)
        with tolerant_streams():
            sys.stdout.write("r\udcff\n")
    assert out.buffer.getvalue().decode() == "r\ufffd\n"  # pyright: ignore


def test_streams_are_restored(capsys):
    before = sys.stdout, sys.stderr
    run_command("--version")
    assert (sys.stdout, sys.stderr) == before


def test_a_reader_that_ends_early_ends_the_command_quietly(folder):
    with pipe_without_reader() as pipe:
        ended = run_with("train", out=pipe, err=memory())
    assert (ended.code, ended.err) == (141, b"")


def test_closed_streams(folder):
    data = folder / "d.npz"
    assert run_with("data", "check", data, out=None, err=memory()).code == CANNOT_PRINT
    assert run_with("data", "check", data, out=memory(), err=None).code == 0
    assert run_with("finish", folder / "missing").code == 2


def test_a_full_pipe_that_does_not_block_is_waited_for():
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    content = os.urandom(1 << 20)
    received = []
    with open(reading, "rb") as pipe, open(writing, "wb", buffering=0) as raw:
        reader = threading.Thread(target=lambda: received.append(pipe.read(len(content))))
        reader.start()
        writer = TolerantWriter(raw)
        assert writer.write(content) == len(content)
        reader.join()
    assert received == [content]
    assert writer.failure is None


def test_a_training_whose_streams_are_broken_is_complete(folder, tmp_path):
    for number, (out, err) in enumerate([(full(), full()), (None, None), (memory(), full())]):
        run = tmp_path / str(number)
        call = ["train", "gan_debug", "--data", folder / "d.npz", "--run", run]
        assert run_with(*call, out=out, err=err).code == 0
        assert Run(run).weights_step() == 40


def test_a_report_is_written_even_if_it_can_not_be_printed(folder, tmp_path):
    out = tmp_path / "m.json"
    ended = run_with("doctor", folder / "vae", "--json", out, out=full(), err=memory())
    assert ended.code == CANNOT_PRINT
    assert json.loads(out.read_bytes())["status"]["name"] == "not trained yet"


def test_json_replaces_numbers_that_are_not_finite(monkeypatch):
    monkeypatch.setattr(dispatch, "dispatch", print_not_finite)
    ended = run_with("x", encoding="ascii")
    assert json.loads(ended.out) == {"a": [None, 1.5, {"b": None}]}


def print_not_finite(arguments):
    from latentarium.cli.output import print_json

    print_json({"a": [float("nan"), 1.5, {"b": float("inf")}]})


@pytest.mark.parametrize(
    ("error", "code", "key"),
    [
        (UserError("no"), 2, "invalid"),
        (OSError(28, "No space left on device"), 2, "system-error"),
        (PermissionError(13, "Permission denied", b"r\xff"), 2, "file-error"),
        (MemoryError(), 2, "out-of-memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: 8 bytes"), 2, "out-of-memory"),
        (UnicodeEncodeError("ascii", "é", 0, 1, "ordinal not in range"), 2, "not-encodable"),
    ],
)
def test_errors_of_the_system_are_messages(monkeypatch, error, code, key):
    def fail(arguments):
        raise error

    monkeypatch.setattr(dispatch, "dispatch", fail)
    ended = run_with("x", "--json", encoding="ascii")
    assert ended.code == code
    assert json.loads(ended.err)["code"] == key


def test_a_bug_is_not_hidden(monkeypatch):
    def fail(arguments):
        raise ZeroDivisionError

    monkeypatch.setattr(dispatch, "dispatch", fail)
    with pytest.raises(ZeroDivisionError):
        run_with("x", encoding="ascii")


def test_ctrl_c_that_a_library_turns_into_another_error_stops_the_command(monkeypatch):
    def interrupted_import(arguments):
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise ImportError("a part of the library failed") from None

    monkeypatch.setattr(dispatch, "dispatch", interrupted_import)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # test workers ignore it
    try:
        ended = run_with("x", encoding="ascii")
    finally:
        restored = signal.signal(signal.SIGINT, before)
    assert ended.code == 130
    assert len(ended.err.split(b"\n")) <= 3
    assert restored is signal.default_int_handler


def test_ctrl_c_during_the_imports_stops_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "latentarium.cli.dispatch", InterruptedModule())
    assert run_with("x", encoding="ascii").code == 130


class InterruptedModule:
    """A module whose import is interrupted."""

    def __getattr__(self, name):
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["sample", Path("a b")], "latentarium sample 'a b'"),
        (["sample", Path("it's")], """latentarium sample 'it'"'"'s'"""),
        (["sample", Path("a\nb")], r"latentarium sample $'a\x0ab'"),
        (["sample", Path("r\udcff'\\")], r"latentarium sample $'r\xff\'\\'"),
        (["sample", Path("-x")], "latentarium sample ./-x"),
        (["sample", Path("猫"), "-n", 64], "latentarium sample '猫' -n 64"),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="cmd.exe quotes in another way")
def test_hints_are_quoted_for_the_shell(words, expected):
    assert command(*words) == expected


def test_control_characters_in_names_are_not_sent_to_the_terminal(tmp_path):
    ended = run_with("finish", tmp_path / "a\x1b[2Jb\rc", encoding="utf-8")
    assert ended.code == 2
    assert b"\x1b" not in ended.err
    assert b"\r" not in ended.err


def test_paths_that_look_like_markup_are_shown_on_a_terminal(monkeypatch):
    terminal = memory()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(sys, "stderr", terminal)
    with console_progress() as progress:
        task = progress.task("runs/[/a] [b]x :smile:", 10)
        task.update(3, "[/c]")
        progress.print("[/d] [bold]")
        assert isinstance(progress, ConsoleProgress)
    shown = terminal.buffer.getvalue().decode()  # pyright: ignore
    for text in ("[/a]", "[b]x", ":smile:", "[/c]", "[/d] [bold]"):
        assert text in shown


@pytest.mark.parametrize("columns", ["0", "1", "-5", "x", "100000"])
@pytest.mark.parametrize("term", ["dumb", "xterm", ""])
def test_help_and_errors_in_terminals_of_every_width(monkeypatch, columns, term):
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("TERM", term)
    monkeypatch.setenv("NO_COLOR", "1")
    assert run_with("train", "vae_debug", "--help", encoding="cp950").code == 0
    assert run_with("sample", "--help", encoding="utf-8").code == 0
    wrong = run_with("train", "vae_debug", "--train.stepps", "3", encoding="ascii")
    assert wrong.code == 2
    assert wrong.err.count(b"\n") == 1


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["train", "vae_debug", "--train.stepps", "3"], ["--train.stepps", "--train.steps"]),
        (["train", "vae_debug", "--train.steps", "abc"], ["--train.steps", "abc"]),
        (["train", "vae_debug", "--train.steps"], ["--train.steps"]),
        (["sample"], ["RUN"]),
        (["sample", "r", "--scal", "2"], ["--scal", "--scale"]),
        (["evaluate", "r", "--extractor", "x"], ["--extractor", "classifier", "random"]),
        (["finish", "r", "s"], ["s"]),
        (["--tyro-print-completion", "csh"], ["csh"]),
    ],
)
def test_wrong_arguments_give_one_message_that_names_them(arguments, named, monkeypatch):
    monkeypatch.setenv(JSON_VARIABLE, "60")
    ended = run_with(*arguments, encoding="ascii")
    assert ended.code == 2
    error = json.loads(ended.err)
    for word in named:
        assert word in error["error"], error
    assert error["code"] == "invalid-arguments"


def test_a_similar_command_is_suggested():
    error = json.loads(run_with("sampel", "r", "--json", encoding="ascii").err)
    assert error["code"] == "unknown-command"
    assert "'sample'" in error["error"]


def test_a_setting_that_refuses_its_value_keeps_its_code():
    ended = run_with("train", "vae_debug", "--train.steps", "0", "--json", encoding="ascii")
    assert json.loads(ended.err)["code"] not in ("invalid-arguments", "")
    ended = run_with("train", "vae_debug", "--model.prior", "猫", "--json", encoding="ascii")
    assert json.loads(ended.err)["code"] == "unknown-component"


def test_json_without_a_file_is_printed_wherever_it_stands(folder, monkeypatch):
    run = folder / "vae"
    for call in (
        ["doctor", run, "--json"], ["doctor", "--json", run], ["doctor", run, "--json", "-"],
        ["doctor", run, "--json", "--n", "200"],
    ):  # fmt: skip
        printed = json.loads(run_with(*call, encoding="ascii").out)
        assert printed["status"]["name"] == "not trained yet", call


def test_a_stream_of_text_only_stays_as_it_is(monkeypatch):
    notebook = io.StringIO()
    assert run_with("--version", out=notebook, err=io.StringIO()).code == 0
    assert notebook.getvalue().startswith("latentarium ")
