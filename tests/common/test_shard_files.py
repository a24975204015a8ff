"""Shards of a text, put together by the last one to be finished."""

from __future__ import annotations

from pathlib import Path
from typing import Any, List, Optional

import pytest

from bsr_plugins.common import shard_files
from bsr_plugins.common.errors import DataError
from bsr_plugins.common.locks import Holder
from bsr_plugins.common.shard import Shard
from bsr_plugins.common.shard_files import MadeShard, ShardedWork, held, make_shard, remove_shards, shard_path


class KilledError(Exception):
    """Stands for a kill."""


def run(out: Path, number: int, total: int = 3, killed: Optional[str] = None) -> MadeShard:
    """Make one shard of the letters a to e."""

    def make(path: Path, shard: Shard) -> int:
        if killed == 'make':
            raise KilledError
        letters = shard.of('abcde')
        path.write_text(''.join(letters))
        return len(letters)

    def put_together(paths: List[Path]) -> None:
        if killed == 'put_together':
            raise KilledError
        out.write_text(''.join(sorted(''.join(path.read_text() for path in paths))))

    return make_shard(out, Shard(number, total), ShardedWork(out.is_file, Path.is_file, make, put_together))


def test_the_last_one_puts_them_together(tmp_path: Path) -> None:
    out = tmp_path / 'X[1].txt'
    assert run(out, 3) == MadeShard(1, [1, 2])
    assert run(out, 3) == MadeShard(0, [1, 2])
    assert run(out, 1) == MadeShard(2, [2])
    assert run(out, 2) == MadeShard(2, [])
    assert out.read_text() == 'abcde' and [each.name for each in tmp_path.iterdir()] == [out.name]
    assert run(out, 1) == MadeShard(0, [])


@pytest.mark.parametrize('where, made', [('make', 3), ('put_together', 0)])
def test_a_killed_process_is_continued(tmp_path: Path, where: str, made: int) -> None:
    out = tmp_path / 'X.txt'
    run(out, 2, 2)
    with pytest.raises(KilledError):
        run(out, 1, 2, where)
    assert run(out, 1, 2) == MadeShard(made, []) and out.read_text() == 'abcde'


def test_what_nobody_makes_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / 'X.lmdb'
    for number, total in ((1, 2), (2, 5)):
        path = shard_path(out, Shard(number, total))
        path.with_name(f'{path.name}.partial').mkdir()
        path.write_text('')
    busy = shard_path(out, Shard(2, 5)).name

    def hold(path: Path) -> Any:
        if path.name == f'{busy}.lock':
            raise Holder('process 7')

    monkeypatch.setattr(shard_files, 'hold', hold)
    remove_shards(out)
    assert sorted(each.name for each in tmp_path.iterdir()) == [busy, f'{busy}.partial']


def test_two_runs_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(path: Path) -> None:
        raise Holder('process 7 on node1')

    monkeypatch.setattr(shard_files, 'hold', busy)
    with pytest.raises(DataError, match=r'(?s)Another run is making .*X\.lmdb.*process 7 on node1'), held(
        tmp_path / 'X.lmdb'
    ):
        pass
