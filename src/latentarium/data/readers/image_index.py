"""Find the images that the rows of a table name."""

import posixpath
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from pathlib import PurePosixPath

from latentarium.data.readers.listing import IMAGE_SUFFIXES, SourceFile

AMBIGUOUS = -1
"""Several images fit a name."""
Finder = Callable[[str], int | None]
"""A function that returns the number of the image that a name means."""


class ImageIndex:
    """Images by the names that a table may use for them.

    A name is the path relative to the table's folder, or a part of the path: the end of the
    image's path, or a longer path that ends like the image's, such as an absolute path. The suffix
    may be missing. One of these forms applies to all rows of a table.

    Arguments:
        files: The images.
        base: The folder of the table; "" for the folder of the source.
        numbers: The numbers of the images that the table may name; None for all.
    """

    def __init__(
        self, files: Sequence[SourceFile], base: str, numbers: Iterable[int] | None = None
    ) -> None:
        paths = [file.reference or file.name for file in files]
        while base and not any(path.startswith(base + "/") for path in paths):
            base = base.rpartition("/")[0]  # tables may have a folder of their own
        start = base + "/" if base else ""
        self._paths = {
            i: paths[i].removeprefix(start)
            for i in (range(len(paths)) if numbers is None else numbers)
            if paths[i].startswith(start)
        }
        folders = [path.rpartition("/")[0] for path in self._paths.values()]
        common = posixpath.commonpath(folders) if folders and all(folders) else ""
        self._below = len(common) + 1 if common else 0
        self._finders: dict[Callable[[str], str], tuple[Finder, Finder]] = {}
        self.count: int = len(self._paths)
        """Number of images below the folder of the table."""

    def match(self, names: Sequence[str], *, with_suffix: bool = False) -> list[int | None]:
        """Return the number of the image that each name means.

        Arguments:
            names: The names, as a table states them.
            with_suffix: Whether names must have the suffix of their image.

        Returns:
            For each name, the image's number, `AMBIGUOUS`, or None if there is no such image.
        """
        clean = [_clean(name) for name in names]
        best: list[int | None] = [None] * len(names)
        most = 0
        for form in FORMS[:1] if with_suffix else FORMS:
            if form not in self._finders:  # a table may have many columns
                self._finders[form] = (self._find_whole(form), self._find_end(form))
            for find in self._finders[form]:
                found = [find(form(name)) for name in clean]
                count = sum(i is not None and i != AMBIGUOUS for i in found)
                if count > most or (not most and any(i is not None for i in found)):
                    best, most = found, max(count, most)
                if most == len(names):
                    return best
        return best

    def fitting(self, name: str) -> list[str]:
        """Return the paths of the images that a name may mean."""
        form = _without_suffix_and_case
        ends = set(_ends(form(_clean(name))))
        return [
            path
            for path in self._paths.values()
            if form(path[self._below :]) in ends or form(_clean(name)) in _ends(form(path))
        ]

    def _find_whole(self, form: Callable[[str], str]) -> Finder:
        return _unique((form(path), i) for i, path in self._paths.items()).get

    def _find_end(self, form: Callable[[str], str]) -> Finder:
        """Match if the end of the name is the image's path, or the other way round."""
        whole = _unique((form(path[self._below :]), i) for i, path in self._paths.items())
        ends = _unique(
            (end, i) for i, path in self._paths.items() for end in _ends(form(path[self._below :]))
        )

        def find(name: str) -> int | None:
            if name in ends:
                return ends[name]
            return next((whole[end] for end in _ends(name) if end in whole), None)

        return find


def _unique(pairs: Iterable[tuple[str, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, i in pairs:
        found[name] = i if found.get(name, i) == i else AMBIGUOUS
    return found


def _ends(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[i:]) for i in range(len(parts))]


def _clean(name: str) -> str:
    """Return a path with slashes, without dots at its start and without a drive."""
    path = unicodedata.normalize("NFC", name).replace("\\", "/").strip()
    return re.sub(r"^([A-Za-z]:)?(/|\.{1,2}/)*", "", path)


def _without_suffix(path: str) -> str:
    stem, dot, suffix = path.rpartition(".")
    return stem if dot and f".{suffix.lower()}" in IMAGE_SUFFIXES else path


def _without_suffix_and_case(path: str) -> str:
    return _without_suffix(path).casefold()


FORMS = (str, _without_suffix, _without_suffix_and_case)
"""Functions that return the part of a path that counts, from the strictest one."""


def folder_of(name: str) -> str:
    """Return the folder of a file in a source; "" for the folder of the source."""
    parent = str(PurePosixPath(name).parent)
    return "" if parent == "." else parent
