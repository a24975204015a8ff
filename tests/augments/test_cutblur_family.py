"""The augmentations of CutBlur's paper: what is done where, by how much, how often."""

from __future__ import annotations

from typing import Any, Dict, List

import numpy as np
import pytest
import torch
from torch.nn import functional

from bsr_plugins.augments.augment import Augmented, Batch
from bsr_plugins.augments.augments import build_augment
from bsr_plugins.augments.whole_batch import draw_box
from bsr_plugins.common.errors import DataError
from bsr_plugins.common.keyed_random import keyed_generator

DRAWS = 500
BUILT: Dict[str, Any] = {}  # by their options: they keep nothing of a batch


def batch_of(scale: int, height: int = 20, width: int = 10, count: int = 4, dtype: Any = torch.float64) -> Batch:
    generator = torch.Generator().manual_seed(0)
    lq, gt = (
        torch.rand(count, 3, height * s, width * s, generator=generator, dtype=torch.float64).to(dtype)
        for s in (1, scale)
    )
    return Batch(lq, gt)


def augmented(batch: Batch, key: int, kind: str, **options: Any) -> Augmented:
    given = ({'type': kind, **options}, batch.gt.shape[-1] // batch.lq.shape[-1])
    if repr(given) not in BUILT:
        BUILT[repr(given)] = build_augment(*given)
    return BUILT[repr(given)](batch, keyed_generator(7, key))


def upsampled(mask: torch.Tensor, scale: int) -> torch.Tensor:
    return functional.interpolate(mask, scale_factor=scale, mode='nearest')


@pytest.mark.parametrize('scale', [1, 2, 3])
def test_cutblur_pastes_gt_into_a_box_of_lq_or_around_it(scale: int) -> None:
    batch = batch_of(scale)
    small = batch.gt if scale == 1 else functional.avg_pool2d(batch.gt, scale)
    for key in range(40):
        result = augmented(batch, key, 'CutBlur')
        is_sharp = result.mask.bool().expand_as(batch.lq)
        assert result.gt is batch.gt
        assert torch.equal(result.lq[~is_sharp], batch.lq[~is_sharp]) and torch.equal(
            result.lq[is_sharp], small[is_sharp]
        )


def test_cutblur_s_box_is_a_box_of_the_published_size() -> None:
    """int(h * r) x int(w * r) pixels with r near alpha, at every place, as often inside as outside."""
    lq = torch.zeros(1, 1, 200, 100)
    boxes = [draw_box(lq, 0.7, keyed_generator(key)) for key in range(DRAWS)]
    ratios = np.array([box.height / 200 for box in boxes])
    assert ratios.mean() == pytest.approx(0.6975, abs=0.002)  # int() takes half a pixel
    assert ratios.std() == pytest.approx(0.01, abs=0.002)
    assert all(abs(box.width - box.height / 2) <= 1 for box in boxes)
    assert {box.left for box in boxes} >= set(range(29)) and max(box.top + box.height for box in boxes) <= 200
    places = [box.top / (200 - box.height) for box in boxes]
    assert np.mean(places) == pytest.approx(0.5, abs=0.04) and np.std(places) == pytest.approx(12**-0.5, abs=0.03)
    small = [draw_box(torch.zeros(1, 1, 10, 9), 0.7, keyed_generator(key)) for key in range(60)]
    assert {(box.top == 0, box.top + box.height == 10) for box in small} == {
        (False, False),
        (True, False),
        (False, True),
    }
    insides = [float(augmented(batch_of(1), key, 'CutBlur').mask.mean()) < 0.5 for key in range(DRAWS)]
    assert np.mean(insides) == pytest.approx(0.5, abs=0.08)


def test_no_box_is_larger_than_the_image() -> None:
    """r is clipped: the published code fails where it is above 1."""

    class Extreme:
        def standard_normal(self) -> float:
            return 9.0

        def integers(self, high: int) -> int:
            return high - 1

    box = draw_box(torch.zeros(1, 1, 8, 6), 0.95, Extreme())
    assert box == (0, 0, 8, 6)
    assert draw_box(torch.zeros(1, 1, 1, 1), 0.5, keyed_generator(0)).height == 0


@pytest.mark.parametrize('scale', [1, 2])
@pytest.mark.parametrize('kind', ['Mixup', 'CutMix', 'CutMixup'])
def test_partners_are_mixed_in_alike_in_lq_and_gt(kind: str, scale: int) -> None:
    """image' = image + weight * (partner - image), with one weight a batch inside of the mask and none outside."""
    batch = batch_of(scale)
    shares: List[float] = []
    for key in range(60):
        result = augmented(batch, key, kind)
        assert sorted(result.partners.tolist()) == [0, 1, 2, 3]
        mask = torch.ones(1, 1, 20, 10) if result.mask is None else result.mask
        moved = (batch.lq[result.partners] - batch.lq).double()
        change = (result.lq - batch.lq)[0:4]
        usable = (moved.abs() > 0.05) & mask.bool()
        if not usable.any():
            continue  # every sample is its own partner
        weights = (change / moved)[usable]
        assert weights.std() < 1e-9 if len(weights) > 1 else True
        share = float(weights.mean())
        shares.append(share)
        for before, after, factor in ((batch.lq, result.lq, 1), (batch.gt, result.gt, scale)):
            weight = share * upsampled(mask.double(), factor)
            assert torch.allclose(after, before + weight * (before[result.partners] - before), atol=1e-12)
            outside = (upsampled(mask.double(), factor) == 0).expand_as(before)
            assert torch.equal(after[outside], before[outside])
    assert len(shares) > 30
    if kind == 'CutMix':
        assert shares == pytest.approx([1.0] * len(shares))
    else:
        assert min(shares) < 0.3 and max(shares) > 0.7


def test_mixup_s_share_is_beta() -> None:
    """Beta(1.2, 1.2): mean 1/2, variance 1 / (4 * 3.4); one for the batch."""
    batch = Batch(torch.arange(2.0).view(2, 1, 1, 1), torch.arange(2.0).view(2, 1, 1, 1))
    results = [augmented(batch, key, 'Mixup') for key in range(DRAWS)]
    shares = [float(result.lq[1]) for result in results if result.partners[0] == 1]
    assert len(shares) == pytest.approx(DRAWS / 2, abs=40)  # a partner may be the sample itself
    assert np.mean(shares) == pytest.approx(0.5, abs=0.05) and np.var(shares) == pytest.approx(1 / 13.6, abs=0.012)
    assert all(float(result.lq.sum()) == pytest.approx(1) for result in results)


def test_cutmixup_mixes_inside_of_the_box_as_often_as_around_it() -> None:
    # A box of half the sides covers a quarter.
    around = [float(augmented(batch_of(1), key, 'CutMixup', alpha=0.5).mask.mean()) > 0.5 for key in range(DRAWS)]
    assert np.mean(around) == pytest.approx(0.5, abs=0.08)


@pytest.mark.parametrize('kind', ['CutBlur', 'CutMix', 'CutMixup'])
def test_a_box_without_a_pixel_is_no_fault(kind: str) -> None:
    batch = batch_of(2)
    for key in range(8):
        result = augmented(batch, key, kind, alpha=1e-9)
        assert (result.mask.unique().tolist() in ([0], [1])) and result.lq.shape == batch.lq.shape


def test_cutmixup_without_mixing_puts_partners_in_whole() -> None:
    batch = batch_of(2)
    for options in ({'mixup_prob': 0}, {'mixup_alpha': 0}):
        for key in range(10):
            result = augmented(batch, key, 'CutMixup', **options)
            expected = torch.where(result.mask.bool(), batch.lq[result.partners], batch.lq)
            assert torch.equal(result.lq, expected)


def test_blend_mixes_a_colour_a_sample_into_both() -> None:
    batch = Batch(torch.zeros(3, 3, 2, 2), torch.ones(3, 3, 4, 4))
    shares, colours = [], []
    for key in range(DRAWS):
        result = augmented(batch, key, 'Blend')
        dark, light = result.lq[..., :1, :1], result.gt[..., :1, :1]
        assert torch.equal(result.lq, dark.expand_as(result.lq)) and torch.equal(result.gt, light.expand_as(result.gt))
        share = light - dark
        assert torch.allclose(share, share.mean().expand_as(share), atol=1e-6)
        shares.append(float(share.mean()))
        colours.append((dark / (1 - share)).flatten())
    assert np.mean(shares) == pytest.approx(0.8, abs=0.015) and min(shares) >= 0.6
    every_colour = torch.cat(colours)
    assert every_colour.mean() == pytest.approx(0.5, abs=0.02) and every_colour.max() <= 1.001
    assert all(len(each.unique()) == 9 for each in colours)


def test_rgb_permutation_takes_all_orders_alike_for_both() -> None:
    channels = torch.arange(3.0).view(1, 3, 1, 1)
    orders = []
    for key in range(DRAWS):
        result = augmented(Batch(channels, channels.expand(1, 3, 2, 2)), key, 'RGBPermutation')
        assert torch.equal(result.lq.expand(1, 3, 2, 2), result.gt)
        orders.append(tuple(result.lq.flatten().tolist()))
    counts = [orders.count(order) for order in set(orders)]
    assert len(counts) == 6 and min(counts) > 50


@pytest.mark.parametrize('scale', [1, 3])
def test_cutout_drops_pixels_from_lq_and_from_the_losses(scale: int) -> None:
    batch = batch_of(scale, height=100, width=100)
    result = augmented(batch, 3, 'Cutout', alpha=0.05)
    assert result.gt is batch.gt
    kept = 1 - result.mask
    assert torch.equal(result.lq, batch.lq * kept) and torch.equal(result.loss_mask, upsampled(kept, scale))
    assert float(result.mask.mean()) == pytest.approx(0.05, abs=0.004)
    assert len({tuple(each.flatten().tolist()) for each in result.mask}) == 4


def test_moa_draws_as_it_is_told() -> None:
    batch = batch_of(1, 4, 4)
    published = [augmented(batch, key, 'MoA').operation for key in range(DRAWS)]
    assert sorted(set(published)) == ['blend', 'cutblur', 'cutmix', 'cutmixup', 'cutout', 'mixup', 'rgb']
    assert all(published.count(each) == pytest.approx(DRAWS / 7, abs=30) for each in set(published))
    some = {'ops': ['CutBlur', 'Mixup', 'Blend'], 'mix_p': [0.7, 0.3, 0], 'probs': [1, 0.5, 1]}
    drawn = [augmented(batch, key, 'MoA', **some).operation for key in range(DRAWS)]
    assert [drawn.count(each) / DRAWS for each in ('cutblur', 'mixup', '')] == pytest.approx(
        [0.7, 0.15, 0.15], abs=0.06
    )
    assert 'blend' not in drawn
    seldom = [augmented(batch, key, 'MoA', prob=0.2).operation for key in range(DRAWS)]
    assert seldom.count('') / DRAWS == pytest.approx(0.8, abs=0.06)


def test_moa_s_parts_have_the_published_constants_or_those_given() -> None:
    mixture = build_augment({'type': 'MoA'}, 4)
    assert [part.alpha for part in mixture.parts] == [0.6, 1, 1.2, 0.001, 0.7, 0.7, 0.7]
    assert all(part.prob == 1 for part in mixture.parts)
    assert (mixture.parts[5].mixup_prob, mixture.parts[5].mixup_alpha) == (1, 1.2)
    own = build_augment({'type': 'MoA', 'ops': ['CutMixup', 'Blend'], 'alphas': [0.3, None], 'mixup_alpha': 2}, 4)
    assert [part.alpha for part in own.parts] == [0.3, 0.6] and own.parts[0].mixup_alpha == 2
    assert 'adapted' in mixture.degree and build_augment({'type': 'MoA'}, 1).degree == 'exact'


@pytest.mark.parametrize('kind', ['Blend', 'Mixup', 'Cutout', 'CutMix', 'CutMixup', 'CutBlur'])
def test_alpha_zero_leaves_a_batch_as_it_is(kind: str) -> None:
    batch = batch_of(2)
    assert augmented(batch, 0, kind, alpha=0).lq is batch.lq


@pytest.mark.parametrize('kind', ['Blend', 'RGBPermutation', 'CutBlur', 'ADD', 'ADDPlus'])
def test_other_channels_in_gt_are_refused(kind: str) -> None:
    batch = Batch(torch.zeros(2, 3, 4, 4), torch.zeros(2, 1, 8, 8))
    with pytest.raises(DataError, match=f'{kind} does to the channels') as caught:
        augmented(batch, 0, kind)
    assert caught.value.found == 'lq 3, gt 1'


def test_luma_is_permuted_by_none() -> None:
    luma = Batch(torch.zeros(2, 1, 4, 4), torch.zeros(2, 1, 8, 8))
    with pytest.raises(DataError, match='RGBPermutation'):
        augmented(luma, 0, 'RGBPermutation')
    for kind in ('Blend', 'CutBlur', 'Mixup', 'CutMix', 'CutMixup', 'Cutout'):
        assert augmented(luma, 0, kind).lq.shape == luma.lq.shape
