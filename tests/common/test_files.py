"""Files are whole or absent."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from bsr_plugins.common import files
from bsr_plugins.common.files import replacing, sweep, write_text


def test_text_replaces_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / 'new' / 'a.txt'
    write_text(target, 'one')
    write_text(target, 'two\n')
    assert target.read_text() == 'two\n'
    assert [path.name for path in target.parent.iterdir()] == ['a.txt']


def test_a_failure_keeps_the_old_file_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    target = tmp_path / 'a.txt'
    write_text(target, 'old')

    def fail() -> None:
        with replacing(target) as path:
            path.write_text('half')
            raise OSError('disk full')

    with pytest.raises(OSError, match='disk full'):
        fail()
    assert target.read_text() == 'old'
    assert list(tmp_path.iterdir()) == [target]


def test_the_temporary_path_keeps_the_suffix_and_is_hidden(tmp_path: Path) -> None:
    with replacing(tmp_path / 'a.png') as path:
        path.write_bytes(b'x')
        assert path.suffix == '.png' and path.name.startswith('.') and path.parent == tmp_path


def left_by(folder: Path, name: str = 'a.txt') -> Path:
    """Let a process that ends at once leave its temporary file."""
    child = os.fork()
    if child == 0:
        temporary = replacing(folder / name)
        temporary.__enter__().write_text('half')
        os._exit(0)
    os.waitpid(child, 0)
    (path,) = [path for path in folder.iterdir() if f'-{child}-' in path.name]
    return path


@pytest.mark.parametrize('name', ['a.txt', 'a', '.a.txt', 'a b.x.y', 'a\nb.txt'])
def test_the_next_write_in_a_folder_sweeps_what_killed_processes_left(name: str, tmp_path: Path) -> None:
    left_by(tmp_path, name)
    write_text(tmp_path / 'b.txt', 'b')
    assert [path.name for path in tmp_path.iterdir()] == ['b.txt']


def test_files_of_the_living_and_of_other_machines_stay_for_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with replacing(tmp_path / 'a.txt') as own:
        own.touch()
        monkeypatch.setattr(files, '_host', lambda: '0123abcd')
        theirs = left_by(tmp_path)
        monkeypatch.undo()
        old = tmp_path / '.a.123456789-0123abcd.partial.txt'  # without a machine, as releases before this one wrote
        for path in (old, tmp_path / '.note', tmp_path / '.a.partial.txt', tmp_path / 'a.b-1-0123abcd.partial'):
            path.touch()
        sweep(tmp_path)
        assert own.exists() and theirs.exists() and old.exists()
        for path in tmp_path.iterdir():
            os.utime(path, (time.time() - 90000,) * 2)
        os.utime(own)
        sweep(tmp_path)
        assert own.exists() and not theirs.exists() and not old.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        '.a.partial.txt',
        '.note',
        'a.b-1-0123abcd.partial',
        'a.txt',
    ]


def test_a_folder_that_is_not_there_or_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep(tmp_path / 'absent')

    def refuse(path: object) -> None:
        raise PermissionError(13, 'Permission denied')

    monkeypatch.setattr(os, 'scandir', refuse)
    sweep(tmp_path)


def test_a_full_disk_is_said_of_the_file_that_was_to_be(tmp_path: Path) -> None:
    def fail() -> None:
        with replacing(tmp_path / 'a.txt') as path:
            path.touch()
            raise OSError(28, 'No space left on device')

    with pytest.raises(OSError, match='a.txt') as caught:
        fail()
    assert caught.value.filename == str(tmp_path / 'a.txt') and list(tmp_path.iterdir()) == []
