"""Show the docstrings of the package, which are plain text, as reStructuredText.

An indented block, such as a table or a formula, becomes a literal block. Elsewhere, characters
that reStructuredText would read as markup, as in |x - x*|, are escaped.
"""

import re

from sphinx.application import Sphinx

CODE = re.compile(r"(``.*?``|`[^`]*`|\*\*[^*]+\*\*|:\w+:`[^`]*`)")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the handler, after that of napoleon."""
    app.connect("autodoc-process-docstring", convert, priority=900)
    return {"parallel_read_safe": True}


def convert(
    app: Sphinx, what: str, name: str, object_: object, options: object, lines: list[str]
) -> None:
    """Convert the lines of a docstring in place."""
    converted: list[str] = []
    literal = False
    for number, line in enumerate(lines):
        if line.strip() and not line.startswith("    "):
            literal = False
        if not literal and _starts_block(lines, number):
            literal = True
            converted += ["::", ""]
        is_code = literal or line.lstrip().startswith((">>>", "..."))
        converted.append(line if is_code else _escape(line))
    lines[:] = converted


def _starts_block(lines: list[str], number: int) -> bool:
    """Return whether an indented block that follows a paragraph starts in this line."""
    if number < 2 or not lines[number].startswith("    ") or lines[number - 1].strip():
        return False
    before = lines[number - 2]
    return (
        bool(before.strip())
        and not before.startswith((" ", ":", ".."))
        and ">>>" not in lines[number]
    )


def _escape(line: str) -> str:
    if line.lstrip().startswith((":", "..")):
        head, colon, rest = line.partition(": ")
        return head + colon + _escape(rest) if colon else line
    return "".join(
        part if index % 2 else re.sub(r"[|*_]", r"\\\g<0>", part)
        for index, part in enumerate(CODE.split(line))
    )
