"""Writes are atomic, locks are seen by other processes, and untrusted JSON is checked."""

import errno
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from latentarium import files
from latentarium.files import (
    atomic_file,
    from_json,
    is_temporary,
    numbered_files,
    read_json,
    read_regular_file,
    write_atomic,
)
from latentarium.locks import file_lock, is_locked, lock_owner
from support.errors import raises_code


def test_a_file_and_its_folders_are_created_and_replaced(tmp_path):
    path = tmp_path / "a" / "b" / "c.bin"
    for content in (b"one", b"", b"three"):
        write_atomic(path, content)
        assert path.read_bytes() == content
    assert os.listdir(path.parent) == ["c.bin"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_a_failed_write_leaves_only_the_old_content(tmp_path, monkeypatch, code):
    path = tmp_path / "x.bin"
    write_atomic(path, b"old")

    def fail(handle):
        assert path.read_bytes() == b"old", "the old content stays until the new one is safe"
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(files.os, "fsync", fail)
    with raises_code("cannot-write") as caught:
        write_atomic(path, b"new")
    assert str(path) in str(caught.value)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["x.bin"]


def test_a_kill_during_a_write_leaves_the_old_content_and_a_recognizable_file(
    tmp_path, monkeypatch
):
    class Killed(BaseException):
        """Like SIGKILL, no handler catches it."""

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


def test_an_interrupted_block_leaves_the_old_content_only(tmp_path):
    path = tmp_path / "x.bin"
    write_atomic(path, b"old")

    def write_a_part(error):
        with atomic_file(path) as file:
            file.write(b"part")
            raise error

    for error in (KeyboardInterrupt, ValueError):
        with pytest.raises(error):
            write_a_part(error)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["x.bin"]


@pytest.mark.parametrize("name", ["", ".", "..", "/", "folder", "folder/.."])
def test_a_folder_is_not_written_to(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    with raises_code("cannot-write"):
        write_atomic(Path(name), b"x")
    assert os.listdir(tmp_path) == ["folder"]


def test_names_may_be_as_long_as_the_file_system_allows(tmp_path):
    for name in ("x" * 255, "猫" * 85, "\n'\"é"):
        write_atomic(tmp_path / name, b"x")
        assert (tmp_path / name).read_bytes() == b"x"
    with raises_code("cannot-write"):
        write_atomic(tmp_path / ("x" * 256), b"x")


def test_the_file_that_a_link_points_to_is_replaced(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    link.symlink_to("target")
    for content in (b"one", b"two"):  # the first one creates it
        write_atomic(link, content)
        assert target.read_bytes() == content
        assert link.is_symlink()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs devices")
def test_devices_and_pipes_are_written_to_and_not_replaced(tmp_path):
    write_atomic(Path(os.devnull), b"x")
    assert Path(os.devnull).is_char_device()
    with raises_code("cannot-write"):
        write_atomic(Path("/dev/full"), b"x")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor() as pool:
        received = pool.submit(pipe.read_bytes)
        write_atomic(pipe, b"content")
        assert received.result() == b"content"
    assert pipe.is_fifo()


def test_threads_that_write_one_file_do_not_disturb_each_other(tmp_path):
    path = tmp_path / "x"
    contents = [bytes([number]) * 10_000 for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda content: write_atomic(path, content, fsync=False), contents * 20))
    assert path.read_bytes() in contents
    assert os.listdir(tmp_path) == ["x"]


def test_content_is_flushed_before_the_rename_and_the_folder_after(tmp_path, monkeypatch):
    """After a power failure, a name must not exist without its content."""
    order = []
    fsync, replace = os.fsync, files.Path.replace

    def record_fsync(handle):
        order.append("folder" if os.path.isdir(f"/proc/self/fd/{handle}") else "content")
        fsync(handle)

    def record_rename(self, target):
        order.append("name")
        return replace(self, target)

    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("no /proc to distinguish the handles of files and folders")
    monkeypatch.setattr(files.os, "fsync", record_fsync)
    monkeypatch.setattr(files.Path, "replace", record_rename)
    write_atomic(tmp_path / "x", b"x")
    assert order == ["content", "name", "folder"]


def test_concurrent_tests_of_a_lock_do_not_disturb_each_other(tmp_path):
    path = tmp_path / ".lock"
    assert not is_locked(path)
    with file_lock(path) as acquired:
        assert acquired
        assert is_locked(path)
        assert lock_owner(path) == os.getpid()
        with file_lock(path) as acquired_again:
            assert not acquired_again
        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(is_locked, [path] * 200))
    with ThreadPoolExecutor(8) as pool:
        assert not any(pool.map(is_locked, [path] * 200))
    assert lock_owner(path) is None
    path.with_suffix(".pid").write_text("7 another.machine")
    assert lock_owner(path) is None


def test_locks_work_without_fcntl(tmp_path, monkeypatch):
    """As on Windows."""
    monkeypatch.setitem(sys.modules, "fcntl", None)
    path = tmp_path / ".lock"
    path.touch()
    assert not is_locked(path)
    with file_lock(path) as acquired:
        assert acquired
        assert is_locked(path)
    assert not is_locked(path)


@pytest.mark.parametrize(
    "content", [b"", b"[1]", b"{", b'{"a": NaN}', b'{"a": 1e999}', b'{"a":' * 100_000]
)
def test_only_finite_json_objects_are_read(tmp_path, content):
    with pytest.raises(ValueError, match=r".+"):
        from_json(content)
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with raises_code("damaged-file"):
        read_json(path, "It is missing.")


def test_a_missing_json_file_means_that_the_folder_is_not_a_run(tmp_path):
    with raises_code("not-a-run"):
        read_json(tmp_path / "config.json", "It is missing.")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match=r".+"):
        read_regular_file(tmp_path / "pipe")


def test_numbered_files_are_in_order_and_other_names_are_ignored(tmp_path):
    for name in ("000000010.png", "000000002.png", "2.png", "000000003.txt", "x.png"):
        (tmp_path / name).touch()
    assert list(numbered_files(tmp_path, ".png")) == [2, 10]
    assert numbered_files(tmp_path / "missing", ".png") == {}
