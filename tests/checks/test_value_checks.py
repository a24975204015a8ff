"""Values of a wrong type or out of their range, with what is expected and how it is written."""

from __future__ import annotations

from typing import Callable, List

import pytest

from bsr_plugins.common.findings import ERROR, Finding
from option_files import TRAIN, changed

Check = Callable[..., List[Finding]]

PIXEL = '    type: L1Loss'
BSPA = changed(
    changed(TRAIN, 'SRModel', 'BSPAModel'), '  total_iter: 300000\n', '  total_iter: 7500\n  bspa: {VALUE}\n'
)


@pytest.mark.parametrize(
    ('old', 'new', 'key', 'expected', 'remedy'),
    [
        ('total_iter: 300000', 'total_iter: 3e5', 'train.total_iter', 'number', 'total_iter: !!float 3e5 (YAML reads'),
        ('print_freq: 100', "print_freq: '100'", 'logger.print_freq', 'number', 'print_freq: 100, unquoted'),
        ('save_img: false', 'save_img: flase', 'val.save_img', 'true or false', "did you mean 'false'?"),
        ('save_img: false', "save_img: 'False'", 'val.save_img', 'true or false', 'save_img: false, unquoted'),
        ('scale: 4', 'scale: 4.5', 'scale', 'whole number', None),
        ('total_iter: 300000', f'total_iter: 1{"0" * 400}', 'train.total_iter', 'whole number', None),
        ('scale: 4', f'manual_seed: {2**32}\nscale: 4', 'manual_seed', '<= 4294967295', None),
        ('    gt_size', '    use_rot: 1\n    gt_size', 'datasets.train.use_rot', 'true or false or ~', None),
        ('num_worker_per_gpu: 6', 'num_worker_per_gpu: -1', 'datasets.train.num_worker_per_gpu', '>= 0', None),
        ('gt_size: 192', 'prefetch_mode: gpu\n    gt_size: 192', 'datasets.train.prefetch_mode', 'cpu or cuda', None),
        ('!!float 1e-4', '1e-4\n    betas: [1.9]', 'train.optim_g.betas', 'list of numbers >= 0 and < 1', None),
        ('resume_state: ~', 'strict_load_g: yess', 'path.strict_load_g', 'true or false', None),
        (
            PIXEL,
            f'{PIXEL}\n    loss_weight: 1e-2',
            'train.pixel_opt.loss_weight',
            'a number, as its default 1.0 in L1Loss',
            'loss_weight: !!float 1e-2 (YAML reads 1e-2 as text)',
        ),
        (
            'num_out_ch: 3',
            "num_out_ch: 3\n  num_block: '16'",
            'network_g.num_block',
            'default 16 in EDSR',
            '16, unquoted',
        ),
        (
            'crop_border: 4',
            'crop_border: 4\n      test_y_channel: ture',
            'val.metrics.psnr.test_y_channel',
            'true or false, as its default False',
            None,
        ),
        (PIXEL, '    type: FocalPixelLoss\n    alpha_sp: 0', 'train.pixel_opt.alpha_sp', 'number > 0', None),
        (
            PIXEL,
            '    type: FocalPixelLoss\n    norm_scope: bach',
            'train.pixel_opt.norm_scope',
            'batch or sample',
            "did you mean 'batch'?",
        ),
        (
            PIXEL,
            '    type: ExpectationLoss\n    num_draws: 1.5',
            'train.pixel_opt.num_draws',
            'whole number >= 1',
            None,
        ),
        (PIXEL, '    type: HybridLpLoss\n    eps: 1e-3', 'train.pixel_opt.eps', 'number >= 0', 'eps: !!float 1e-3'),
        (
            'type: PairedImageDataset',
            'type: SamplingAugDataset\n    portion: 10',
            'datasets.train.portion',
            'number >= -1 and <= 1',
            None,
        ),
    ],
)
def test_wrong_values_stop(check: Check, old: str, new: str, key: str, expected: str, remedy: str) -> None:
    findings = [finding for finding in check(changed(TRAIN, old, new)) if 'optim_g.lr' not in finding.where]
    assert [(finding.severity, finding.where.split(': ')[1]) for finding in findings] == [(ERROR, key)]
    assert expected in findings[0].expected
    assert remedy is None or remedy in findings[0].remedy


