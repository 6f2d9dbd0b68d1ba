"""Progress as JSON lines for programs, and plain lines for people."""

import json

import pytest

from latentarium.progress import (
    JSON_VARIABLE,
    ProgressLine,
    ProgressTask,
    console_progress,
    format_duration,
    parse_progress,
)
from support.errors import raises_code


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_json_lines_are_parsed_to_what_was_reported(capsys):
    clock = Clock()
    task = ProgressTask("runs/a: 2 of 3, odd", 4, interval=0.2, as_json=True, clock=clock)
    task.update(0, "mode collapse")
    clock.now = 165.0
    task.update(2, "overfit")
    task.update(3, "within the interval")
    task.end()
    lines = capsys.readouterr().err.splitlines()
    assert [parse_progress(line) for line in lines] == [
        ProgressLine(0, 4, "mode collapse", None, "runs/a: 2 of 3, odd"),
        ProgressLine(2, 4, "overfit", 65.0, "runs/a: 2 of 3, odd"),
        ProgressLine(4, 4, "", 0.0, "runs/a: 2 of 3, odd"),
    ]
    assert json.loads(lines[1]) == {
        "progress": 2, "total": 4, "label": "overfit", "seconds_left": 65.0,
        "title": "runs/a: 2 of 3, odd",
    }  # fmt: skip


@pytest.mark.parametrize(
    "line",
    ["", "latentarium: an error", "r: 1 of 2, about 7 s left", "{", "{}", "[1]", "7", "null",
     '{"progress": 1}', '{"progress": "x", "total": 2, "label": "", "seconds_left": null}',
     '{"progress": 1, "total": 1e999, "label": "", "seconds_left": null}', "[" * 100_000],
)  # fmt: skip
def test_other_lines_are_not_progress(line):
    assert parse_progress(line) is None


def test_plain_lines_appear_after_the_interval_only(capsys):
    clock = Clock()
    task = ProgressTask("r", 4, clock=clock)
    task.update(0, "mode collapse")
    clock.now += 9
    task.update(1)
    assert capsys.readouterr().err == ""
    clock.now += 2
    task.update(2)
    task.end()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("r: ") for line in lines)


def test_a_resumed_task_estimates_from_its_own_steps(capsys):
    clock = Clock()
    task = ProgressTask("r", 100, start=90, interval=1.0, as_json=True, clock=clock)
    clock.now += 10
    task.update(95)
    line = parse_progress(capsys.readouterr().err)
    assert line is not None
    assert line.seconds_left == 10.0


def test_the_remaining_time_follows_the_speed_after_a_pause(capsys):
    clock = Clock()
    task = ProgressTask("r", 100, interval=1.0, as_json=True, clock=clock)
    for step in range(1, 91):
        clock.now += 3600 if step == 10 else 2
        task.update(step)
    lines = map(parse_progress, capsys.readouterr().err.splitlines())
    left = {line.done: line.seconds_left for line in lines if line is not None}
    assert left[9] == pytest.approx(2 * 91)
    assert left[10] is not None
    assert left[10] > 3600  # the pause is within the last minute
    assert left[90] == pytest.approx(2 * 10)


def test_steps_of_unequal_length_are_weighted_by_their_share(capsys):
    clock = Clock()
    task = ProgressTask("r", 10, interval=1.0, as_json=True, clock=clock)
    clock.now += 30
    task.update(1, share=0.75)
    line = parse_progress(capsys.readouterr().err)
    assert line is not None
    assert (line.done, line.seconds_left) == (1, 10.0)


def test_the_environment_variable_requests_json(monkeypatch, capsys):
    monkeypatch.setenv(JSON_VARIABLE, "0.2")
    with console_progress() as progress:
        progress.task("r", 4).update(0)
        progress.print("a message")
    first, second = capsys.readouterr().err.splitlines()
    assert parse_progress(first) == ProgressLine(0, 4, title="r")
    assert second == "a message"
    monkeypatch.delenv(JSON_VARIABLE)
    with console_progress() as progress:
        progress.task("r", 4).update(0)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("value", ["often", "-1", "nan", "inf"])
def test_an_interval_that_is_not_a_number_of_seconds_is_refused(monkeypatch, value):
    monkeypatch.setenv(JSON_VARIABLE, value)
    with raises_code("invalid-interval"), console_progress():
        pass


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "0 s"), (7.4, "7 s"), (65.0, "1 min 05 s"), (7260.0, "2 h 01 min")],
)
def test_durations_are_rounded_to_two_units(seconds, text):
    assert format_duration(seconds) == text
