"""The first lines of a training state what is noted on its data."""

from dataclasses import replace

import latentarium as la
from latentarium import presets
from latentarium.diagnostics.live import ConsoleReporter
from latentarium.progress import ConsoleProgress
from latentarium.training import Reporter
from support.tiny import tiny_data


class Recorder(Reporter):
    """Records the order of its calls."""

    def __init__(self):
        self.calls = []

    def describe_data(self, data):
        self.calls.append(("data", data.notes, data.problems))

    def start(self, run, step):
        self.calls.append(("start", step))


def test_the_data_are_described_before_the_first_step(tmp_path):
    data = replace(tiny_data(), notes=("left out: 1 .heic file (a.heic)",), problems=("Odd.",))
    recorder = Recorder()
    config = presets.get("ae_debug")
    config = replace(config, train=replace(config.train, steps=2))
    la.train(config, tmp_path / "r", data, reporter=recorder)
    assert recorder.calls == [("data", data.notes, data.problems), ("start", 0)]


def test_each_note_and_problem_is_a_line_on_stderr(capsys):
    data = replace(tiny_data(), notes=("one", "two [/b]"), problems=("Odd.",))
    ConsoleReporter(ConsoleProgress(), "r").describe_data(data)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == ["data: one", "data: two [/b]", "data, problem: Odd."]


def test_nothing_is_printed_without_notes(capsys):
    ConsoleReporter(ConsoleProgress(), "r").describe_data(replace(tiny_data(), notes=()))
    assert capsys.readouterr().err == ""
