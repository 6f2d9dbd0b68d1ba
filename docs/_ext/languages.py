"""State the language of each page, and link each page to its translation."""

from typing import Any

from sphinx.application import Sphinx

CHINESE = "zh-TW"


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the handler."""
    app.connect("html-page-context", set_language)
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
