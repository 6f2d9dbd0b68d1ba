"""Remove the parent folders of runs from messages, since clients may be on other machines."""

from collections.abc import Iterable
from pathlib import Path


def redact_paths(message: str, folders: Iterable[Path]) -> str:
    """Return the message with the given folders named relative to their parents.

    Arguments:
        message: A message that may contain absolute paths.
        folders: Run folders, and the folder that contains them.
    """
    parents = {str(folder.resolve().parent) for folder in folders}
    for parent in sorted(parents, key=len, reverse=True):
        message = message.replace(f"{parent}/", "")
    return message
