"""The report's texts in Traditional Chinese.

`zh-TW.json` contains a translation for each English text. A text that contains computed parts is a
template such as "Duality gap at its peak, step {step}". What {step} stands for is inserted into
the translation, and is itself translated if it has a translation.
"""

import functools
import json
import re
from importlib.resources import files


def translate(text: str) -> str | None:
    """Return the Chinese translation of a text of the report; None if there is none.

    A text that has no translation as a whole is translated sentence by sentence.
    """
    if not text:
        return ""
    whole = _translate_whole(text)
    sentences = re.split(r"(?<=\.) (?=[A-Z0-9])", text)
    if whole is not None or len(sentences) == 1:
        return whole
    parts = [_translate_whole(sentence) for sentence in sentences]
    return None if None in parts else "".join(map(str, parts))


def _translate_whole(text: str) -> str | None:
    exact, templates = _catalogue()
    if text in exact:
        return exact[text]
    for pattern, translation in templates:
        if match := pattern.fullmatch(text):
            parts = {name: translate(part) or part for name, part in match.groupdict().items()}
            return translation.format(**parts)
    return None


@functools.cache
def _catalogue() -> tuple[dict[str, str], list[tuple[re.Pattern[str], str]]]:
    """Return the translations of constant texts, and of templates with their patterns."""
    content = json.loads(files("latentarium.tour").joinpath("zh-TW.json").read_text("utf-8"))
    texts: dict[str, str] = content["texts"]
    templates: dict[str, str] = content["templates"]
    # the most specific template first: the one with the longest constant part
    by_length = sorted(templates.items(), key=lambda item: -len(re.sub(r"{\w+}", "", item[0])))
    return texts, [(_pattern(template), translation) for template, translation in by_length]


def _pattern(template: str) -> re.Pattern[str]:
    """Return the pattern of a template; a name that occurs twice stands for equal texts."""
    seen: set[str] = set()

    def group(match: re.Match[str]) -> str:
        name = match[1]
        repeated = name in seen
        seen.add(name)
        return f"(?P={name})" if repeated else f"(?P<{name}>.+?)"

    return re.compile(re.sub(r"\\{(\w+)\\}", group, re.escape(template)), re.DOTALL)
