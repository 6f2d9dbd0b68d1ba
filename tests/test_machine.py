"""The description of the machine that results carry."""

import re
from pathlib import Path

import pytest

from latentarium.machine import cpu_name, describe_machine


@pytest.mark.parametrize(
    ("model_name", "short"),
    [
        ("Intel(R) Xeon(R) Processor", "Intel Xeon"),
        ("AMD EPYC", "AMD EPYC"),
        ("Intel(R) Core(TM) i7-8550U CPU @ 1.80GHz", "Intel Core i7-8550U"),
        ("AMD Ryzen 7 5800X 8-Core Processor", "AMD Ryzen 7 5800X 8-Core"),
    ],
)
def test_processors_have_short_names(monkeypatch, model_name, short):
    text = f"processor\t: 0\nmodel name\t: {model_name}\nflags\t\t: fpu vme\n"
    monkeypatch.setattr(Path, "read_text", lambda path: text)
    assert cpu_name() == short


def test_a_processor_that_linux_does_not_name_has_none(monkeypatch):
    monkeypatch.setattr(Path, "read_text", lambda path: "processor\t: 0\nCPU part\t: 0xd0c\n")
    assert cpu_name() == ""
    assert re.fullmatch(r"\d+ x \S+, \d+ threads", describe_machine())


def test_results_name_processor_and_threads():
    assert re.fullmatch(rf"({re.escape(cpu_name())}, )?\d+ x \S+, \d+ threads", describe_machine())
