"""The text of the page: everything that the server sends has a Chinese translation."""

import json
import re
from pathlib import Path
from string import Formatter
from typing import get_args

import pytest

from latentarium import presets
from latentarium.config import NAMED_COMPONENTS
from latentarium.diagnostics.examine import issues_of
from latentarium.diagnostics.issue import IssueName
from latentarium.diagnostics.messages import FIXES, REASONS, SIGNS, Evidence
from latentarium.diagnostics.status import StatusName
from latentarium.evaluation import reasons
from latentarium.evaluation.evaluate import all_sections
from latentarium.evaluation.interpretation import CONSERVATIVE, DIRECTIONS
from latentarium.evaluation.report import Report
from latentarium.evaluation.sections import game, likelihood, reconstruction
from latentarium.registry import registered
from latentarium.run import Run
from latentarium.run.shipped_models import SHIPPED, SHIPPED_NAMES
from latentarium.stats.measurement import COMPARED_FIELDS
from latentarium.studio.training.settings import describe_settings
from latentarium.studio.training.status import State
from support import page_texts

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


WORDS = {
    "train",
    "validation",
    "test",
    "autoencoder",
    "discriminator",
    "generator",
    *get_args(State),
}
"""Values that the page translates too: splits, players, and states of runs."""
PLACEHOLDER = re.compile(r"\{\w+[^}]*\}")
OF_THE_FORM = {"steps", "seed", "image_size", "batch_size", "the request"}
"""Fields of requests that the framework refuses by their names."""
OF_LIBRARIES = {
    "Not Found", "Method Not Allowed", "File is not a zip file", "No such file or directory",
    "Permission denied", "No space left on device", "Is a directory", "Not a directory",
    "Input/output error", "File name too long", "Read-only file system", "Too many open files",
    "Disk quota exceeded", "unknown error",
}  # fmt: skip
"""Messages of the system and of libraries that a text of the server may contain."""


def placeholders(translation: str) -> set[str]:
    """Return the placeholders that the page fills in."""
    return set(re.findall(r"\{(\w+)\}", translation))


def test_each_text_of_the_server_has_a_translation():
    translations = json.loads((LOCALES / "texts.json").read_text())
    assert translations.keys() == page_texts.templates() | WORDS | OF_THE_FORM | OF_LIBRARIES
    for template, chinese in translations.items():
        assert CHINESE.search(chinese) or not re.search(r"\w{4}", PLACEHOLDER.sub("", template))
        is_pattern = '{"' not in template or "{{" in template  # else it is shown as it is
        assert placeholders(chinese) == (fields(template) if is_pattern else set()), template
        assert "{{" not in chinese, template


def test_no_message_that_the_page_shows_loses_its_template():
    lost = [message.place for message in page_texts.errors() if message.is_expression]
    assert not lost, "use a Text instead of an f-string"


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
        if presets.get(name).train.data != "stacked-mnist":  # else they train on other images too
            words = " ".join(texts["en"] + texts["zh-TW"])
            assert not re.search(r"digit|數字|handwriting|筆跡", words), name


def test_each_measure_has_a_name_in_both_languages():
    texts = json.loads((LOCALES / "measures.json").read_text())

    def texts_of(key):
        above = key.rpartition(".")[0]
        return texts["measures"].get(key) or (texts_of(above) if above else None)

    shipped = {
        key: measurement
        for name in SHIPPED_NAMES
        for key, measurement in Report.from_dict(
            Run(SHIPPED / name).metrics() or {}
        ).measurements.items()
    }
    for key in {*DIRECTIONS, *CONSERVATIVE, *shipped} - {"game"}:
        assert texts_of(key), key
        english, chinese = texts_of(key) or ("", "")
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


def test_each_reason_for_a_missing_measure_has_a_chinese_text():
    texts = json.loads((LOCALES / "measures.json").read_text())["reasons"]
    english = {code: text for code, (text, _) in texts.items() if not code.startswith("error")}
    assert english == reasons.REASONS
    for code, (_, chinese) in texts.items():
        assert CHINESE.search(chinese) or chinese == "{text}", code
        assert fields(chinese) <= fields(texts[code][0]), code
        assert code.startswith("error.") or fields(chinese) == fields(texts[code][0]), code


