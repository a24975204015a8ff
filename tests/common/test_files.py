"""Files are whole or absent."""

from __future__ import annotations

from pathlib import Path

import pytest

from bsr_plugins.common.files import replacing, write_text


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
