"""Progress in plain lines: what a bar prints is read again as it was meant."""

import time

import pytest

from latentarium import progress
from latentarium.progress import Display, Reached, duration


def test_what_a_plain_bar_says_is_read_again(monkeypatch, capsys):
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    monkeypatch.setenv(progress.OFTEN, "0.2")
    bar = Display(None).bar("runs/a: 2 of 3, odd", 4)
    bar.update(0, "mode collapse")
    now = 165.0
    bar.update(2, "overfit")
    bar.end()
    lines = capsys.readouterr().err.splitlines()
    assert [Reached.read(line) for line in lines] == [
        Reached(0, 4, None, "mode collapse"), Reached(2, 4, 65.0, "overfit"), None,
    ]  # fmt: skip


def test_who_does_not_ask_for_it_hears_nothing_at_the_start(monkeypatch, capsys):
    monkeypatch.delenv(progress.OFTEN, raising=False)
    Display(None).bar("r", 4).update(0, "mode collapse")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("seconds", [0.0, 7.0, 65.0, 7260.0])
def test_a_duration_is_read_as_it_was_said(seconds):
    said = Reached.read(f"r: 1 of 2, about {duration(seconds)} left")
    assert said is not None
    assert said.left == seconds
