"""Every data set of the pack, and BasicSR's, through BasicSR's own training with ``prefetch_mode: cuda``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

import pytest
import torch

from bsr_plugins.host.registration import TABLE
from training_runs import log_of, weights

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize('name', ['PairedImageDataset', *sorted(TABLE['dataset'])])
def test_it_trains(
    name: str,
    run_options: Dict[str, Any],
    lmdbs: Dict[str, Any],
    data: Path,
    device: torch.device,
    train: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from bsr_plugins.models.rebalanced_sr_model import RebalancedSRModel

    seen: List[Tuple[str, Tuple[int, ...]]] = []
    feed_data = RebalancedSRModel.feed_data

    def noted(self: Any, batch: Dict[str, Any], *args: Any) -> None:
        feed_data(self, batch, *args)
        seen.append((self.lq.device.type, tuple(self.gt.shape)))

    monkeypatch.setattr(RebalancedSRModel, 'feed_data', noted)
    run_options['datasets']['train'].update(lmdbs, type=name)
    if name == 'SaliencyPairedDataset':
        run_options['datasets']['train']['saliency'] = str(data / 'maps.lmdb')
        run_options['train']['augment'] = {'type': 'ADD', 'saliency': 'map'}
    run = train(run_options, tmp_path)
    assert seen == [(device.type, (4, 3, 32, 32))] * 4
    assert all(bool(torch.isfinite(value).all()) for value in weights(run, 'latest').values())
    assert 'l_pix' in log_of(run)


def test_a_batch_is_not_overwritten_while_it_is_used(cuda: torch.device) -> None:
    """The prefetcher's copies do not take the memory of a batch whose work is queued and not done."""
    from basicsr.data.prefetch_dataloader import CUDAPrefetcher

    batches = [{'lq': torch.full((1 << 20,), float(number)).pin_memory()} for number in range(12)]
    prefetcher = CUDAPrefetcher(batches, {'num_gpu': 1})
    slow = torch.rand(2048, 2048, device=cuda)
    sums = []
    for _ in batches:
        lq = prefetcher.next()['lq']
        for _ in range(20):
            slow = slow @ slow * 1e-3
        sums.append((lq + 0 * slow[0, 0].nan_to_num()).amax() + lq.amin())
        del lq
    assert [float(value) for value in sums] == [2.0 * number for number in range(12)]
