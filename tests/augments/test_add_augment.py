"""ADD and ADD+: by hand, LR and HR images in step, values in [0, 1], every type, what each option does."""

from __future__ import annotations

from typing import Any, List

import pytest
import torch
from torch import Tensor

from bsr_plugins.augments.add_augment import ADDAugment, mix_salient
from bsr_plugins.augments.add_plus_augment import ADDPlusAugment
from bsr_plugins.augments.augment import Augmented, Batch
from bsr_plugins.augments.saliency_proxy import saliency_proxy
from bsr_plugins.augments.salient_cells import salient_cells
from bsr_plugins.augments.whole_batch import area_downsampled
from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.common.keyed_random import keyed_generator
from bsr_plugins.data.images.bicubic_resampling import downsample_bicubic

BOTH = (ADDAugment, ADDPlusAugment)


def images(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def pairs(count: int = 6, scale: int = 2, side: int = 8, kind: torch.dtype = torch.float32) -> Batch:
    gt = images(count, 3, side * scale, side * scale)
    return Batch(area_downsampled(gt, scale).to(kind), gt.to(kind))


def run(augment: ADDAugment, batch: Batch, key: int = 0) -> Augmented:
    return augment(batch, keyed_generator(key))


def upscaled(mask: Tensor, scale: int) -> Tensor:
    return mask.repeat_interleave(scale, 2).repeat_interleave(scale, 3)


def test_all_of_the_source_or_all_of_the_canvas_to_the_bit() -> None:
    source, canvas = images(2, 3, 5, 5), images(2, 3, 5, 5, seed=1)
    assert torch.equal(mix_salient(source, canvas, torch.ones(2, 1, 5, 5)), source)
    assert torch.equal(mix_salient(source, canvas, torch.zeros(2, 1, 5, 5)), canvas)


def test_the_whole_image_pasted_is_the_image_and_on_itself_the_partner() -> None:
    batch = pairs()
    everything = {'prob': 1, 'grid': 1, 'ops': ['paste']}
    found = run(ADDPlusAugment(2, **everything), batch)
    assert torch.equal(found.lq, batch.lq) and torch.equal(found.gt, batch.gt)
    found = run(ADDPlusAugment(2, canvas='self', **everything), batch)
    assert found.partners is not None
    assert torch.equal(found.lq, batch.lq[found.partners]) and torch.equal(found.gt, batch.gt[found.partners])


def test_constant_images_by_hand() -> None:
    a, b, scale = 0.8, 0.2, 2
    gt = torch.tensor([a, b]).view(2, 1, 1, 1).expand(2, 3, 12, 12)
    lq = gt[..., ::2, ::2]
    saliency = torch.zeros(2, 1, 6, 6)
    saliency[0, :, 3:, :3], saliency[1, :, :3, 3:] = 0.7, 0.7
    for canvas in ('partner', 'self'):
        augment = ADDAugment(scale, prob=1, canvas=canvas, saliency='map')
        found = run(augment, Batch(lq, gt, saliency))
        lam = augment.draw(2, keyed_generator(0)).lam
        source = [0, 1] if canvas == 'partner' else [1, 0]
        for sample, (inner, outer) in enumerate(zip(*(((a, b), (b, a)) if canvas == 'partner' else ((b, a), (a, b))))):
            mask = saliency[source[sample]] > 0
            inside = lam[sample] * inner + (1 - lam[sample]) * outer
            expected = torch.where(mask, torch.tensor(inside).float(), torch.tensor(outer))
            assert torch.allclose(found.lq[sample], expected.expand(3, 6, 6))
            assert torch.equal(found.mask[sample], mask.float())
        assert torch.allclose(found.lq, area_downsampled(found.gt, scale))
        assert torch.equal(found.saliency, saliency[source])


@pytest.mark.parametrize('canvas', ['partner', 'self'])
@pytest.mark.parametrize('scale', [1, 2, 3])
def test_lr_images_stay_the_averages_of_hr_images(canvas: str, scale: int) -> None:
    batch = pairs(scale=scale, side=7)
    for key in range(5):
        found = run(ADDPlusAugment(scale, prob=0.8, grid=3, canvas=canvas, ops=['mix', 'paste']), batch, key)
        assert not torch.equal(found.lq, batch.lq)
        assert torch.allclose(found.lq, area_downsampled(found.gt, scale), atol=1e-6)


@pytest.mark.parametrize('canvas', ['partner', 'self'])
def test_bicubic_lr_images_stay_so_away_from_seams(canvas: str) -> None:
    scale, side = 4, 24
    gt = images(4, 3, side * scale, side * scale)
    batch = Batch(downsample_bicubic(gt, scale), gt)
    found = run(ADDPlusAugment(scale, prob=1, canvas=canvas, ops=['mix', 'paste']), batch)
    error = (found.lq - downsample_bicubic(found.gt, scale)).abs().amax(1, keepdim=True)
    seam = torch.nn.functional.max_pool2d(found.mask, 5, 1, 2) + torch.nn.functional.max_pool2d(-found.mask, 5, 1, 2)
    assert error[seam == 0].max() < 1e-5  # two LR pixels, half the width of the filter, on either side of the seam
    assert error[seam == 1].max() > 0.01
    assert (seam == 0).float().mean() > 0.5


def test_intensity_takes_the_downscaled_hr_image_into_the_salient_region_alone() -> None:
    gt = images(6, 3, 16, 16)
    batch = Batch(images(6, 3, 8, 8, seed=3), gt)
    augment = ADDPlusAugment(2, prob=0.6, ops=['intensity'])
    found = run(augment, batch)
    assert torch.equal(found.gt, gt)
    mask = salient_cells(saliency_proxy(*batch[:2], 2), 2, 1)
    acts = torch.from_numpy(augment.draw(6, keyed_generator(0)).acts).view(-1, 1, 1, 1)
    assert 0 < acts.sum() < 6
    assert torch.equal(found.mask, mask * acts)
    assert torch.equal(found.lq, torch.where(found.mask.bool(), area_downsampled(gt, 2), batch.lq))


def test_each_sample_has_its_own_operation() -> None:
    batch = pairs(count=12)
    augment = ADDPlusAugment(2, prob=1)
    found, draws = run(augment, batch), augment.draw(12, keyed_generator(0))
    assert set(draws.operations) == set(found.operation.split('+')) == {'mix', 'paste', 'intensity'}
    mask = found.mask.bool().expand_as(batch.lq)
    for sample, name in enumerate(draws.operations):
        partner = int(draws.partners[sample])
        outside = batch.lq[sample if name == 'intensity' else partner]
        assert torch.equal(found.lq[sample][~mask[sample]], outside[~mask[sample]])
        inside = batch.lq[sample] * draws.lam[sample] + batch.lq[partner] * (1 - draws.lam[sample])
        assert torch.allclose(found.lq[sample][mask[sample]], inside[mask[sample]].float(), atol=1e-6)
        assert torch.equal(found.gt[sample], batch.gt[sample]) == (name == 'intensity')


@pytest.mark.parametrize('cls', BOTH)
@pytest.mark.parametrize('kind', [torch.float32, torch.float16, torch.bfloat16])
def test_types_shapes_and_range_are_kept_and_nothing_given_is_changed(cls: Any, kind: torch.dtype) -> None:
    gt = torch.randint(2, (5, 3, 15, 21)).to(kind)
    batch = Batch(images(5, 3, 5, 7).to(kind), gt)
    before = [tensor.clone() for tensor in batch[:2]]
    for canvas in ('partner', 'self'):
        for key in range(4):
            found = run(cls(3, prob=0.7, grid=3, cells=2, canvas=canvas), batch, key)
            for result, given in ((found.lq, batch.lq), (found.gt, batch.gt)):
                assert result.dtype == kind and result.shape == given.shape
                assert result.min() >= 0 and result.max() <= 1
    assert torch.equal(batch.lq, before[0]) and torch.equal(batch.gt, before[1])


@pytest.mark.parametrize('cls', BOTH)
def test_samples_that_nothing_is_done_to_are_kept_to_the_bit(cls: Any) -> None:
    batch, augment = Batch(images(16, 3, 8, 8), images(16, 3, 16, 16)), cls(2)
    found, acts = run(augment, batch), augment.draw(16, keyed_generator(0)).acts
    kept = [torch.equal(a, b) and torch.equal(c, d) for a, b, c, d in zip(found.lq, batch.lq, found.gt, batch.gt)]
    assert 2 < acts.sum() < 14
    assert [not each for each in kept] == acts.tolist()
    assert found.mask[~torch.from_numpy(acts)].max() == 0


@pytest.mark.parametrize('cls', BOTH)
def test_where_nothing_acts_the_batch_itself_comes_back(cls: Any) -> None:
    for batch, prob in ((pairs(), 0), (pairs(count=1), 1)):
        found = run(cls(2, prob=prob, **({'ops': ['mix', 'paste']} if cls is ADDPlusAugment else {})), batch)
        assert found.lq is batch.lq and found.gt is batch.gt
        assert found.operation == ''


@pytest.mark.parametrize('cls', BOTH)
def test_the_result_follows_from_the_key(cls: Any) -> None:
    batch, augment = pairs(), cls(2)
    first, again, other = run(augment, batch), run(augment, batch), run(augment, batch, 1)
    assert torch.equal(first.lq, again.lq) and torch.equal(first.gt, again.gt)
    assert not torch.equal(first.gt, other.gt)


def test_a_constant_map_ranks_nothing_and_the_proxy_does_instead() -> None:
    batch = pairs()
    saliency = images(6, 1, 8, 8)
    saliency[2], saliency[4], saliency[5, 0, 3, 3] = 0.5, 0, float('nan')
    found = run(ADDAugment(2, prob=1, saliency='map'), batch._replace(saliency=saliency))
    by_proxy = run(ADDAugment(2, prob=1), batch)
    by_map = salient_cells(saliency, 2, 1)
    for sample in range(6):
        expected = by_proxy.mask if sample in (2, 4, 5) else by_map
        assert torch.equal(found.mask[sample], expected[sample])
    assert not torch.equal(by_proxy.mask, by_map)


def test_saliency_that_is_missing_is_an_error() -> None:
    augment = ADDAugment(2, saliency='cam')
    assert augment.needs_saliency and not ADDAugment(2).needs_saliency
    with pytest.raises(DataError, match='saliency'):
        run(augment, pairs())


def test_the_maps_that_are_looked_at() -> None:
    for canvas in ('partner', 'self'):
        augment = ADDPlusAugment(2, canvas=canvas)
        batch = pairs(count=16)
        saliency = images(16, 1, 8, 8, seed=9)  # not the proxy, which takes the place of a constant map
        needed = augment.looked_at(16, keyed_generator(5))
        assert 0 < len(needed) < 16
        hidden = torch.zeros_like(saliency)
        hidden[needed] = saliency[needed]
        augment.needs_saliency = True
        found, whole = (run(augment, batch._replace(saliency=given), 5) for given in (hidden, saliency))
        assert torch.equal(found.lq, whole.lq) and torch.equal(found.mask, whole.mask)


@pytest.mark.parametrize(
    ('cls', 'options', 'where'),
    [
        (ADDAugment, {'cells': 5}, r'ADD\.cells'),
        (ADDAugment, {'prob': 1.5}, r'ADD\.prob'),
        (ADDAugment, {'canvas': 'other'}, r'ADD\.canvas'),
        (ADDAugment, {'cam_steps': 0}, r'ADD\.cam_steps'),
        (ADDPlusAugment, {'ops': []}, r'ADDPlus\.ops'),
        (ADDPlusAugment, {'ops': ['mix', 'mix']}, r'ADDPlus\.ops'),
        (ADDPlusAugment, {'alpha': 0}, r'ADDPlus\.alpha'),
    ],
)
def test_a_wrong_option_is_named(cls: Any, options: Any, where: str) -> None:
    with pytest.raises(OptionError, match=where):
        cls(2, **options)


def test_no_sample_waits_for_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: List[str] = []
    for name in ('item', 'tolist', 'cpu', '__bool__', '__int__', '__float__', 'nonzero'):
        monkeypatch.setattr(torch.Tensor, name, lambda *_, name=name, **__: waits.append(name))
    for canvas in ('partner', 'self'):
        ADDPlusAugment(2, prob=1, canvas=canvas)(pairs(), keyed_generator(0))
    assert waits == []
