"""--local-rank of torch.distributed.launch."""

from __future__ import annotations

import argparse
import inspect
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable, List

import pytest

from bsr_plugins.host.mends.local_rank import mend_local_rank

LAUNCH = ['train.py', '--local-rank=1', '-opt', 'x.yml', '--launcher', 'pytorch']


@pytest.fixture
def options() -> Any:
    return pytest.importorskip('basicsr.utils.options')


def test_without_the_mend_the_argument_is_unknown(
    options: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(sys, 'argv', list(LAUNCH))
    with pytest.raises(SystemExit):
        inspect.unwrap(options.parse_options)('root')
    assert 'unrecognized arguments: --local-rank=1' in capsys.readouterr().err


def test_with_the_mend_parsing_comes_to_the_option_file(
    options: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    argv = [*LAUNCH[:3], str(tmp_path / 'absent.yml')]
    monkeypatch.setattr(sys, 'argv', [*argv, '--launcher', 'none'])
    assert mend_local_rank(options) is True
    with pytest.raises(FileNotFoundError, match='absent.yml'):
        options.parse_options('root')


@pytest.mark.parametrize(
    ('argv', 'becomes'),
    [
        (LAUNCH, ['train.py', '--local_rank=1', '-opt', 'x.yml', '--launcher', 'pytorch']),
        (
            ['t.py', '--opt', 'x', '--launcher=pytorch', '--local-rank', '3'],
            ['t.py', '--opt', 'x', '--launcher=pytorch', '--local_rank', '3'],
        ),
    ],
)
def test_both_forms_are_rewritten_in_place(
    options: Any, monkeypatch: pytest.MonkeyPatch, argv: List[str], becomes: List[str]
) -> None:
    shared = list(argv)
    monkeypatch.setattr(sys, 'argv', shared)
    assert mend_local_rank(options) is True
    assert sys.argv is shared and shared == becomes
    assert mend_local_rank(options) is False


@pytest.mark.parametrize(
    'argv',
    [
        ['other_tool.py', '--local-rank=1'],
        ['train.py', '-opt', 'x.yml', '--local-rank=1'],
        ['train.py', '-opt', 'x.yml', '--launcher', 'pytorch'],
        ['train.py', '-opt', 'x.yml', '--launcher', 'pytorch', '--local-rank-file=1'],
    ],
)
def test_other_command_lines_are_left_alone(options: Any, monkeypatch: pytest.MonkeyPatch, argv: List[str]) -> None:
    monkeypatch.setattr(sys, 'argv', list(argv))
    assert mend_local_rank(options) is False
    assert sys.argv == argv


def test_a_fork_that_knows_the_new_spelling_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def parse_options(root_path: str) -> None:
        parser = argparse.ArgumentParser()
        parser.add_argument('--local-rank', '--local_rank', type=int, default=0)

    monkeypatch.setattr(sys, 'argv', list(LAUNCH))
    assert mend_local_rank(SimpleNamespace(parse_options=parse_options)) is False
    assert mend_local_rank(SimpleNamespace()) is False
    assert sys.argv == LAUNCH


@pytest.mark.parametrize(('spelling', 'mended'), [('--local_rank', True), ('--local-rank', False), ('--rank', False)])
def test_a_parser_in_the_script_itself_is_read_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, spelling: str, mended: bool
) -> None:
    script = tmp_path / 'train.py'
    script.write_text(f"def parse_options():\n    parser.add_argument('{spelling}', type=int, default=0)\n")
    monkeypatch.setattr(sys, 'argv', [str(script), *LAUNCH[1:]])
    assert mend_local_rank(SimpleNamespace()) is mended
    assert sys.argv[1] == ('--local_rank=1' if mended else '--local-rank=1')


FORK_OPTIONS = """
import argparse

def parse_options(root_path, is_train=True):
    parser = argparse.ArgumentParser()
    parser.add_argument('-opt')
    parser.add_argument('--launcher')
    parser.add_argument('--local_rank', type=int, default=0)
    return {'path': {}}, parser.parse_args()
"""


@pytest.mark.parametrize(
    ('pack', 'shown'), [('', 'unrecognized arguments: --local-rank=1'), ('import bsr_plugins', 'rank 1')]
)
def test_a_script_of_a_fork_under_the_launcher(
    pack: str, shown: str, tmp_path: Path, run_python: Callable[..., Any]
) -> None:
    folder = tmp_path / 'basicsr' / 'utils'
    folder.mkdir(parents=True)
    for path in (folder.parent, folder):
        (path / '__init__.py').touch()
    (folder / 'options.py').write_text(FORK_OPTIONS)
    done = run_python(
        f'import sys\nsys.argv[1:] = {LAUNCH[1:]}\n{pack}\n'
        'from basicsr.utils.options import parse_options\n'
        "print('rank', parse_options('root')[1].local_rank)"
    )
    assert shown in done.stdout + done.stderr
