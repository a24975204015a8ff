"""RFS through BasicSR's unmodified train_pipeline on real images: exact batches, resume, BSPA's uniform half, ranks."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any, Callable, Dict, List

import numpy as np
import pytest
import torch

from training_runs import cut_copy, everything, log_of, without_bspa

Options = Dict[str, Any]
Train = Callable[..., Path]


@pytest.fixture
def bspa_options(base_options: Options) -> Options:
    options = copy.deepcopy(base_options)
    options['datasets']['train'].update(
        type='RFSBalancedBatchDataset', num_intervals=4, num_worker_per_gpu=1, batch_size_per_gpu=4
    )
    return options


@pytest.fixture
def options(bspa_options: Options) -> Options:
    return without_bspa(bspa_options, 'RebalancedSRModel', total_iter=6)


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> List[Dict[str, Any]]:
    """The batches that were trained on."""
    from basicsr.models.sr_model import SRModel

    seen: List[Dict[str, Any]] = []
    original = SRModel.feed_data

    def feed_data(self: Any, data: Dict[str, Any], *args: Any, **kwargs: Any) -> None:
        seen.append(data)
        original(self, data, *args, **kwargs)

    monkeypatch.setattr(SRModel, 'feed_data', feed_data)
    return seen


@pytest.mark.parametrize('prefetch_mode, num_workers', [(None, 0), ('cpu', 2)])
def test_every_batch_of_a_training_is_balanced(
    options: Options, train: Train, tmp_path: Path, batches: List[Any], prefetch_mode: Any, num_workers: int
) -> None:
    options['datasets']['train'].update(prefetch_mode=prefetch_mode, num_worker_per_gpu=num_workers)
    log = log_of(train(options, tmp_path / 'run'))
    assert [sorted(batch['interval_index'].tolist()) for batch in batches] == [[0, 1, 2, 3]] * 6
    assert len({batch['lq'].numpy().tobytes() for batch in batches}) == 6
    assert log.count('balance_fallback: 0.0000e+00') == 6
    assert (
        'patches so far, 0.00% of them from another interval than asked for' in log
    )  # at the start of the second epoch


def test_a_resume_is_exact_with_workers(
    options: Options, train: Train, tmp_path: Path, same: Callable[..., None]
) -> None:
    options['datasets']['train']['num_worker_per_gpu'] = 2
    whole = train(options, tmp_path / 'whole')
    for iteration in (1, 3):  # inside the first and the second epoch
        cut_copy(whole, tmp_path / str(iteration), iteration)
        resumed = train(options, tmp_path / str(iteration), '--auto_resume')
        same(everything(resumed, 6)['weights'], everything(whole, 6)['weights'])
        same(everything(resumed, 6)['state']['optimizers'], everything(whole, 6)['state']['optimizers'])


def test_replaced_patches_stand_in_the_log(options: Options, train: Train, tmp_path: Path) -> None:
    options['datasets']['train'].update(pic_max=10_000.0, num_worker_per_gpu=0)
    log = log_of(train(options, tmp_path / 'run'))
    assert 'no image of the training set has a patch of the PIC intervals 1-3 (of 4 up to 1e+04)' in log
    assert log.count('balance_fallback: 7.5000e-01') == 6


def test_rfs_is_the_uniform_half_of_bspa(
    bspa_options: Options,
    train: Train,
    tmp_path: Path,
    batches: List[Any],
    monkeypatch: pytest.MonkeyPatch,
    same: Callable[..., None],
) -> None:
    from bsr_plugins.data.sampling.draw_loader import KeyedPasses
    from bsr_plugins.models import attribution_round

    attributed: List[Dict[str, Any]] = []
    original = attribution_round.draw_loader

    def spied(dataset: Any, **kwargs: Any) -> Any:
        loader = original(dataset, **kwargs)
        return _Recorded(loader, attributed) if isinstance(dataset, KeyedPasses) else loader

    monkeypatch.setattr(attribution_round, 'draw_loader', spied)
    whole = train(bspa_options, tmp_path / 'whole')
    uniform = [batch for batch in batches if 'interval_index' in batch]
    assert ''.join('u' if 'interval_index' in batch else 'i' for batch in batches) == 'uuuiiuuuiiuuu'
    assert [sorted(batch['interval_index'].tolist()) for batch in uniform] == [[0, 1, 2, 3]] * 9
    # Two batches a round for the attribution, balanced like those of the training and none of them.
    assert [sorted(batch['interval_index'].tolist()) for batch in attributed] == [[0, 1, 2, 3]] * 4
    assert not {batch['lq'].numpy().tobytes() for batch in attributed} & {
        batch['lq'].numpy().tobytes() for batch in uniform
    }

    cut_copy(whole, tmp_path / 'resumed', 4)  # inside the inverse stage
    resumed = train(bspa_options, tmp_path / 'resumed', '--auto_resume')
    same(everything(resumed, 13)['weights'], everything(whole, 13)['weights'])


class _Recorded:
    """A loader whose batches are kept."""

    def __init__(self, loader: Any, kept: List[Any]) -> None:
        self.loader, self.kept = loader, kept

    def __iter__(self) -> Any:
        for batch in self.loader:
            self.kept.append(batch)
            yield batch


def _draw_as_rank(rank: int, options: Options, folder: str) -> None:
    from basicsr.data import build_dataloader, build_dataset
    from basicsr.data.data_sampler import EnlargedSampler

    os.environ['LOCAL_RANK'] = str(rank)
    torch.distributed.init_process_group('gloo', init_method=f'file://{folder}/store', rank=rank, world_size=2)
    torch.manual_seed(3 + rank)  # as BasicSR does before it builds the data sets
    dataset = build_dataset(options)
    sampler = EnlargedSampler(dataset, 2, rank, 2)
    sampler.set_epoch(1)
    loader = build_dataloader(dataset, options, num_gpu=0, dist=True, sampler=sampler, seed=3)
    found = [
        (batch['interval_index'].tolist(), batch['gt_path'], batch['lq'].sum((1, 2, 3)).tolist()) for batch in loader
    ]
    torch.save({'batches': found, 'edges': dataset.interval_edges_.tolist()}, f'{folder}/{rank}.pt')
    torch.distributed.barrier()
    torch.distributed.destroy_process_group()


def test_every_rank_fills_quotas_of_its_own(options: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('BSR_PLUGINS_CACHE', str(tmp_path / 'cache'))  # so that both ranks come to an empty one
    train_options = {**options['datasets']['train'], 'phase': 'train', 'scale': 4, 'num_worker_per_gpu': 0}
    torch.multiprocessing.start_processes(_draw_as_rank, (train_options, str(tmp_path)), nprocs=2, start_method='fork')
    first, second = (torch.load(tmp_path / f'{rank}.pt', weights_only=True) for rank in range(2))
    assert first['edges'] == second['edges']
    for found in (first, second):
        assert [sorted(intervals) for intervals, _, _ in found['batches']] == [[0, 1, 2, 3]] * 2
    assert first['batches'] != second['batches']
    assert np.unique([part for found in (first, second) for _, _, sums in found['batches'] for part in sums]).size == 16