@pytest.mark.parametrize(
    ('line', 'key', 'expected'),
    [
        ('amp: fp32', 'train.amp', 'bf16 or fp16 or false or ~'),
        ('compile: 1', 'train.compile', 'true or false or ~'),
        ('grad_clip: 0', 'train.grad_clip', 'number > 0 or false or ~'),
        ('accumulate: 0', 'train.accumulate', 'whole number >= 1 or ~'),
        ('non_finite: ignore', 'train.non_finite', 'stop or skip or ~'),
        ('losses: [L1Loss]', 'train.losses', 'keys and values or ~'),
    ],
)
def test_values_of_the_engine(check: Check, line: str, key: str, expected: str) -> None:
    text = changed(changed(TRAIN, 'SRModel', 'RebalancedSRModel'), '  total_iter', f'  {line}\n  total_iter')
    assert [(finding.severity, finding.where.split(': ')[1], finding.expected) for finding in check(text)] == [
        (ERROR, key, expected)
    ]


@pytest.mark.parametrize(
    ('value', 'key', 'expected'),
    [
        ('beta: 1.5', 'beta', 'number >= 0 and <= 1'),
        ('interval_iter: 2e3', 'interval_iter', 'whole number >= 1'),
        ('ig_rule: middle', 'ig_rule', 'midpoint or right or left or trapezoid'),
        ('freeze_in_inverse: 1', 'freeze_in_inverse', 'true or false'),
    ],
)
def test_values_of_bspa(check: Check, value: str, key: str, expected: str) -> None:
    findings = {finding.where.split(': ')[1]: finding for finding in check(BSPA.replace('VALUE', value))}
    assert findings[f'train.bspa.{key}'].severity == ERROR
    assert findings[f'train.bspa.{key}'].expected == expected
    assert findings['datasets.train.inverse'].problem == "The key 'datasets.train.inverse' is missing"


@pytest.mark.parametrize(
    ('old', 'new'),
    [
        ('total_iter: 300000', 'total_iter: !!float 3e5'),
        ('pretrain_network_g: ~', 'pretrain_network_g: ~\n  strict_load_g: ~'),
        ('gt_size: 192', 'gt_size: 192\n    mean: [0.5, 0.5, 0.5]\n    std: ~'),
        (
            'num_out_ch: 3',
            'num_out_ch: 3\n  img_range: 1\n  rgb_mean: [0, 0, 0]',
        ),  # not the defaults' types, but numbers
        ('manual_seed', 'manual_seed'),
    ],
)
def test_right_values(check: Check, old: str, new: str) -> None:
    text = changed(TRAIN, 'scale: 4\n', 'scale: 4\nmanual_seed: 0\n')
    assert check(changed(text, old, new)) == []


def test_text_that_may_be_meant_is_left_alone(check: Check) -> None:
    assert check(changed(TRAIN, 'num_out_ch: 3', 'num_out_ch: 3\n  res_scale: learnt')) == []


def test_a_list_in_quotes_is_an_error(check: Check) -> None:
    network = changed(TRAIN, 'num_out_ch: 3', 'num_out_ch: 3\n  rgb_mean: "[0, 0, 0]"')
    assert [(each.severity, each.expected.split(',')[0]) for each in check(network)] == [(ERROR, 'a list')]


@pytest.mark.parametrize(('suffix', 'right'), [('x', True), ('~', True), ('/../../../x', False), ('"a\\nb"', False)])
def test_a_suffix_stays_in_the_folder(check: Check, suffix: str, right: bool) -> None:
    findings = check(changed(TRAIN, '  save_img: false', f'  save_img: false\n  suffix: {suffix}'))
    assert [each for each in findings if 'val.suffix' in each.where and each.severity == ERROR] == [] or not right
    assert right or any('val.suffix' in each.where for each in findings)
