"""A resumed run is the uninterrupted one to the bit: at every iteration, inside stages and right before rounds."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest
import torch

from training_runs import cut_copy, everything, log_of

Options = Dict[str, Any]
Train = Callable[..., Path]


def test_resume_at_every_iteration(
    base_options: Options, train: Train, train_once: Train, tmp_path: Path, same: Callable[..., None]
) -> None:
    whole = train_once(base_options)
    expected = everything(whole, 13)
    for iteration in range(1, 13):
        root = tmp_path / f'from_{iteration}'
        cut_copy(whole, root, iteration)
        resumed = train(base_options, root, '--auto_resume')
        same(everything(resumed, 13), expected)
        log = log_of(resumed)
        assert 'Resume: exact' in log and f'iter: {iteration}.' in log
        shutil.rmtree(root)


@pytest.mark.parametrize('iteration', [2, 4, 6])
def test_resume_with_workers_and_augmentation_is_exact_for_our_data_sets(
    numbered_options: Options,
    train: Train,
    tmp_path: Path,
    iteration: int,
    same: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from bsr_plugins.models.augmentation import Augmentation

    fed: List[int] = []
    augment = Augmentation.fed
    monkeypatch.setattr(
        Augmentation, 'fed', lambda self, batch: fed.append(self.model.iteration + 1) or augment(self, batch)
    )
    numbered_options['train']['augment'] = {'type': 'MoA'}
    whole = train(numbered_options, tmp_path / 'whole')
    assert fed == list(range(1, 9)), 'the batches of both stages, and none of those that are attributed'
    cut_copy(whole, tmp_path / 'resumed', iteration)
    if iteration == 4:
        # Bytes until the model: the same floats.
        numbered_options['datasets']['train']['uint8'] = True
        numbered_options['datasets']['train']['inverse']['uint8'] = True
    resumed = train(numbered_options, tmp_path / 'resumed', '--auto_resume')
    assert 'Resume: exact' in log_of(resumed)
    same(everything(resumed, 8)['weights'], everything(whole, 8)['weights'])
    same(everything(resumed, 8)['state']['optimizers'], everything(whole, 8)['state']['optimizers'])


def test_stock_data_sets_with_workers_keep_their_order_and_say_so(
    base_options: Options, train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base_options['datasets']['train']['num_worker_per_gpu'] = 1
    base_options['train']['bspa']['interval_iter'] = 100
    seen = []
    from bsr_plugins.models.bspa import BSPA

    monkeypatch.setattr(BSPA, 'training_batch', lambda self, batch: seen.append(batch['gt_path']) or batch)
    whole = train(base_options, tmp_path / 'whole')
    expected = list(seen)
    seen.clear()
    cut_copy(whole, tmp_path / 'resumed', 6)
    resumed = train(base_options, tmp_path / 'resumed', '--auto_resume')
    assert seen == expected[6:]
    log = log_of(resumed)
    assert 'the images and their order are kept' in log and 'num_worker_per_gpu: 0' in log
    assert 'Resume: exact' not in log


def test_another_seed_is_said(base_options: Options, train: Train, train_once: Train, tmp_path: Path) -> None:
    whole = train_once(base_options)
    cut_copy(whole, tmp_path / 'resumed', 6)
    base_options['manual_seed'] = 8
    resumed = train(base_options, tmp_path / 'resumed', '--auto_resume')
    assert 'manual_seed was 3 and is 8 now' in log_of(resumed)


def test_a_state_of_stock_srmodel_is_taken_up(
    base_options: Options, train: Train, train_once: Train, tmp_path: Path
) -> None:
    stock = copy.deepcopy(base_options)
    stock['model_type'] = 'SRModel'
    whole = train_once(stock)
    cut_copy(whole, tmp_path / 'resumed', 4)
    resumed = train(base_options, tmp_path / 'resumed', '--auto_resume')
    log = log_of(resumed)
    assert 'written by a stock BasicSR model' in log
    assert 'BSPA round 1 is skipped' in log
    assert 'BSPA round 2 after iteration 10' in log


def test_a_state_of_ours_is_taken_up_by_stock_srmodel(
    base_options: Options, train: Train, train_once: Train, tmp_path: Path
) -> None:
    whole = train_once(base_options)
    cut_copy(whole, tmp_path / 'resumed', 4)
    stock = copy.deepcopy(base_options)
    stock['model_type'] = 'SRModel'
    resumed = train(stock, tmp_path / 'resumed', '--auto_resume')
    assert (resumed / 'models' / 'net_g_13.pth').exists()


def test_the_best_checkpoint_survives_a_resume(
    base_options: Options,
    train: Train,
    tmp_path: Path,
    with_validation: Callable[..., Options],
    same: Callable[..., None],
) -> None:
    options = with_validation(base_options, 3)
    options['val']['save_best'] = 'psnr'
    options['val']['metrics']['psnr']['better'] = 'lower'  # training raises it: the first validation stays the best
    whole = train(options, tmp_path / 'whole')
    best = json.loads((whole / 'models' / 'net_g_best.json').read_text())
    assert best['iteration'] == 3
    cut_copy(whole, tmp_path / 'resumed', 3)
    resumed = train(options, tmp_path / 'resumed', '--auto_resume')
    assert json.loads((resumed / 'models' / 'net_g_best.json').read_text()) == best
    same(
        torch.load(resumed / 'models' / 'net_g_best.pth', weights_only=True),
        torch.load(whole / 'models' / 'net_g_best.pth', weights_only=True),
    )
