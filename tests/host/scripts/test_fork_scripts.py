"""Which script is a fork's own, and which arguments it knows."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, List, Optional, Set

import pytest

from bsr_plugins.common.commands import program
from bsr_plugins.common.errors import DependencyError
from bsr_plugins.host.scripts.fork_scripts import (
    find_script,
    has_own_script,
    known_arguments,
    respelled,
    resumes_by_itself,
    unknown_arguments,
)

OURS = 'import os\nfrom basicsr.train import train_pipeline\n'
READS = '    import basicsr\nparser.add_argument("--opt")\n'
OWN = 'from basicsr.archs.rrdbnet_arch import RRDBNet\nparser.add_argument("--optimizer")\n'
OTHERS = 'import keras  # not basicsr\n'
UPSTREAM = (
    "parser.add_argument('-opt', type=str)\nparser.add_argument('--launcher')\n"
    "parser.add_argument('--auto_resume')\nparser.add_argument('--local_rank', '--rank')\n"
)


def write(root: Path, files: Dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize(
    'files, found',
    [
        ({'basicsr/train.py': '', 'train.py': OURS, 'hat/train.py': OURS}, 'basicsr/train.py'),
        ({'train.py': OURS, 'hat/train.py': OURS}, 'train.py'),
        ({'train.py': OTHERS, 'hat/train.py': OURS}, 'hat/train.py'),
        ({'hat/train.py': READS, 'yolo/train.py': OTHERS, '.venv/train.py': OURS}, 'hat/train.py'),
        ({'train.py': OWN, 'hat/train.py': OURS}, 'hat/train.py'),
        ({'train.py': OWN, 'mine/train.py': OWN}, None),
        ({'hat/deep/train.py': OURS, 'hat/test.py': OURS}, None),
        ({'__init__.py': '', 'train.py': OURS}, None),
        ({}, None),
    ],
)
def test_the_script_is_found(tmp_path: Path, files: Dict[str, str], found: Optional[str]) -> None:
    assert find_script(write(tmp_path, files), 'train') == (tmp_path / found if found else None)
    assert has_own_script(tmp_path) == (found is not None)


def test_several_scripts_are_named(tmp_path: Path) -> None:
    write(tmp_path, {'one/test.py': OURS, 'two/test.py': OURS, 'one/train.py': OURS})
    assert find_script(tmp_path, 'train') == tmp_path / 'one' / 'train.py'
    with pytest.raises(DependencyError, match='several test scripts') as caught:
        find_script(tmp_path, 'test')
    assert caught.value.found == f'{tmp_path}/one/test.py, {tmp_path}/two/test.py'
    assert f'{program()} run one/test.py' in caught.value.remedy


@pytest.mark.parametrize('place', ['basicsr/train.py', 'basicsr/utils/options.py', 'own/train.py'])
def test_the_parser_is_read_where_it_stands(tmp_path: Path, place: str) -> None:
    write(tmp_path, {'own/train.py': OURS, 'basicsr/train.py': OURS, place: UPSTREAM})
    known = known_arguments(tmp_path / 'own' / 'train.py', tmp_path / 'basicsr')
    assert known == {'-opt', '--launcher', '--auto_resume', '--local_rank', '--rank'}


def test_a_parser_that_is_not_found(tmp_path: Path) -> None:
    write(tmp_path, {'own/train.py': OURS, 'broken.py': 'def f(:\n'})
    assert known_arguments(tmp_path / 'own' / 'train.py', None) == set()
    assert known_arguments(tmp_path / 'broken.py', None) == known_arguments(tmp_path / 'absent.py', None) == set()


@pytest.mark.parametrize(
    'known, given, expected',
    [
        ({'-opt', '--local_rank'}, ['-opt', 'x', '--local-rank=1'], ['-opt', 'x', '--local_rank=1']),
        ({'--opt', '--local-rank'}, ['-opt', 'x', '--local_rank', '1'], ['--opt', 'x', '--local-rank', '1']),
        ({'-opt'}, ['--opt=x'], ['-opt=x']),
        ({'--other'}, ['-opt', 'x', '--local-rank=1'], ['-opt', 'x', '--local-rank=1']),
        (set(), ['--opt', 'x', '--local-rank=1'], ['--opt', 'x', '--local_rank=1']),
    ],
)
def test_arguments_are_spelled_as_the_script_knows_them(known: Set[str], given: List[str], expected: List[str]) -> None:
    assert respelled(given, known) == expected


def test_arguments_that_the_script_does_not_know() -> None:
    known = {'-opt', '--launcher', '--local_rank'}
    assert unknown_arguments(['-opt', '--x.yml', '--launcher=none', '--auto_resume', '--lau', 'none'], known) == [
        '--x.yml',
        '--auto_resume',
    ]
    assert unknown_arguments(['--auto_resume'], set()) == []


@pytest.mark.parametrize(
    'text, expected',
    [
        ("folder = 'experiments/{}/training_states/'", True),
        ("parser.add_argument('--auto_resume')\nfolder = 'training_states'", False),
        ('opt = parse_options()', False),
    ],
)
def test_scripts_that_resume_by_themselves(tmp_path: Path, text: str, expected: bool) -> None:
    script = write(tmp_path, {'train.py': text}) / 'train.py'
    assert resumes_by_itself(script) is expected
