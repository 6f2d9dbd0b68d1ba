"""Outputs that are too large are refused before memory is used, or written part by part."""

import shutil
import zipfile
from collections import namedtuple

import numpy as np
import pytest
import torch

from latentarium import presets
from latentarium.data.dataset import to_uint8
from latentarium.image_files import MAX_GRID_BYTES, grid, grid_scale, write_npz
from latentarium.models.inference import BATCH_SIZE
from latentarium.training import train
from support.command_line import error_code, run_command
from support.errors import raises_code
from support.tiny import tiny_data

HUGE = 10**9


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("large") / "run"
    return train(presets.cgan_debug(), folder, tiny_data())


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["-n", HUGE], "grid-too-large"),
        (["--scale", 100_000], "grid-too-large"),
        (["--scale", 10**400], "grid-too-large"),
        (["-n", HUGE, "--out", "x.npz"], "invalid-count"),
        (["-n", 10**400, "--out", "x.npz"], "invalid-count"),
    ],
)
def test_what_does_not_fit_into_memory_is_refused(
    run, capsys, tmp_path, monkeypatch, options, code
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(type(run.load()), "decode", None)  # no time is spent on samples
    assert error_code(capsys, "sample", run.folder, *options) == code
    assert list(tmp_path.iterdir()) == []


def test_other_counts_are_refused_or_limited(run, capsys, tmp_path):
    out = tmp_path / "b"
    assert error_code(capsys, "bench", "ring", "--seeds", HUGE, "--out", out) == "invalid-count"


def test_many_samples_are_written_part_by_part_and_equal_those_of_python(
    run, tmp_path, monkeypatch
):
    n, out = 2 * BATCH_SIZE + 5, tmp_path / "many.npz"
    sizes = []

    def recorded(images):
        sizes.append(len(images))
        return to_uint8(images)

    monkeypatch.setattr("latentarium.image_files.to_uint8", recorded)
    run_command("sample", run.folder, "-n", n, "--out", out, "--label", "1")
    assert max(sizes) <= BATCH_SIZE
    assert sum(sizes) == n
    with np.load(out) as archive:
        stored = archive["images"]
    expected = to_uint8(run.load().sample(n, 1)).numpy()
    assert stored.shape == expected.shape
    assert np.abs(stored.astype(int) - expected).max() <= 1


def test_equal_samples_give_equal_files(run, tmp_path):
    outs = [tmp_path / "a.npz", tmp_path / "b.npz"]
    for out in outs:
        run_command("sample", run.folder, "-n", 20, "--out", out)
    assert outs[0].read_bytes() == outs[1].read_bytes()
    with zipfile.ZipFile(outs[0]) as archive:
        assert archive.infolist()[0].compress_type == zipfile.ZIP_DEFLATED


def test_a_file_that_will_not_fit_on_the_disk_is_refused_early(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 0, 10**6))
    parts = iter([torch.rand(100, 1, 28, 28) * 2 - 1] * 100)
    out = tmp_path / "x.npz"
    with raises_code("cannot-write"):
        write_npz(out, parts, 10_000)
    assert len(list(parts)) >= 95, "the rest was not computed"
    assert list(tmp_path.iterdir()) == []


def test_default_enlargement_is_reduced_to_what_fits():
    assert grid_scale(64, (1, 28, 28)) == 4
    assert grid_scale(10_000, (1, 28, 28)) == 4
    assert grid_scale(40_000, (1, 28, 28)) < 4
    assert grid_scale(1, (3, 128, 128)) == 1
    with raises_code("grid-too-large"):
        grid_scale(40_000, (1, 28, 28), 4)


def test_the_size_of_a_grid_is_estimated():
    for n, shape, scale in ((1, (1, 9, 7), 3), (10, (3, 5, 5), 1), (17, (2, 8, 8), 2)):
        size = grid(torch.zeros(n, *shape), scale=scale).nbytes
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("latentarium.image_files.MAX_GRID_BYTES", size - 1)
            with raises_code("grid-too-large"):
                grid_scale(n, shape, scale)
    assert MAX_GRID_BYTES < 1 << 30


def test_an_interrupted_sampling_leaves_no_file(run, tmp_path, monkeypatch):
    def interrupted(images):
        raise KeyboardInterrupt

    monkeypatch.setattr("latentarium.image_files.to_uint8", interrupted)
    with pytest.raises(SystemExit) as stop:
        run_command("sample", run.folder, "--out", tmp_path / "x.npz")
    assert stop.value.code == 130
    assert list(tmp_path.iterdir()) == []
