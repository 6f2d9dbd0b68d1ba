"""A reader sees the old content or the new one, and never a part."""

import errno
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from latentarium import files
from latentarium.errors import UserError
from latentarium.files import hold, holder, is_held, is_temporary, write_atomic


def test_a_file_and_its_folders_are_made_and_replaced(tmp_path):
    path = tmp_path / "a" / "b" / "c.bin"
    for content in (b"one", b"", b"three"):
        write_atomic(path, content)
        assert path.read_bytes() == content
    assert os.listdir(path.parent) == ["c.bin"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_a_write_that_fails_leaves_the_old_content_and_nothing_else(tmp_path, monkeypatch, code):
    path = tmp_path / "x.bin"
    write_atomic(path, b"old")

    def fail(handle):
        assert path.read_bytes() == b"old", "the old content is in use until the new is safe"
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(files.os, "fsync", fail)
    with pytest.raises(UserError, match=r"Can't write .*x.bin: .* run the same command again"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["x.bin"]


def test_a_kill_in_the_middle_leaves_the_old_content_and_a_known_leftover(tmp_path, monkeypatch):
    class Killed(BaseException):
        """Nothing catches it, as nothing catches SIGKILL."""

    def die(handle):
        raise Killed

    path = tmp_path / "x.bin"
    write_atomic(path, b"old")
    monkeypatch.setattr(files.os, "fsync", die)
    with pytest.raises(Killed):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    others = [p for p in tmp_path.iterdir() if p != path]
    assert len(others) == 1
    assert is_temporary(others[0])
    assert not is_temporary(path)


def test_content_is_flushed_before_its_name_and_its_folder_after(tmp_path, monkeypatch):
    """What survives a power cut: first the bytes, then the name, then the folder's entry."""
    order = []
    fsync, replace = os.fsync, files.Path.replace

    def flush(handle):
        order.append("folder" if os.path.isdir(f"/proc/self/fd/{handle}") else "content")
        fsync(handle)

    def rename(self, target):
        order.append("name")
        return replace(self, target)

    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("no /proc to tell a file's handle from a folder's")
    monkeypatch.setattr(files.os, "fsync", flush)
    monkeypatch.setattr(files.Path, "replace", rename)
    write_atomic(tmp_path / "x", b"x")
    assert order == ["content", "name", "folder"]


def test_a_lock_is_seen_by_many_at_once_and_by_none_of_those_who_only_look(tmp_path):
    path = tmp_path / ".lock"
    assert not is_held(path)
    with hold(path) as mine:
        assert mine
        assert is_held(path)
        assert holder(path) == os.getpid()
        with hold(path) as other:
            assert not other
        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(is_held, [path] * 200))
    with ThreadPoolExecutor(8) as pool:
        assert not any(pool.map(is_held, [path] * 200))
    assert holder(path) is None
    path.with_suffix(".pid").write_text("7 another.machine")
    assert holder(path) is None


def test_a_lock_is_seen_where_there_is_no_fcntl(tmp_path, monkeypatch):
    """As on Windows."""
    monkeypatch.setitem(sys.modules, "fcntl", None)
    path = tmp_path / ".lock"
    path.touch()
    assert not is_held(path)
    with hold(path) as mine:
        assert mine
        assert is_held(path)
    assert not is_held(path)
