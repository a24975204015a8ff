"""BasicSR's unmodified pipeline with every addition switched off: it trains, resumes and says what is not exact."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any, Callable, Dict

import yaml

import warm_python
from bsr_plugins.host.additions import ADDITIONS
from bsr_plugins.host.switches import VARIABLE
from training_runs import cut_copy, load, log_of

Options = Dict[str, Any]
OFF = ', '.join(dict.fromkeys(patch.name for patch in ADDITIONS))
SUPPORT = Path(__file__).resolve().parents[1] / 'support'
# One process for all runs of a test: importing torch takes longer than they do.
CODE = """
import json, sys
import bsr_plugins, torch
from basicsr.train import train_pipeline
from training_runs import forget_log_files

torch.set_num_threads(1)
for root, *arguments in json.loads(sys.argv[1]):
    forget_log_files()
    sys.argv = ['train.py', *arguments]
    train_pipeline(root)
"""


def train_without_additions(*runs: Any) -> None:
    """Train each ``(options, root, *arguments)``."""
    import json

    commands = []
    for options, root, *arguments in runs:
        root.mkdir(parents=True, exist_ok=True)
        option_file = root / 'run.yml'
        option_file.write_text(yaml.safe_dump(options, sort_keys=False))
        commands.append([str(root), '-opt', str(option_file), *arguments])
    paths = os.pathsep.join([str(SUPPORT), str(SUPPORT.parents[1])])
    env = {**os.environ, 'PYTHONPATH': paths, VARIABLE: OFF}
    done = warm_python.run('-c', CODE, json.dumps(commands), cwd=runs[0][1], env=env)
    assert done.returncode == 0, done.stdout


def test_a_run_and_its_resume(base_options: Options, tmp_path: Path, train: Callable[..., Path]) -> None:
    base_options['train']['total_iter'] = 8
    run = tmp_path / 'run' / 'experiments' / 'run'
    train_without_additions((base_options, tmp_path / 'run'))
    (line,) = [line for line in log_of(run).splitlines() if 'switched off by BSR_PLUGINS_MENDS' in line]
    assert line.endswith(f'{OFF}.')
    assert load(run, '6.state')['bsr_plugins']['samples_in_epoch'] is None

    cut_copy(run, tmp_path / 'resumed', 6)
    train_without_additions((base_options, tmp_path / 'resumed', '--auto_resume'))
    resumed = tmp_path / 'resumed' / 'experiments' / 'run'
    log = log_of(resumed)
    assert 'Resume: exact' not in log and "'exact place in the epoch' is switched off" in log
    assert (resumed / 'models' / 'net_g_8.pth').is_file()

    cut_copy(run, tmp_path / 'on_again', 6)
    log = log_of(train(base_options, tmp_path / 'on_again', '--auto_resume'))
    assert 'Resume: exact' not in log and "'exact place in the epoch' was switched off" in log


def test_every_training_set_goes_on(base_options: Options, numbered_options: Options, tmp_path: Path) -> None:
    """Six iterations are more than an epoch."""
    runs = [(numbered_options, tmp_path / 'InverseSampledLMDBDataset')]
    for kind, more in (('RFSBalancedBatchDataset', {'num_intervals': 2}), ('SamplingAugDataset', {}), (None, {})):
        options = copy.deepcopy(base_options)
        options['model_type'] = 'RebalancedSRModel' if kind else 'SRModel'
        options['datasets']['train'].pop('inverse')
        options['train'].pop('bspa')
        options['datasets']['train'].update({'type': kind, **more} if kind else {})
        runs.append((options, tmp_path / str(kind)))
    for options, _ in runs:
        options['train']['total_iter'] = 6
    train_without_additions(*runs)
    assert all((root / 'experiments' / 'run' / 'models' / 'net_g_6.pth').is_file() for _, root in runs)
