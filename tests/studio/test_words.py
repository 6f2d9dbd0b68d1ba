"""The text of the page: everything that the server sends has a Chinese translation."""

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

LOCALES = Path(__file__).parents[2] / "studio" / "src" / "lib" / "locales"
CHINESE = re.compile(r"[\u4e00-\u9fff]")
SAME_IN_BOTH = {"beta"}
"""Names that are not translated."""


@pytest.fixture(scope="module")
def doctor():
    return json.loads((LOCALES / "doctor.json").read_text())


def fields(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name}


@pytest.mark.parametrize("kind", ["signs", "cures", "reasons"])
def test_each_sentence_of_the_doctor_has_a_translation(doctor, kind):
    english = {"signs": SIGNS, "cures": CURES, "reasons": REASONS}[kind]
    assert doctor[kind].keys() == english.keys()
    for code, template in doctor[kind].items():
        assert fields(template) == fields(english[code]), code
        assert CHINESE.search(template) or template == "{sentence}", code


def test_each_issue_and_its_evidence_have_chinese_names(doctor):
    for kind, names in (("diseases", Disease), ("evidence", Evidence)):
        assert doctor[kind].keys() == set(get_args(names))
        assert all(CHINESE.search(word) or word in SAME_IN_BOTH for word in doctor[kind].values())
    for name in presets.all_presets():
        assert doctor["diseases"].keys() >= set(diseases_of(presets.get(name).model))


def test_each_preset_is_described_in_both_languages():
    translations = json.loads((LOCALES / "presets.json").read_text())
    assert translations.keys() == presets.all_presets().keys()
    for name, texts in translations.items():
        assert texts.keys() == {"en", "zh-TW"}, name
        for title, about in texts.values():
            assert title
            assert about.endswith((".", "?", "。", "？"))
        assert all(CHINESE.search(about) for _, about in [texts["zh-TW"]]), name


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
