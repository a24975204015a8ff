"""A lock file: one process at a time, the holder named, and nothing left of one that is gone."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest

from bsr_plugins.common.locks import Holder, hold
from forked_child import in_child

pytest.importorskip('fcntl')


def test_a_second_process_is_told_who_holds_it(tmp_path: Path) -> None:
    held = hold(tmp_path / '.x.lock')

    def second() -> None:
        with pytest.raises(Holder) as caught:
            hold(tmp_path / '.x.lock')
        (tmp_path / 'said').write_text(str(caught.value))

    assert in_child(second) == 0
    said = (tmp_path / 'said').read_text()
    assert f'process {os.getpid()} on {socket.gethostname()}, since ' in said
    held.release()
    assert not (tmp_path / '.x.lock').exists()
    assert in_child(lambda: hold(tmp_path / '.x.lock')) == 0


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    def hold_and_wait() -> None:
        hold(tmp_path / '.x.lock')
        (tmp_path / 'ready').touch()
        time.sleep(60)

    pid = in_child(hold_and_wait, wait=False)
    while not (tmp_path / 'ready').exists():
        time.sleep(0.01)
    with pytest.raises(Holder, match=f'process {pid} on'):
        hold(tmp_path / '.x.lock')
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    held = hold(tmp_path / '.x.lock')
    assert f'process {os.getpid()} ' in held.path.read_text()
    # Reading the file and closing it lets go of a lock of POSIX's kind: nothing else is done with it here.
    held.release()


def test_a_child_neither_inherits_nor_releases_it(tmp_path: Path) -> None:
    held = hold(tmp_path / '.x.lock')
    assert in_child(held.release) == 0
    assert in_child(lambda: hold(tmp_path / '.x.lock')) == 3
    held.release()


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        hold(tmp_path / 'absent' / '.x.lock')
