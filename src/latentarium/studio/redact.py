"""Remove the parent folders of runs from messages, since clients may be on other machines."""

from collections.abc import Iterable
from pathlib import Path

from latentarium.texts import change_text


def redact_paths(message: str, folders: Iterable[Path]) -> str:
    """Return the message with the given folders named relative to their parents.

    Arguments:
        message: A message that may contain absolute paths.
        folders: Run folders, and the folder that contains them.
    """
    parents = {str(folder.resolve().parent) for folder in folders}

    def remove_parents(text: str) -> str:
        for parent in sorted(parents, key=len, reverse=True):
            text = text.replace(f"{parent}/", "")
        return text

    return change_text(message, remove_parents)
