"""Sentences for people who may be strangers: they name runs and files by where they lie among the
runs, and tell nothing of the rest of the disk."""

from pathlib import Path

from latentarium.studio.registry import Gallery


def brief(sentence: str, gallery: Gallery, runs: Path) -> str:
    """A sentence without the folders in which runs lie.

    Arguments:
        sentence: What is to be said.
        gallery: The models on show.
        runs: The folder in which trainings are found and started.
    """
    folders = [runs, *(one.run.folder for one in gallery if one.run)]
    around = {str(folder.resolve().parent) for folder in folders}
    for place in sorted(around, key=len, reverse=True):
        sentence = sentence.replace(f"{place}/", "")
    return sentence
