"""The text of the page: everything that the server sends has a Chinese translation."""

import json
import re
from pathlib import Path
from string import Formatter
from typing import get_args

import pytest

from latentarium import presets
from latentarium.diagnostics.examine import issues_of
from latentarium.diagnostics.issue import IssueName
from latentarium.diagnostics.messages import FIXES, REASONS, SIGNS, Evidence
from latentarium.diagnostics.status import StatusName
from latentarium.evaluation.evaluate import all_sections
from latentarium.evaluation.interpretation import CONSERVATIVE, DIRECTIONS
from latentarium.evaluation.report import Report
from latentarium.evaluation.sections import game, likelihood, reconstruction
from latentarium.run import Run
from latentarium.run.shipped_models import SHIPPED, SHIPPED_NAMES
from latentarium.stats.measurement import COMPARED_FIELDS
from latentarium.studio.training.settings import describe_settings

SECTIONS = Path(game.__file__).parent
LOCALES = Path(__file__).parents[2] / "studio" / "src" / "lib" / "locales"
CHINESE = re.compile(r"[\u4e00-\u9fff]")
SAME_IN_BOTH = {"beta"}
"""Names that are not translated."""


@pytest.fixture(scope="module")
def doctor():
    return json.loads((LOCALES / "doctor.json").read_text())


def fields(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name}


@pytest.mark.parametrize("kind", ["signs", "fixes", "reasons"])
def test_each_sentence_of_the_doctor_has_a_translation(doctor, kind):
    english = {"signs": SIGNS, "fixes": FIXES, "reasons": REASONS}[kind]
    assert doctor[kind].keys() == english.keys()
    for code, template in doctor[kind].items():
        assert fields(template) == fields(english[code]), code
        assert CHINESE.search(template) or template == "{error}", code


def test_each_status_issue_and_piece_of_evidence_has_a_chinese_name(doctor):
    for kind, names in (
        ("statuses", StatusName), ("issues", IssueName), ("evidence", Evidence)
    ):  # fmt: skip
        assert doctor[kind].keys() == set(get_args(names))
        assert all(CHINESE.search(word) or word in SAME_IN_BOTH for word in doctor[kind].values())
    for name in presets.all_presets():
        assert doctor["issues"].keys() >= set(issues_of(presets.get(name).model))


def test_each_preset_is_described_in_both_languages():
    translations = json.loads((LOCALES / "presets.json").read_text())
    assert translations.keys() == presets.all_presets().keys()
    for name, texts in translations.items():
        assert texts.keys() == {"en", "zh-TW"}, name
        for title, about in texts.values():
            assert title
            assert about.endswith((".", "?", "。", "？"))
        assert all(CHINESE.search(about) for _, about in [texts["zh-TW"]]), name


def test_each_measure_has_a_name_in_both_languages():
    texts = json.loads((LOCALES / "measures.json").read_text())

    def texts_of(key):
        above = key.rpartition(".")[0]
        return texts["measures"].get(key) or (texts_of(above) if above else None)

    shipped = {
        key: measurement
        for name in SHIPPED_NAMES
        for key, measurement in Report.from_dict(
            Run(SHIPPED / name).metrics()
        ).measurements.items()
    }
    for key in {*DIRECTIONS, *CONSERVATIVE, *shipped} - {"game"}:
        assert texts_of(key), key
        english, chinese = texts_of(key)
        assert CHINESE.search(chinese) or chinese.startswith(("Fréchet", "GAN-t")), key
        assert fields(english) == fields(chinese)
    for title in (likelihood.TITLE, reconstruction.TITLE, game.TITLE):  # of what can't be measured
        assert CHINESE.search(texts["titles"][title][1])
    assert texts["parts"].keys() >= all_sections().keys()
    assert texts["units"].keys() >= {m.unit for m in shipped.values()} - {""}
    assert texts["splits"].keys() >= {m.split for m in shipped.values()}
    for measurement in shipped.values():
        kind = (measurement.extractor or "").split(" ")[0]
        assert any(kind == name or kind.startswith(f"{name}-") for name in texts["extractors"])
    assert texts["fields"].keys() == set(COMPARED_FIELDS)


def test_the_page_names_measures_as_the_command_line_does():
    texts = json.loads((LOCALES / "measures.json").read_text())["measures"]
    sources = " ".join(path.read_text() for path in SECTIONS.glob("*.py"))
    for key, (english, _) in texts.items():
        words = re.sub(r"^(Duality|Optimality|Rarest|Commonest) ", "", english)
        words = re.sub(r"(generator|discriminator) \(.*| \(.*|, .*|\{.*", "", words)
        assert words in sources, key


def test_each_setting_on_the_page_has_a_chinese_name_and_meaning():
    translations = json.loads((LOCALES / "settings.json").read_text())
    shown = {
        f"{field['owner']}.{field['name'].rsplit('.', 1)[-1]}"
        for name in presets.all_presets()
        for field in describe_settings(name)
    }
    assert translations.keys() == shown
    for label, meaning in translations.values():
        assert label
        assert CHINESE.search(meaning)
        assert meaning.endswith("。")
