"""The scripts of the data tools: each is a command of ``basicsr``, without installing the pack."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = {
    'create_subimage_lmdb': 'subimages',
    'score_difficulty': 'score',
    'make_option': 'option',
    'inspect_rfs': 'rfs',
    'measure_constant_sigma': 'sigma',
}
HEAVY = {'torch', 'numpy', 'cv2', 'basicsr'}


@pytest.mark.parametrize('tool', TOOLS)
def test_help_is_that_of_the_command_and_imports_nothing_heavy(tool: str, repo: Path, tmp_path: Path) -> None:
    command = [sys.executable, '-X', 'importtime', str(repo / 'tools' / f'{tool}.py'), '--help']
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f'usage: basicsr {TOOLS[tool]} ')
    assert not HEAVY & {line.split('|')[-1].strip() for line in done.stderr.splitlines()}


def test_make_option_writes_where_the_user_stands(repo: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        str(repo / 'tools' / 'make_option.py'),
        '--net',
        'RCAN',
        '--method',
        'bspa',
        '--scale',
        '3',
    ]
    done = subprocess.run(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout == 'options/train_RCAN_bspa_x3.yml\n' and (tmp_path / done.stdout.strip()).is_file()
