"""Options that fit each by itself and not together, or not the data: told by the functions that would stop the run."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, List

import lmdb
import pytest

from bsr_plugins.common.errors import OptionError
from bsr_plugins.common.findings import ERROR, Finding
from bsr_plugins.data.sampling.long_tail import class_counts
from option_files import TRAIN, changed

Check = Callable[..., List[Finding]]
PIXEL = '    type: L1Loss'
NETWORK = '  type: EDSR'


def errors(check: Check, text: str, is_train: bool = True) -> List[Finding]:
    return [finding for finding in check(text, is_train) if finding.severity == ERROR]


def keys_of(findings: List[Finding]) -> List[str]:
    return [finding.where.split(': ')[-1] for finding in findings]


def inverse_file(sub_images: int, policy: str) -> str:
    """Return an option file of BSPA over an LMDB that lists so many sub-images, which it writes."""
    for name, side in (('HR_sub', 128), ('LR_sub_x4', 32)):
        folder = Path('sub', f'{name}.lmdb')
        folder.parent.mkdir(exist_ok=True)
        lmdb.open(str(folder), map_size=1 << 20).close()
        lines = (f'a_s{number:03}.png ({side},{side},3) 1\n' for number in range(sub_images))
        (folder / 'meta_info.txt').write_text(''.join(lines))
    inverse = f"""\
    inverse:
      type: InverseSampledLMDBDataset
      dataroot_gt: sub/HR_sub.lmdb
      dataroot_lq: sub/LR_sub_x4.lmdb
{policy}    gt_size: 192
"""
    return changed(TRAIN, '    gt_size: 192\n', inverse)


@pytest.mark.parametrize(
    ('num_classes', 'imbalance_factor', 'key'),
    [
        (10, 100000, 'imbalance_factor'),
        (49, 10, 'num_classes'),
        (2**63 - 1, 10, 'num_classes'),
        (10, 14, None),
        (10, 10, None),
    ],
)
def test_classes_of_the_sub_images(check: Check, num_classes: int, imbalance_factor: int, key: str) -> None:
    policy = f'      num_classes: {num_classes}\n      imbalance_factor: {imbalance_factor}\n'
    findings = errors(check, inverse_file(48, policy))
    found = [each for each in findings if each.where.endswith(('num_classes', 'imbalance_factor'))]
    if key is None:
        class_counts(48, num_classes, imbalance_factor)
        assert found == []
        return
    with pytest.raises(OptionError) as caught:
        class_counts(48, num_classes, imbalance_factor)
    assert keys_of(found) == [f'datasets.train.inverse.{key}']
    # What the run would say, word for word.
    assert (found[0].problem, found[0].found, found[0].remedy) == (
        caught.value.problem,
        caught.value.found,
        caught.value.remedy,
    )
    assert f'{num_classes} classes' in str(found[0].found) and 'set ' in str(found[0].remedy)


def test_classes_by_the_defaults(check: Check) -> None:
    assert 'datasets.train.inverse.num_classes' in keys_of(errors(check, inverse_file(9, '')))


RFS, AUG = 'type: RFSBalancedBatchDataset\n', 'type: SamplingAugDataset\n'
STOCK, SIZE = 'type: PairedImageDataset\n', '    gt_size: 192\n'
TWICE = 'network_sigma: {type: SigmaBranch, upsampler: edsr}\npath:'


@pytest.mark.parametrize(
    ('changes', 'key', 'problem'),
    [
        ([(STOCK, RFS), (SIZE, f'{SIZE}    mean: [0.5, 0.5, 0.5]\n')], 'datasets.train.mean', 'belong together'),
        ([(STOCK, RFS), (SIZE, '    gt_size: 8\n')], 'datasets.train.gt_size', 'gt_size is too small'),
        ([(STOCK, RFS), (SIZE, '    gt_size: 190\n')], 'datasets.train.gt_size', 'not a multiple of scale'),
        ([(STOCK, AUG), (SIZE, '    gt_size: 20\n')], 'datasets.train.gt_size', 'leaves nothing of a patch'),
        (
            [
                (
                    'val:\n    name: Set5\n    type: PairedImageDataset\n',
                    f'val:\n    name: Set5\n    gt_size: 192\n    {RFS}',
                )
            ],
            'datasets.val.phase',
            'never rebalanced',
        ),
        (
            [(PIXEL, '    type: HybridLpLoss\n    l1_weight: 0\n    l2_weight: 0\n    lp_weight: 0')],
            'train.pixel_opt.l1_weight',
            'all three weights of HybridLpLoss are 0',
        ),
        ([(NETWORK, '  type: CARN\n  group: 5')], 'network_g.group', 'cannot be divided'),
        (
            [(NETWORK, '  type: BicubicResidual\n  upscale: 4\n  base: {type: FSRCNN, upscale: 2}')],
            'network_g.base.upscale',
            'different scales',
        ),
        (
            [(NETWORK, '  type: BicubicResidual\n  upscale: 4\n  base: {type: MSRResNet}')],
            'network_g.base.type',
            'adds a bilinear image itself',
        ),
        ([('scale: 4', 'scale: 6'), ('path:', TWICE)], 'network_sigma.upscale', 'edsr upsampler cannot upscale by 6'),
        ([('calculate_psnr', 'calculate_pll')], 'val.metrics.psnr', 'needs the sigma map'),
    ],
)
def test_options_that_do_not_fit_each_other(check: Check, changes: list, key: str, problem: str) -> None:
    text = TRAIN
    for old, new in changes:
        text = changed(text, old, new)
    findings = [each for each in errors(check, text) if problem in each.problem]
    assert keys_of(findings) == [key]


@pytest.mark.parametrize(
    ('old', 'new', 'key', 'problem'),
    [
        ('path:', 'network_sigma: {type: SigmaBranch}\npath:', 'network_sigma', 'needs a network and a loss'),
        (PIXEL, f'{PIXEL}\n  sigma_opt: {{type: SigmaLoss}}', 'train.sigma_opt', 'needs a network and a loss'),
        (PIXEL, f'{PIXEL}\n  losses: {{pix: {{type: L1Loss}}}}', 'train.losses.pix', 'logged by another loss'),
        ('  val_freq:', '  windows: {size: 16}\n  val_freq:', 'val.windows.step', 'would be left out'),
        ('  val_freq:', '  save_best: lpips\n  val_freq:', 'val.save_best', 'names a metric that is not computed'),
        (PIXEL, f'{PIXEL}\n  losses: {{a-b: {{type: L1Loss}}}}', 'train.losses.a-b', 'cannot be logged'),
    ],
)
def test_what_a_model_of_the_pack_refuses(check: Check, old: str, new: str, key: str, problem: str) -> None:
    text = changed(TRAIN, old, new)
    assert [each for each in check(text) if problem in each.problem] == []  # BasicSR's own model reads none of it
    found = [each for each in errors(check, changed(text, 'SRModel', 'RebalancedSRModel')) if problem in each.problem]
    assert keys_of(found) == [key]


def test_sigma_maps_of_a_test_without_weights(check: Check) -> None:
    text = changed(TRAIN, 'SRModel', 'RebalancedSRModel').split('\ntrain:\n')[0].replace('  train:\n', '  test_1:\n')
    text = (
        text.replace('path:', 'network_sigma: {type: SigmaBranch}\npath:')
        + '\nval:\n  save_img: false\n  sigma: true\n'
    )
    assert 'path.pretrain_network_sigma' in keys_of(errors(check, text, is_train=False))
    assert 'path.pretrain_network_sigma' not in keys_of(
        errors(check, text.replace('  sigma: true\n', ''), is_train=False)
    )


def test_what_fits_is_let_through(check: Check) -> None:
    text = changed(TRAIN, 'calculate_psnr', 'calculate_pll\n      constant_sigma: 0.02')
    text = changed(text, STOCK, RFS)
    text = changed(
        text, '  metrics:', '  metrics:\n    ssim:\n      type: calculate_ssim_skimage\n      crop_border: 4'
    )
    text = changed(text, PIXEL, '    type: HybridLpLoss\n    l1_weight: 0')
    assert errors(check, changed(text, NETWORK, '  type: CARN\n  group: 4')) == []
