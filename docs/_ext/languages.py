"""State the language of each page, translate the labels of the theme, link each page to its
translation, and join the lines of Chinese paragraphs without spaces."""

import re
from typing import Any

from sphinx.application import Sphinx

CHINESE = "zh-TW"
LABELS = {
    "Back to top": "回到頁首",
    "Copyright &#169; %(copyright)s": "版權所有 &#169; %(copyright)s",
    "Home": "首頁",
    "Index": "索引",
    "Made with ": "佈景主題：",
    "Next": "下一頁",
    "On this page": "本頁內容",
    "Previous": "上一頁",
    "Search": "搜尋",
    "Skip to content": "跳到內容",
}
"""Labels of the theme in Chinese; those that it does not look up are in `_templates/page.html`."""
CHARACTER = "[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]"


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the handler."""
    app.connect("html-page-context", set_language)
    app.connect("source-read", join_lines)
    return {"parallel_read_safe": True}


def set_language(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: object
) -> None:
    """Set the language, and the address of the page in the other language."""
    prefix = f"{CHINESE}/"
    is_chinese = page.startswith(prefix)
    context["language"] = CHINESE if is_chinese else "en"
    other = page.removeprefix(prefix) if is_chinese else prefix + page
    if is_chinese:
        context["gettext"] = lambda text: LABELS.get(text, text)
    context["other_language"] = "English" if is_chinese else "繁體中文"
    context["other_page"] = other if other in app.env.found_docs else ""


def join_lines(app: Sphinx, page: str, source: list[str]) -> None:
    """Join the lines of paragraphs in Chinese, between which HTML would show a space."""
    if not page.startswith(f"{CHINESE}/"):
        return
    lines: list[str] = []
    for line in source[0].split("\n"):
        before = lines[-1] if lines else ""
        is_text = not re.match(r"\s*(```|:|#|\||$)", before)
        if is_text and re.search(f"{CHARACTER}$", before) and re.match(rf"\s*{CHARACTER}", line):
            lines[-1] += line.lstrip()
        else:
            lines.append(line)
    source[0] = "\n".join(lines)
