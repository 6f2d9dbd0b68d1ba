"""The translations of the report."""

import json
import re
from importlib.resources import files

import pytest

from latentarium.tour.report import both
from latentarium.tour.translation import translate

CATALOGUE = json.loads(files("latentarium.tour").joinpath("zh-TW.json").read_text("utf-8"))


@pytest.mark.parametrize("template", CATALOGUE["templates"])
def test_a_template_keeps_its_values(template):
    names = list(dict.fromkeys(re.findall(r"{(\w+)}", template)))
    values = {name: f"v{number}" for number, name in enumerate(names)}
    translated = translate(template.format(**values))
    assert translated is not None
    missing = {name for name, value in values.items() if value not in translated}
    assert missing <= {"same"}, "a value of the English text is lost"


def test_placeholders_of_a_translation_are_those_of_its_text():
    for template, translation in CATALOGUE["templates"].items():
        assert set(re.findall(r"{(\w+)}", translation)) <= set(re.findall(r"{(\w+)}", template))


def test_a_value_that_is_a_text_is_translated():
    assert "流模型" in str(translate("In gaps: a flow, trained with the VAE"))


def test_sentences_are_translated_one_by_one():
    first, second = CATALOGUE["texts"]["CGAN."], CATALOGUE["texts"]["Real test images."]
    assert translate("CGAN. Real test images.") == first + second


def test_an_unknown_text_is_shown_once():
    assert translate("A claim of one's own.") is None
    assert both("<b>") == "&lt;b&gt;"
    assert both("Duality gap").count("<span") == 2


def test_translations_are_chinese():
    same = [text for text, chinese in CATALOGUE["texts"].items() if text == chinese]
    assert all(re.fullmatch(r"[A-Za-z]{1,4}|N\(0, I\)", text) for text in same), same
