"""What the page says in Chinese: nothing that the server may send is left in English."""

import json
import re
from pathlib import Path
from string import Formatter
from typing import get_args

import pytest

from latentarium import presets
from latentarium.diagnostics.issue import Disease, diseases_of
from latentarium.diagnostics.messages import CURES, REASONS, SIGNS, Evidence, NotShown, Said, why
from latentarium.errors import UserError

WORDS = Path(__file__).parents[2] / "studio" / "src" / "lib" / "words"
CHINESE = re.compile(r"[\u4e00-\u9fff]")
NAMES = {"beta"}
"""Words that are the same in both languages."""


@pytest.fixture(scope="module")
def doctor():
    return json.loads((WORDS / "doctor.json").read_text())


def fields(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name}


@pytest.mark.parametrize("kind", ["signs", "cures", "reasons"])
def test_each_sentence_of_the_doctor_is_said_in_chinese_too(doctor, kind):
    english = {"signs": SIGNS, "cures": CURES, "reasons": REASONS}[kind]
    assert doctor[kind].keys() == english.keys()
    for code, template in doctor[kind].items():
        assert fields(template) == fields(english[code]), code
        assert CHINESE.search(template) or template == "{sentence}", code


def test_each_disease_and_each_number_that_shows_it_has_a_chinese_name(doctor):
    for kind, names in (("diseases", Disease), ("evidence", Evidence)):
        assert doctor[kind].keys() == set(get_args(names))
        assert all(CHINESE.search(word) or word in NAMES for word in doctor[kind].values())
    for name in presets.all_presets():
        assert doctor["diseases"].keys() >= set(diseases_of(presets.get(name).model))


def test_each_preset_is_said_in_both_languages():
    found = json.loads((WORDS / "presets.json").read_text())
    assert found.keys() == presets.all_presets().keys()
    for name, words in found.items():
        assert words.keys() == {"en", "zh-TW"}, name
        for title, about in words.values():
            assert title
            assert about.endswith((".", "?", "。", "？"))
        assert all(CHINESE.search(about) for _, about in [words["zh-TW"]]), name


def test_a_sentence_is_that_of_its_code_with_its_values():
    assert str(Said("missing one", {"classes": ["7"]})) == "class 7 is hardly ever made"
    many = [str(i) for i in range(9)]
    assert str(Said("missing", {"classes": many})) == (
        "classes 0, 1, 2, 3, 4 and 4 more are hardly ever made"
    )
    few = NotShown("few held out", train=60_000, held_out=9)
    assert str(few) == "beside 60,000 training images, 9 held-out ones are too few to tell."
    assert why(few) == Said("few held out", {"train": 60_000, "held_out": 9})
    assert str(why(UserError("Else: mend."))) == "Else: mend."
