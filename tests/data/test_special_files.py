"""Devices, pipes, sockets and unreadable paths are refused at once."""

import os
import socket
from pathlib import Path

import numpy as np
import pytest

from latentarium.cli.show import data_check
from latentarium.data.sources import load_data
from latentarium.errors import UserError
from latentarium.files import require_regular
from support.errors import raises_code

IMAGES = np.zeros((12, 8, 8), np.uint8)


@pytest.fixture
def special(tmp_path, monkeypatch):
    """Return a device, a pipe with the suffix of an archive, and a socket."""
    os.mkfifo(tmp_path / "pipe.zip")
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        yield [Path("/dev/zero"), tmp_path / "pipe.zip", tmp_path / "socket"]


def test_special_files_are_refused_everywhere(special):
    for path in special:
        for refuse in (
            lambda path=path: require_regular(path),
            lambda path=path: load_data(path),
            lambda path=path: load_data(str(path), IMAGES),
            lambda path=path: load_data(IMAGES, path),
            lambda path=path: data_check(str(path), untrusted=True),
        ):
            with raises_code("not-a-file"):
                refuse()


def test_links_to_special_files_are_refused(tmp_path):
    (tmp_path / "link").symlink_to("/dev/zero")
    with raises_code("not-a-file"):
        load_data(tmp_path / "link")


@pytest.mark.parametrize("name", ["no/such/folder", "a\0b/c", "x" * 5000 + "/y", "~nobody/x"])
def test_paths_that_do_not_exist_are_refused(name):
    with pytest.raises(UserError) as caught:
        load_data(name)
    assert caught.value.code in ("file-not-found", "unreadable-file")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_folders_without_permission_are_refused(tmp_path):
    (tmp_path / "closed").mkdir(mode=0)
    for path in (tmp_path / "closed", tmp_path / "closed" / "x"):
        with raises_code("unreadable-file"):
            load_data(path)


def test_folders_that_may_not_be_read_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with raises_code("unreadable-file"):
        load_data(tmp_path)
