"""BSPA in two gloo processes under torchrun: replicas and masks agree, a resume repeats the uninterrupted run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Dict

import pytest
import torch
import yaml

from two_processes import train_in_two


def launch(options: Dict[str, Any], root: Path, *arguments: str) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    (root / 'run.yml').write_text(yaml.safe_dump(options, sort_keys=False))
    environment = dict(os.environ, OMP_NUM_THREADS='1')
    done = subprocess.run(
        [
            sys.executable,
            '-m',
            'torch.distributed.run',
            '--nproc_per_node',
            '2',
            '--standalone',
            '-m',
            'bsr_plugins',
            'train',
            '-opt',
            'run.yml',
            '--launcher',
            'pytorch',
            *arguments,
        ],
        cwd=root,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return root / 'experiments' / options['name']


@pytest.mark.parametrize('num_workers', [0, pytest.param(1, marks=pytest.mark.slow)])
def test_two_processes(
    numbered_options: Dict[str, Any], tmp_path: Path, same: Callable[..., None], num_workers: int
) -> None:
    numbered_options['logger']['save_checkpoint_freq'] = 4
    numbered_options['datasets']['train']['num_worker_per_gpu'] = num_workers  # spawned, as BasicSR does
    whole = launch(numbered_options, tmp_path / 'whole')
    report = whole / 'bspa_rounds' / 'round_001.json'
    assert report.exists()

    root = tmp_path / 'resumed'
    shutil.copytree(whole, root / 'experiments' / whole.name)
    for late in ('models/net_g_8.pth', 'models/net_g_latest.pth', 'training_states/8.state'):
        (root / 'experiments' / whole.name / late).unlink()
    if num_workers:
        launch(numbered_options, root, '--auto_resume')
    else:
        (root / 'run.yml').write_text((tmp_path / 'whole' / 'run.yml').read_text())
        train_in_two(root, 'run.yml', arguments=['--auto_resume'])
    resumed = root / 'experiments' / whole.name

    def everything(run: Path) -> Any:
        return [torch.load(run / path, weights_only=True) for path in ('models/net_g_8.pth', 'training_states/8.state')]

    same(everything(resumed), everything(whole))
    states = everything(whole)[1]['bsr_plugins']['random_states']
    assert len(states) == 2 and states[0]['python'] != states[1]['python']
