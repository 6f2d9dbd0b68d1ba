"""Standard streams that never raise an exception.

A command may run where stdout is a full disk, a pipe that nobody reads, or closed, and where the
encoding of the terminal lacks the characters of a message. `tolerant_streams` replaces stdout and
stderr during a command: characters that can't be encoded are replaced, and once a write has
failed, later output is dropped. So a training goes on when its terminal is gone, and the caller
decides at the end what a lost result means.
"""

import codecs
import contextlib
import errno
import io
import os
import select
import sys
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

SPELL, ESCAPE = "latentarium.spell", "latentarium.escape"
"""Names of the error handlers for characters that can't be encoded: reports on stdout are spelled
with similar characters; messages on stderr name files and arguments exactly."""
SIMILAR = {"±": "+/-", "×": "x", "–": "-", "—": "-", "−": "-", "’": "'", "≤": "<=", "≥": ">="}
"""What is similar to characters of reports that Unicode does not decompose into ASCII."""


class TolerantWriter(io.RawIOBase):
    """Writes bytes to a stream until a write fails; then drops them.

    Arguments:
        target: An unbuffered stream of bytes, or one in memory; None if the stream is closed.
    """

    def __init__(self, target: Any) -> None:  # noqa: ANN401  no common type
        super().__init__()
        self._target = target
        self.failure: Exception | None = None
        """The error that lost output; None as long as everything was written."""

    @property
    def name(self) -> object:
        return getattr(self._target, "name", "<closed>")

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        if self._target is None:
            raise io.UnsupportedOperation("fileno")
        return self._target.fileno()

    def isatty(self) -> bool:
        try:
            return self._target is not None and self._target.isatty()
        except ValueError:  # closed
            return False

    def write(self, content: Any, /) -> int:  # noqa: ANN401  any buffer
        view = memoryview(content).cast("B")
        if self.failure is None:
            try:
                self._write_all(view)
            except (OSError, ValueError) as error:  # ValueError: closed
                self.failure = error
        return len(view)

    def _write_all(self, view: memoryview) -> None:
        if self._target is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        while view:
            written = self._target.write(view)
            if written is None:  # a full pipe that doesn't block
                select.select([], [self._target], [])
            else:
                view = view[written:]
        self._target.flush()


@contextmanager
def tolerant_streams(*, permanent: bool = False) -> Iterator[TolerantWriter | None]:
    """Make stdout and stderr tolerant until the block ends.

    Arguments:
        permanent: The process runs only this command: the streams stay tolerant, and closed
            descriptors are opened, so that no file that is opened later gets the number of stdout.

    Returns:
        A context manager that gives the writer of stdout, which knows whether output was lost;
        None if stdout takes text only, as in a notebook, and stays as it is.
    """
    codecs.register_error(SPELL, partial(_replace, _similar))
    codecs.register_error(ESCAPE, partial(_replace, _escaped))
    closed = _open_closed_descriptors() if permanent else ()
    previous = sys.stdin, sys.stdout, sys.stderr
    if sys.stdin is None:
        sys.stdin = io.StringIO()
    sys.stdout, writer = _tolerant(None if 1 in closed else cast(Any, sys.stdout), SPELL)
    sys.stderr, _ = _tolerant(None if 2 in closed else cast(Any, sys.stderr), ESCAPE)
    try:
        yield writer
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        if not permanent:
            sys.stdin, sys.stdout, sys.stderr = previous


def _tolerant(
    stream: io.TextIOBase | None, errors: str
) -> tuple[io.TextIOBase, TolerantWriter | None]:
    """Return a tolerant stream with the encoding of a stream, and its writer."""
    encoding, line_buffered, target = "utf-8", True, None
    if stream is not None:
        buffer = getattr(stream, "buffer", None)
        if buffer is None:
            return stream, None
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
        encoding = getattr(stream, "encoding", None) or encoding
        line_buffered = getattr(stream, "line_buffering", True)
        # what a buffer failed to write, it would try to write again at exit, and fail again
        target = getattr(buffer, "raw", buffer)
    writer = TolerantWriter(target)
    text = io.TextIOWrapper(
        writer,  # pyright: ignore[reportArgumentType]  it writes all that it is given
        encoding,
        errors,
        line_buffering=line_buffered,
    )
    return text, writer


def _open_closed_descriptors() -> tuple[int, ...]:
    """Open the null device for each standard stream that is closed, and return their numbers."""
    closed = []
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            os.set_inheritable(number, True)
            closed.append(number)
    return tuple(closed)


def _replace(replacement: Callable[[str], str], error: UnicodeError) -> tuple[str | bytes, int]:
    """Handle an error of an encoding; bytes of file names become U+FFFD where it exists."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    if error.encoding.lower().replace("_", "-").startswith("utf-8"):
        return "\ufffd".encode() * len(text), error.end
    return "".join(map(replacement, text)), error.end


def _similar(char: str) -> str:
    """Return "e" for "é", "+/-" for "±", and "?" for what has no similar characters."""
    plain = unicodedata.normalize("NFKD", char).encode("ascii", "ignore").decode()
    return SIMILAR.get(char) or plain or "?"


def _escaped(char: str) -> str:
    """Return "\\xe9" for "é", and "\\xff" for this byte of a file name."""
    byte = char.encode("utf-8", "surrogateescape") if "\udc80" <= char <= "\udcff" else b""
    return f"\\x{byte[0]:02x}" if byte else char.encode("ascii", "backslashreplace").decode()
