"""State the language of each page, link each page to its translation, and join the lines of
Chinese paragraphs without spaces."""

import re
from typing import Any

from sphinx.application import Sphinx

CHINESE = "zh-TW"
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
