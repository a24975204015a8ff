"""``--shard``, torchrun's processes as shards, and the command of a shard that nobody makes."""

from __future__ import annotations

from argparse import Namespace

import pytest

from bsr_plugins.cli.shard_arguments import given_shard, say_missing, shows_progress, torchrun_process
from bsr_plugins.common.commands import command
from bsr_plugins.common.errors import OptionError
from bsr_plugins.common.shard import Shard


def test_alone() -> None:
    assert torchrun_process() is None and shows_progress()
    assert given_shard(Namespace(shard=None)) is None
    assert given_shard(Namespace(shard='2/3')) == Shard(2, 3)


def test_under_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (('RANK', '1'), ('WORLD_SIZE', '4'), ('LOCAL_RANK', '0')):
        monkeypatch.setenv(name, value)
    assert given_shard(Namespace(shard=None)) == Shard(2, 4) and not shows_progress()
    with pytest.raises(OptionError, match='each process is a shard'):
        given_shard(Namespace(shard='2/3'))
    monkeypatch.setenv('WORLD_SIZE', 'two')
    with pytest.raises(OptionError, match='whole numbers'):
        torchrun_process()


@pytest.mark.parametrize(
    'spelled, expected', [(['--shard', '3/4'], ['--shard', '1/4']), (['--shard=3/4'], ['--shard=1/4'])]
)
def test_the_command_of_a_missing_shard(spelled: list, expected: list, capsys: pytest.CaptureFixture) -> None:
    say_missing('X', Shard(3, 4), '2 made', [1, 2], ['score', *spelled, '--scale', '4'])
    said = capsys.readouterr().out
    assert 'shard 3 of 4 of X: 2 made; not finished yet: 1, 2.' in said
    assert f'{command("score", *expected, "--scale", "4")}, and so on' in said
