"""What tests of whole runs share: options without BSPA's part, an experiment's files and logs, a cut copy of it."""

from __future__ import annotations

import copy
import logging
import shutil
from pathlib import Path
from typing import Any, Dict

import torch

Options = Dict[str, Any]


def without_bspa(options: Options, model_type: str, **train: Any) -> Options:
    """Return a copy for another model, with ``train``'s keys set."""
    plain = copy.deepcopy(options)
    plain['model_type'] = model_type
    plain['datasets']['train'].pop('inverse')
    plain['train'].pop('bspa')
    plain['train'].update(train)
    return plain


def load(run: Path, name: str) -> Any:
    """Return the content of a file of ``run``: ``net_g_6.pth``, ``6.state``."""
    return torch.load(run / ('training_states' if name.endswith('.state') else 'models') / name, weights_only=True)


def weights(run: Path, iteration: Any, key: str = 'params') -> Dict[str, torch.Tensor]:
    """Return the weights of net_g saved at ``iteration``."""
    return load(run, f'net_g_{iteration}.pth')[key]


def everything(run: Path, iteration: int) -> Dict[str, Any]:
    """Return weights and training state of ``iteration``."""
    return {'weights': load(run, f'net_g_{iteration}.pth'), 'state': load(run, f'{iteration}.state')}


def log_of(run: Path) -> str:
    """Return the newest log of ``run``."""
    return sorted(run.glob('*.log'))[-1].read_text()


def cut_copy(run: Path, root: Path, iteration: int) -> Path:
    """Copy an experiment under ``root`` as it was right after ``iteration`` was saved, and return the copy."""
    target = root / 'experiments' / run.name
    shutil.copytree(run, target)
    for path in [*target.glob('models/net_*_[0-9]*.pth'), *target.glob('training_states/*.state')]:
        if int(path.stem.split('_')[-1]) > iteration:
            path.unlink()
    for path in target.glob('models/net_*_latest.pth'):
        path.unlink()
    return target


def forget_log_files() -> None:
    """Let BasicSR open a log file for the next run: it does so once a process."""
    from basicsr.utils.logger import initialized_logger

    initialized_logger.clear()
    for handler in logging.getLogger('basicsr').handlers[:]:
        logging.getLogger('basicsr').removeHandler(handler)
        handler.close()


def assert_equal(left: Any, right: Any, path: str = '') -> None:
    """Compare nested values to the bit."""
    if isinstance(left, torch.Tensor):
        assert torch.equal(left, right), path
    elif isinstance(left, dict):
        assert list(left) == list(right), path
        for key in left:
            assert_equal(left[key], right[key], f'{path}/{key}')
    elif isinstance(left, (list, tuple)):
        assert len(left) == len(right), path
        for index, (one, other) in enumerate(zip(left, right)):
            assert_equal(one, other, f'{path}/{index}')
    else:
        assert left == right, path
