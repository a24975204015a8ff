"""Streams that are closed, full or cut off."""

from __future__ import annotations

import io
import os
import sys
from typing import Iterator

import pytest

from bsr_plugins.common.streams import GuardedFile, guarded_streams, open_closed_streams


@pytest.fixture
def pipe() -> Iterator[tuple]:
    reading, writing = os.pipe()
    yield reading, writing
    for descriptor in (reading, writing):
        try:
            os.close(descriptor)
        except OSError:
            continue


def test_what_is_written_arrives(pipe: tuple) -> None:
    file = GuardedFile(pipe[1])
    assert file.write(b'abc') == 3 and os.read(pipe[0], 10) == b'abc' and file.lost is None


def test_a_pipe_without_reader_becomes_nothing(pipe: tuple) -> None:
    os.close(pipe[0])
    file = GuardedFile(pipe[1])
    assert file.write(b'abc') == 3
    assert isinstance(file.lost, BrokenPipeError)
    # For what does not go through this object, too.
    assert os.write(pipe[1], b'abc') == 3


def test_a_full_device() -> None:
    with open('/dev/full', 'wb', buffering=0) as full:
        file = GuardedFile(full.fileno())
        assert file.write(b'abc') == 3 and file.lost is not None and file.lost.strerror == 'No space left on device'


def test_a_pipe_that_does_not_block_is_waited_for(pipe: tuple) -> None:
    os.set_blocking(pipe[1], False)
    while True:
        try:
            os.write(pipe[1], bytes(1 << 16))
        except BlockingIOError:
            break
    child = os.fork()
    if child == 0:
        while os.read(pipe[0], 1 << 16):
            pass
        os._exit(0)
    assert GuardedFile(pipe[1]).write(b'abc') == 3
    os.kill(child, 9)
    os.waitpid(child, 0)


@pytest.mark.parametrize('absent', [None, 'closed'])
def test_streams_that_are_not_there(absent: object, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    stream.close()
    for name in ('stdin', 'stdout', 'stderr'):
        monkeypatch.setattr(sys, name, stream if absent else None)
    open_closed_streams()
    print('lost')
    sys.stderr.write('lost')
    assert sys.stdin.read() == ''
    for name in ('stdin', 'stdout', 'stderr'):
        getattr(sys, name).close()


@pytest.mark.parametrize('encoding', ['utf-8', 'ascii', 'latin-1'])
def test_names_that_the_terminal_cannot_show_are_escaped(
    encoding: str, pipe: tuple, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.TextIOWrapper(io.FileIO(pipe[1], 'w', closefd=False), encoding=encoding, write_through=True)
    monkeypatch.setattr(sys, 'stdout', stream)
    monkeypatch.setattr(sys, '__stdout__', stream)
    with guarded_streams() as (output,):
        print('a\udcff\u5199', flush=True)
    assert output.lost is None and sys.stdout is stream
    seen = os.read(pipe[0], 100).decode(encoding)
    assert seen == ('a\\udcff\u5199\n' if encoding == 'utf-8' else 'a\\udcff\\u5199\n')


def test_objects_put_in_the_place_of_streams_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    other = io.StringIO()
    monkeypatch.setattr(sys, 'stdout', other)
    with guarded_streams() as output:
        assert sys.stdout is other and output == []