def test_the_page_names_measures_as_the_command_line_does():
    texts = json.loads((LOCALES / "measures.json").read_text())["measures"]
    sources = " ".join(path.read_text() for path in SECTIONS.glob("*.py"))
    for key, (english, _) in texts.items():
        words = re.sub(r"^(Duality|Optimality|Rarest|Commonest) ", "", english)
        words = re.sub(r"(generator|discriminator) \(.*| \(.*|, .*|\{.*", "", words)
        assert words in sources, key


def test_each_setting_on_the_page_has_a_chinese_name_and_meaning():
    translations = json.loads((LOCALES / "settings.json").read_text())
    choices = {f"model.{kind}": registered(kind) for kind in NAMED_COMPONENTS.values()}
    shown = {
        f"{field['owner']}.{field['name'].rsplit('.', 1)[-1]}"
        for name in presets.all_presets()
        for setting in choices
        for component in choices[setting]
        for field in describe_settings(name, {setting: component})
    }
    assert translations.keys() == shown
    for label, meaning in translations.values():
        assert label
        assert CHINESE.search(meaning)
        assert meaning.endswith("。")


MARKED = re.compile(r"\[\[(\w+):[^\]]+\]\]")


def test_each_marked_term_has_an_explanation_in_both_languages():
    glossary = (LOCALES / "glossary.ts").read_text()
    english, chinese = glossary.split("export const zhTW")
    names = re.findall(r"^    (\w+): explanation\(", english, re.MULTILINE)
    assert names == re.findall(r"^    (\w+): explanation\(", chinese, re.MULTILINE)
    assert len(names) == len(set(names)) > 40
    for path in LOCALES.glob("*.ts"):
        parts = path.read_text().split("export const zhTW")
        marked = [sorted(MARKED.findall(part)) for part in parts]
        assert set(marked[0]) <= set(names), path.name
        assert len({*map(tuple, marked)}) <= 1, f"{path.name}: the languages mark different terms"


EXPLORE_AND_GENERATE = {
    "common.ts": (
        ["The classifier is unsure", "check by eye", "Compared with [[heldOut:held-out images]]",
         "more unusual than ${share}", "weakest", "As realistic as real images, by this test",
         "Barely resembles real images", "Distance to the 5th nearest neighbour: ${distance}",
         "Connection lost. Reconnecting …", "isn't open here"],
        ["分類器不確定", "請仔細檢視", "偏離資料分布", "多少比例的[[heldOut:保留影像]]……",
         "此處的解碼結果", "與第 5 近鄰的距離（z）：${distance}",
         "複製 Python 程式碼", "複製命令列指令"],
    ),
    "explore.ts": (
        ["Reset view", "unusual by at least one measure", "classifier unsure"],
        ["顯示全圖", "檢視", "高斯分布", "偏離資料分布", "編碼器無法還原（往返誤差）",
         "分類器不確定"],
    ),
    "gaussians.ts": (["Of ${n} samples", "Resample", "Temperature"], ["重新抽樣", "溫度"]),
    "generate.ts": (
        ["(${share} of real held-out images are flagged too)", "Temperature",
         "No classifier for these images"],
        ["亂數種子", "溫度", "沒有適用於這批影像的分類器"],
    ),
    "query.ts": (
        ["average error: ${levels} of 255 grey levels", "Gradient descent]] from several starts"],
        ["亂數種子", "重播"],
    ),
}  # fmt: skip
"""Wordings that reviewers asked for, in English and Chinese."""
REPLACED = [
    "look twice", "Hard to read for the judge", "the worst", "rarer than", "As like real images",
    "Hardly like", "New draws", "Ask for", "5th nearest: ", "off by ", "No judge", "downhill",
    "off the data", "on show", "Whole map", "判別器", "評判者", "請多看一眼", "離開資料",
    "認不出來", "在此解碼", "第 5 近：", "複製為", "整張地圖", "觀看", "重走",
]  # fmt: skip


def test_explore_and_generate_have_the_reviewed_wording():
    for name, wanted in EXPLORE_AND_GENERATE.items():
        for part, words in zip(
            (LOCALES / name).read_text().split("export const zhTW"), wanted, strict=True
        ):
            missing = [word for word in words if word not in part]
            assert not missing, f"{name}: {missing}"
        text = (LOCALES / name).read_text()
        assert not [word for word in REPLACED if word in text], name
