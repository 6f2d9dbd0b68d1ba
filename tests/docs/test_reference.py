"""The reference and the lessons are complete."""

import re
from pathlib import Path

import pytest

import latentarium as la
from latentarium import estimators
from latentarium.cli.dispatch import COMMANDS

DOCS = Path(__file__).parent.parent.parent / "docs"
LESSONS = sorted(path.name for path in (DOCS / "learn").glob("*.md"))


def test_every_command_is_in_the_reference():
    text = (DOCS / "reference" / "commands.md").read_text()
    assert set(re.findall(r"```\{command-help\} (.+)", text)) - {"train vae_mnist"} == set(
        COMMANDS
    )


def test_every_public_name_is_in_the_reference():
    text = (DOCS / "reference" / "api.md").read_text()
    names = {f"latentarium.{name}" for name in la.__all__}
    names |= {f"latentarium.estimators.{name}" for name in estimators.__all__}
    assert names <= set(re.findall(r":: (latentarium[\w.]*)", text))


def parts_of(page: Path) -> dict[str, list[str]]:
    """Return what both languages of a lesson must have in common, in its order."""
    text = page.read_text()
    return {
        "code": re.findall(r":pyobject: (\S+)", text),
        "pictures": re.findall(r"plot:: (\S+)", text),
        "formulas": [str(text.count("$$"))],
        "headings": [line.split()[0] for line in re.findall(r"^#+ .*$", text, re.MULTILINE)],
        "exercises": re.findall(r"^(\d)\. ", text, re.MULTILINE),
        "papers": sorted(set(re.findall(r"https?://[^)\s]+", text))),
        "figures": re.findall(r"figures:(\w\S*) -->", text),
    }


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_is_the_same_in_both_languages(name):
    assert parts_of(DOCS / "learn" / name) == parts_of(DOCS / "zh-TW" / "learn" / name)


@pytest.mark.parametrize("name", [name for name in LESSONS if name != "index.md"])
def test_a_lesson_has_exercises_and_a_question(name):
    text = (DOCS / "learn" / name).read_text()
    assert 3 <= len(re.findall(r"^\d\. ", text, re.MULTILINE)) <= 5
    assert "```{dropdown} Answer" in text
    for picture in re.findall(r"plot:: (\S+)", text):
        assert (DOCS / picture).is_file()
