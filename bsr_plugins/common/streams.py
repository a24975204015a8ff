"""Standard streams that are closed, full or cut off: what is written to them is lost, and the work goes on."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import select
import sys
from typing import Any, Iterator, List, Optional, TextIO

#: The reader of a pipe, or the terminal, has gone.
GONE = (errno.EPIPE, errno.EIO, errno.ECONNRESET)


class GuardedFile(io.RawIOBase):
    """Writes to a file descriptor; where that fails once, it is redirected to nothing, for libraries and children too.

    Attributes:
        lost: Why something was lost; None where nothing was.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.lost: Optional[OSError] = None

    def writable(self) -> bool:
        """Return True."""
        return True

    def fileno(self) -> int:
        """Return the file descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Return whether a terminal shows what is written."""
        return os.isatty(self._descriptor)

    def write(self, content: Any) -> int:
        """Write some of ``content``, or lose it; return how many bytes that was."""
        while self.lost is None:
            try:
                return os.write(self._descriptor, content)
            except BlockingIOError:
                select.select([], [self._descriptor], [])
            except OSError as error:
                self.lost = error
                with contextlib.suppress(OSError):
                    _redirect_to_nothing(self._descriptor)
        return len(content)


def open_closed_streams() -> None:
    """Open those of stdin, stdout and stderr that are closed, as if they were redirected to nothing.

    Their descriptors too: the next file to be opened would be given one of them, and then whatever a library prints.
    """
    for descriptor, name, mode in ((0, 'stdin', 'r'), (1, 'stdout', 'w'), (2, 'stderr', 'w')):
        if not _is_open(descriptor):
            with contextlib.suppress(OSError):
                _redirect_to_nothing(descriptor)
        stream = getattr(sys, name)
        if stream is None or stream.closed:
            setattr(sys, name, open(os.devnull, mode, encoding='utf-8', errors='replace'))  # noqa: SIM115


@contextlib.contextmanager
def guarded_streams() -> Iterator[List[GuardedFile]]:
    """Within this block nothing fails because stdout or stderr cannot be written, or not in the terminal's encoding.

    Yields:
        The file behind stdout, where that is a stream of this process and not another object put in its place: its
        ``lost`` tells whether the output arrived.
    """
    open_closed_streams()
    before = {name: getattr(sys, name) for name in ('stdout', 'stderr')}
    files = {name: _guard(name) for name in before}
    try:
        yield [file for file in (files['stdout'],) if file is not None]
    finally:
        for name, stream in before.items():
            with contextlib.suppress(OSError, ValueError):
                getattr(sys, name).flush()
            setattr(sys, name, stream)


def _guard(name: str) -> Optional[GuardedFile]:
    stream: TextIO = getattr(sys, name)
    if stream is not getattr(sys, f'__{name}__') or type(stream) is not io.TextIOWrapper:
        return None
    with contextlib.suppress(OSError):
        stream.flush()
    file = GuardedFile(stream.fileno())
    text = io.TextIOWrapper(
        io.BufferedWriter(file),
        encoding=stream.encoding,
        errors='backslashreplace',
        line_buffering=name == 'stderr' or stream.line_buffering,
        # -u and PYTHONUNBUFFERED ask for it.
        write_through=getattr(stream, 'write_through', False),
    )
    setattr(sys, name, text)
    return file


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def _redirect_to_nothing(descriptor: int) -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    if nothing == descriptor:
        os.set_inheritable(descriptor, True)
        return
    os.dup2(nothing, descriptor)
    os.close(nothing)
