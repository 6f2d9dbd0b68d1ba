"""Count the files of a source that are not used, by the reason, and name a few of each."""

from collections import Counter
from collections.abc import Iterable

from latentarium.data.readers.file_names import printable
from latentarium.texts import Text

MAX_EXAMPLES = 3
"""Number of files that are named for each reason."""
MAX_REASONS = 12
"""Number of reasons that a note lists."""


class LeftOut:
    """Files that are not used, counted by the reason.

    A reason is a noun in the plural, such as ".heic files" or "symbolic links".
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        """Number of files by reason."""
        self.examples: dict[str, list[str]] = {}
        """Names of the first files by reason."""

    def add(self, reason: str, name: str, count: int = 1) -> None:
        """Count files that are not used.

        Arguments:
            reason: Why they are not used.
            name: The name of one of them.
            count: How many they are.
        """
        self.counts[reason] += count
        examples = self.examples.setdefault(reason, [])
        if len(examples) < MAX_EXAMPLES:
            examples.append(name)

    def add_all(self, other: "LeftOut") -> None:
        """Add the files that another instance has counted."""
        for reason, count in other.counts.items():
            self.counts[reason] += count
            examples = self.examples.setdefault(reason, [])
            examples += other.examples[reason][: MAX_EXAMPLES - len(examples)]

    def printable(self) -> "LeftOut":
        """Return the same counts with printable names."""
        other = LeftOut()
        other.counts = self.counts
        other.examples = {r: [printable(n) for n in names] for r, names in self.examples.items()}
        return other

    def __len__(self) -> int:
        return sum(self.counts.values())

    def describe(self) -> str:
        """Return a list such as "30 .heic files (a.heic, b.heic, ...), 1 symbolic link (c)"."""
        ordered = sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))
        parts = [
            Text(
                "{count:,} {reason} ({examples})",
                count=count,
                reason=reason if count > 1 else singular(reason),
                examples=examples_text(self.examples[reason], count),
            )
            for reason, count in ordered[:MAX_REASONS]
        ]
        rest = sum(count for _, count in ordered[MAX_REASONS:])
        more = [Text("and {rest:,} more files", rest=rest)] if rest else []
        return Text("{parts}", parts=[*parts, *more]) if parts else ""

    def notes(self) -> tuple[str, ...]:
        """Return a note on the files; none if all files are used."""
        return (Text("left out: {files}", files=self.describe()),) if self.counts else ()


def examples_text(names: Iterable[str], count: int) -> str:
    """Return a few names, separated by commas, with dots if there are more than these.

    Arguments:
        names: The names, of which the first few are listed.
        count: How many there are in all.
    """
    listed = list(names)[:MAX_EXAMPLES]
    return ", ".join([*listed, *(["..."] if count > len(listed) else [])])


def singular(plural: str) -> str:
    """Return the singular of a reason, whose noun is its first word that ends in "s"."""
    if isinstance(plural, Text) and plural.values:
        return Text(singular(plural.template), **plural.values)
    words = plural.split(" ")
    for i, word in enumerate(words):
        if word.endswith("s") and not word.startswith("."):
            words[i] = word[:-1]
            break
    return Text(" ".join(words))
