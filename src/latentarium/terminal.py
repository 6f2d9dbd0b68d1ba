"""Text from files and arguments, made safe to print."""

import re

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Characters that move the cursor or start escape sequences, without tabs and line breaks."""


def printable(text: str) -> str:
    r"""Return the text with escapes such as \x1b in place of control characters."""
    return CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)
