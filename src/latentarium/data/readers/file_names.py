"""Printable names of files, whatever bytes the names consist of."""

import re
import unicodedata
from collections.abc import Sequence

from latentarium.texts import Text

UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, characters that reverse the direction of text, and surrogates: the bytes of
a name that are not UTF-8."""
REPLACEMENT = "\ufffd"


def printable(text: str) -> str:
    """Return a text in normal form C, with replacement characters for what can't be printed."""
    if text.isascii() and text.isprintable():
        return text
    return unicodedata.normalize("NFC", UNPRINTABLE.sub(REPLACEMENT, as_utf8(text)))


def as_utf8(text: str) -> str:
    """Return a name whose bytes Python has read in another encoding, such as ASCII under the
    locale C, as UTF-8. Bytes that are not UTF-8 stay surrogates."""
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # other surrogates
        return text


def unique_names(texts: Sequence[str]) -> list[str]:
    """Return a printable name for each text; texts that would become equal are numbered."""
    taken: set[str] = set()
    names = []
    for text in texts:
        name, number = printable(text), 2
        while name in taken:
            name, number = f"{printable(text)} ({number})", number + 1
        taken.add(name)
        names.append(name)
    return names


def printable_paths(paths: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return paths whose parts are printable and in Unicode's normal form C.

    Parts that differ only in their normal form become equal, since they look the same. All others
    stay different: parts that would become equal because characters are replaced are numbered.

    Arguments:
        paths: Paths with slashes. Bytes that are not UTF-8 are surrogates, as `os.fsdecode`
            returns them.

    Returns:
        The paths, and notes on what was changed.
    """
    odd = {
        part
        for path in paths
        if not (path.isascii() and path.isprintable())
        for part in path.split("/")
        if not (part.isascii() and part.isprintable())
    }
    if not odd:
        return list(paths), []
    shown: dict[str, str] = {}
    taken: dict[str, str] = {}
    for part in sorted(odd, key=lambda part: part.encode("utf-8", "surrogatepass")):
        name, form = printable(part), unicodedata.normalize("NFC", as_utf8(part))
        unique, number = name, 2
        while taken.setdefault(unique, form) != form:
            unique, number = f"{name} ({number})", number + 1
        shown[part] = unique
    changed = [
        "/".join(shown.get(part, part) for part in path.split("/"))
        if not (path.isascii() and path.isprintable())
        else path
        for path in paths
    ]
    return changed, _notes(shown)


def _notes(shown: dict[str, str]) -> list[str]:
    notes = []
    replaced = sorted({name for part, name in shown.items() if UNPRINTABLE.search(as_utf8(part))})
    if replaced:
        notes.append(
            Text(
                "{count:,} names of files or folders have bytes that are not UTF-8, or control "
                "characters, shown as {replacement}: {names}",
                count=len(replaced),
                replacement=REPLACEMENT,
                names=[*replaced[:3], *(["..."] if len(replaced) > 3 else [])],
            )
        )
    forms: dict[str, int] = {}
    for name in shown.values():
        forms[name] = forms.get(name, 0) + 1
    equal = sorted(name for name, count in forms.items() if count > 1)
    if equal:
        notes.append(
            Text(
                "{count:,} names are spelled in several Unicode forms that look the same, and are "
                "read as one: {names}",
                count=len(equal),
                names=[*equal[:3], *(["..."] if len(equal) > 3 else [])],
            )
        )
    return notes
