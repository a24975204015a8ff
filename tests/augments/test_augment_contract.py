"""What every augmentation of the table keeps to: shapes, types, devices' rules, draws, and the tensors it is given."""

from __future__ import annotations

from typing import Any, Dict

import pytest
import torch

from bsr_plugins.augments.augment import Augmented, Batch
from bsr_plugins.augments.augment_options import AUGMENTS as DECLARED
from bsr_plugins.augments.augments import AUGMENTS, build_augment
from bsr_plugins.common.errors import OptionError
from bsr_plugins.common.keyed_random import keyed_generator
from cases import every

NAMES = sorted(AUGMENTS)
KEYS = range(12)


def batch_of(scale: int, dtype: torch.dtype = torch.float32, count: int = 4, channels_last: bool = False) -> Batch:
    generator = torch.Generator().manual_seed(0)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    lq, gt, saliency = (
        torch.rand(count, channels, 9 * factor, 6 * factor, generator=generator).to(dtype=dtype, memory_format=layout)
        for channels, factor in ((3, 1), (3, scale), (1, 1))
    )
    return Batch(lq, gt, saliency)


def augmented(name: str, batch: Batch, key: int, **options: Any) -> Augmented:
    scale = batch.gt.shape[-1] // batch.lq.shape[-1]
    return build_augment({'type': name, **options}, scale)(batch, keyed_generator(1, key))


def test_every_declared_type_is_in_the_table() -> None:
    assert [options.name for options in DECLARED] == list(AUGMENTS)


@every('name', NAMES)
@pytest.mark.parametrize('dtype', [torch.float32, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize('scale', [1, 3])
def test_shapes_types_and_layouts_stay(name: str, dtype: torch.dtype, scale: int) -> None:
    batch, whole, turned = (batch_of(scale, dtype, channels_last=layout) for layout in (False, False, True))
    for key in KEYS:
        result, other = augmented(name, batch, key), augmented(name, turned, key)
        for given, before, after in zip(batch[:2], whole[:2], result[:2]):
            assert torch.equal(given, before), 'what was given is changed'
            assert (after.shape, after.dtype, after.device) == (given.shape, given.dtype, given.device)
            assert after.min() >= 0 and after.max() <= 1
        assert torch.equal(result.lq, other.lq) and torch.equal(result.gt, other.gt), 'channels_last changes values'
        lq_size, gt_size = batch.lq.shape[-2:], batch.gt.shape[-2:]
        for mask, size in ((result.mask, lq_size), (result.loss_mask, gt_size), (result.saliency, lq_size)):
            assert mask is None or (len(mask) in (1, 4) and mask.shape[1:] == (1, *size))
        for mask in (result.mask, result.loss_mask):
            assert mask is None or set(mask.unique().tolist()) <= {0, 1}
        assert result.partners is None or set(result.partners.tolist()) <= set(range(4))


@every('name', NAMES)
def test_draws_follow_from_the_key_alone(name: str) -> None:
    batch = batch_of(2)
    first = [augmented(name, batch, key) for key in KEYS]
    again = [augmented(name, batch, key) for key in reversed(KEYS)][::-1]
    for one, other in zip(first, again):
        assert torch.equal(one.lq, other.lq) and torch.equal(one.gt, other.gt) and one.operation == other.operation
    assert len({tuple(one.lq.flatten().tolist()) for one in first}) > 3


@every('name', NAMES)
def test_with_probability_zero_the_given_tensors_come_back(name: str) -> None:
    batch = batch_of(2)
    for key in KEYS:
        result = augmented(name, batch, key, prob=0)
        assert result.lq is batch.lq and result.gt is batch.gt and not result.operation and result.loss_mask is None


@every('name', NAMES)
def test_it_touches_the_device_without_waiting(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing asks for a value of a tensor, so that the host never waits for the device."""
    batch = batch_of(2)

    def waits(*arguments: Any) -> None:
        raise AssertionError('it waits for the device')

    with monkeypatch.context() as patched:
        for method in ('item', 'tolist', 'cpu', 'numpy', '__bool__', '__float__', '__int__'):
            patched.setattr(torch.Tensor, method, waits)
        results = [augmented(name, batch, key) for key in KEYS]
    assert any(result.operation for result in results)


@every('name', NAMES)
def test_a_batch_of_one_is_no_fault(name: str) -> None:
    batch = batch_of(2, count=1)
    for key in KEYS:
        assert augmented(name, batch, key).lq.shape == batch.lq.shape


@pytest.mark.parametrize(
    ('options', 'where', 'words'),
    [
        ({}, 'type', ('missing', 'CutBlur')),
        ({'type': 'cutblurr'}, 'type', ("named 'cutblurr'", "did you mean 'CutBlur'?")),
        ({'type': ['CutBlur']}, 'type', ('no augmentation named',)),
        ({'type': 'CutBlur', 'alhpa': 0.7}, 'alhpa', ("no option 'alhpa'", "did you mean 'alpha'?")),
        ({'type': 'CutBlur', 'alpha': 0.96}, 'alpha', ('<= 0.95', '0.96')),
        ({'type': 'Mixup', 'prob': 1.5}, 'prob', ('<= 1', '1.5')),
        ({'type': 'Mixup', 'alpha': '1e0'}, 'alpha', ('!!float 1e0',)),
        ({'type': 'RGBPermutation', 'alpha': 1}, 'alpha', ('no option',)),
        ({'type': 'MoA', 'ops': []}, 'ops', ('at least one',)),
        ({'type': 'MoA', 'ops': ['CutBlurr']}, 'ops', ("did you mean 'CutBlur'?",)),
        ({'type': 'MoA', 'ops': ['Blend', 'Mixup'], 'alphas': [0.6]}, 'alphas', ('2 entries', '[0.6]')),
        ({'type': 'MoA', 'probs': [1, 1]}, 'probs', ('7 entries',)),
        ({'type': 'MoA', 'ops': ['Blend', 'Mixup'], 'mix_p': [0.5, 0.6]}, 'mix_p', ('sum is 1', '1.1')),
        ({'type': 'MoA', 'ops': ['CutBlur'], 'alphas': [0.99]}, 'alphas', ('for CutBlur', '<= 0.95', '0.99')),
        ({'type': 'ADD', 'saliency': 'cam', 'cam_kernel': 4}, 'cam_kernel', ('odd number >= 1', '4')),
        ({'type': 'MoA', 'ops': ['RGBPermutation'], 'alphas': [0.3]}, 'alphas', ('has no alpha', '~ or 1')),
    ],
)
def test_what_cannot_be_is_refused(options: Dict[str, Any], where: str, words: Any) -> None:
    with pytest.raises(OptionError) as caught:
        build_augment(options, 2)
    assert caught.value.where == f'train.augment.{where}'
    assert all(word in str(caught.value) for word in words), str(caught.value)
