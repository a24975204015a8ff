"""Losses and augmentations on tensors of a GPU that is only pretended: none mixes devices, none asks for a value."""

from __future__ import annotations

from typing import Any, Dict, Iterator

import pytest
import torch

from bsr_plugins.host.registration import TABLE

SHAPE = (4, 3, 16, 16)


@pytest.fixture
def pretended() -> Iterator[Dict[str, torch.Tensor]]:
    """Images of shape alone, on cuda:0."""
    fake_tensor = pytest.importorskip('torch._subclasses.fake_tensor')
    if not hasattr(fake_tensor, 'DataDependentOutputException') or torch.__version__ < '2.4':
        pytest.skip('this torch pretends no GPU')
    with fake_tensor.FakeTensorMode():
        names = ('pred', 'target', 'noise', 'branch')
        images = {name: torch.empty(SHAPE, device='cuda') for name in names}
        yield {**images, 'lq': torch.empty(4, 3, 8, 8, device='cuda')}


def test_the_pretence_refuses_both(pretended: Dict[str, torch.Tensor]) -> None:
    from torch._subclasses.fake_tensor import DataDependentOutputException

    with pytest.raises(DataDependentOutputException):
        pretended['pred'].sum().item()
    with pytest.raises(RuntimeError, match='device'):
        _ = pretended['pred'] + torch.empty(SHAPE)


@pytest.mark.parametrize('name', sorted(TABLE['loss']))
def test_losses(name: str, pretended: Dict[str, torch.Tensor]) -> None:
    from basicsr.losses import build_loss

    loss = build_loss({'type': name})
    pred, target = pretended['pred'], pretended['target']
    more = {
        'FocalPixelLoss': {'lq': pretended['lq']},
        'ExpectationLoss': {'noise': pretended['noise']},
        'UncertaintyDrivenLoss': {'log_variance': pretended['branch']},
    }
    images = (
        (pretended['branch'], pred, target) if name in ('SigmaLoss', 'UncertaintyEstimationLoss') else (pred, target)
    )
    value = loss(*images, **more.get(name, {}))
    assert value.shape == () and value.device == torch.device('cuda', 0)


@pytest.mark.parametrize('name', ['Blend', 'RGBPermutation', 'Mixup', 'CutMix', 'CutMixup', 'CutBlur'])
def test_augmentations_without_a_generator(name: str, pretended: Dict[str, torch.Tensor]) -> None:
    from bsr_plugins.augments.augment import Batch
    from bsr_plugins.augments.augments import build_augment
    from bsr_plugins.common.keyed_random import keyed_generator

    augment: Any = build_augment({'type': name}, 2)
    for number in range(4):
        found = augment(Batch(pretended['lq'], pretended['target'], None), keyed_generator(number))
        assert found.lq.device == found.gt.device == torch.device('cuda', 0)
