"""Both generations of forks through `basicsr link`: their own, unchanged script trains with the pack."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import warm_python
from bsr_plugins.host.linking import link, unlink
from fork_trees import REPO, options_for, write_data, write_tree


@pytest.fixture(scope='module')
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp('linked_data') / 'data')


@pytest.mark.parametrize('kind', ['registry', 'legacy'])
def test_a_linked_trees_own_script_trains_with_the_pack(kind: str, data: Path, tmp_path: Path) -> None:
    root = write_tree(kind, tmp_path / 'tree')
    before = {path: path.read_bytes() for path in root.rglob('*.py')}
    (root / 'run.yml').write_text(yaml.safe_dump(options_for(kind, data)))
    link(root)
    command = ['basicsr/train.py', '-opt', 'run.yml']
    env = {**os.environ, 'PYTHONPATH': f'.{os.pathsep}{REPO}', 'OMP_NUM_THREADS': '1'}
    if kind == 'registry':
        # Its modules import torch, and perhaps before the pack.
        done = subprocess.run(
            [sys.executable, *command],
            cwd=root,
            text=True,
            timeout=240,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=env,
        )
    else:
        done = warm_python.run(*command, cwd=root, env=env)
    assert done.returncode == 0, done.stdout
    assert 'Model [Rebalanced' in done.stdout and 'End of training' in done.stdout
    assert 'l_hybrid' in done.stdout and 'l_pix' in done.stdout and 'psnr' in done.stdout
    assert (root / 'experiments' / 'run' / 'models' / 'net_g_6.pth').is_file()
    unlink(root)
    assert {path: path.read_bytes() for path in root.rglob('*.py')} == before
