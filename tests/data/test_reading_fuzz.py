"""Random folders, archives and shards are read as a slow and obvious reader reads them."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given

from support import reference_reader as reference
from support.fuzzing import check, fuzz
from support.random_sources import (
    CLASSES,
    RandomSource,
    random_shards,
    random_sources,
    write_shards,
)

FEW, MANY = 100, 2000


def check_folder_and_zip(source: RandomSource) -> None:
    with TemporaryDirectory() as temporary:
        labels = None
        if source.named_table is not None:
            labels = Path(temporary) / source.named_table[0]
            labels.write_bytes(source.named_table[1])
        folder = source.write_folder(Path(temporary) / "source")
        check(lambda: reference.read_folder(folder, labels), folder, labels)
        path = source.write_zip(Path(temporary) / "source.zip")
        check(lambda: reference.read_zip(path, source.encoding, labels), path, labels)


def check_shards(shards: dict[str, dict[str, bytes]]) -> None:
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / "shards"
        paths = write_shards(folder, shards)
        check(lambda: reference.read_shards(paths), folder)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LATENTARIUM_CACHE", str(tmp_path))


def run_folders(examples: int) -> None:
    fuzz(examples)(given(random_sources())(check_folder_and_zip))()


def run_shards(examples: int) -> None:
    fuzz(examples)(given(random_shards())(check_shards))()


def test_folders_and_archives_are_read_like_the_reference():
    run_folders(FEW // 4)


def test_shards_are_read_like_the_reference():
    run_shards(FEW // 4)


@pytest.mark.slow
@pytest.mark.parametrize("run", [run_folders, run_shards])
def test_many_sources_are_read_like_the_reference(run):
    run(MANY)


def test_the_generator_makes_names_that_the_file_system_keeps():
    assert len({os.fsencode(name) for name in CLASSES}) == len(CLASSES)
