"""Keys that no code reads: which stop a run, which are said, and which are none of our business."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Callable, List

import pytest

from bsr_plugins.common.findings import ERROR, WARNING, Finding
from option_files import TRAIN, changed

Check = Callable[..., List[Finding]]

NETWORK = '  type: EDSR\n  num_in_ch: 3\n  num_out_ch: 3'
PIXEL = '  pixel_opt:\n    type: L1Loss'


def in_train(line: str) -> str:
    return changed(TRAIN, '  total_iter: 300000\n', f'  total_iter: 300000\n  {line}\n')


@pytest.mark.parametrize(
    ('text', 'key', 'near'),
    [
        (in_train('ema_decy: 0.999'), 'train.ema_decy', 'ema_decay'),
        (in_train('warm_up_iter: 10'), 'train.warm_up_iter', 'warmup_iter'),
        (changed(TRAIN, 'name: EDSR\n', 'name: EDSR\nmanual_sed: 1\n'), 'manual_sed', 'manual_seed'),
        (changed(TRAIN, '    gt_size', '    use_hflp: true\n    gt_size'), 'datasets.train.use_hflp', 'use_hflip'),
        (
            changed(TRAIN, '    gt_size', '    dataset_enlarge_ration: 2\n    gt_size'),
            'datasets.train.dataset_enlarge_ration',
            'dataset_enlarge_ratio',
        ),
        (
            changed(TRAIN, '  resume_state', '  strict_laod_g: true\n  resume_state'),
            'path.strict_laod_g',
            'strict_load_g',
        ),
        (changed(TRAIN, '  print_freq', '  use_tb_loger: true\n  print_freq'), 'logger.use_tb_loger', 'use_tb_logger'),
        (changed(TRAIN, '  save_img', '  sufix: x\n  save_img'), 'val.sufix', 'suffix'),
        (
            changed(TRAIN, '      crop_border: 4', '      crop_border: 4\n      test_y_chanel: true'),
            'val.metrics.psnr.test_y_chanel',
            'test_y_channel',
        ),
        (changed(TRAIN, '    lr:', '    weigth_decay: 0\n    lr:'), 'train.optim_g.weigth_decay', 'weight_decay'),
        (changed(TRAIN, '    milestones', '    gama: 0.5\n    milestones'), 'train.scheduler.gama', 'gamma'),
        (changed(TRAIN, NETWORK, f'{NETWORK}\n  num_blok: 16'), 'network_g.num_blok', 'num_block'),
        (changed(TRAIN, PIXEL, f'{PIXEL}\n    loss_wieght: 1'), 'train.pixel_opt.loss_wieght', 'loss_weight'),
        # SwinIR takes any keyword and reads none of them
        (changed(TRAIN, NETWORK, '  type: SwinIR\n  window_sise: 8'), 'network_g.window_sise', 'window_size'),
    ],
)
def test_slips_of_the_hand_stop(check: Check, text: str, key: str, near: str) -> None:
    findings = check(text)
    assert [finding.severity for finding in findings] == [ERROR], '\n'.join(map(str, findings))
    line = 1 + text[: text.index(f'{key.split(".")[-1]}:')].count('\n')
    assert findings[0].where == f'x.yml:{line}: {key}'
    assert findings[0].remedy == f"did you mean '{near}'?" and near in findings[0].expected
    assert key.split('.')[-1] in findings[0].found


@pytest.mark.parametrize(
    ('text', 'key'),
    [
        (changed(TRAIN, '    gt_size', '    use_shuffle: true\n    gt_size'), 'datasets.train.use_shuffle'),
        (changed(TRAIN, 'scale: 4\n', 'scale: 4\nsave_img: true\n'), 'save_img'),
        # what other models read is a leftover, however near it is to what this one reads
        (in_train('optim_d: {type: Adam, lr: 0.1}'), 'train.optim_d'),
        (changed(TRAIN, 'network_g:\n', 'network_d:\n  type: VGGStyleDiscriminator\nnetwork_g:\n'), 'network_d'),
        (in_train('gan_opt: {type: GANLoss, gan_type: vanilla}'), 'train.gan_opt'),
        (in_train('losses: {edge: {type: L1Loss}}'), 'train.losses'),
        (changed(TRAIN, '  save_img', '  per_class: true\n  save_img'), 'val.per_class'),
        # nothing is near
        (in_train('whatever: 1'), 'train.whatever'),
        # the right key is there too
        (in_train('ema_decay: 0.9\n  ema_decy: 0.9'), 'train.ema_decy'),
        (changed(TRAIN, NETWORK, f'{NETWORK}\n  attention: true'), 'network_g.attention'),
    ],
)
def test_dead_keys_are_said(check: Check, text: str, key: str) -> None:
    findings = check(text)
    assert [(finding.severity, finding.where.split(': ')[1]) for finding in findings] == [(WARNING, key)]


@pytest.mark.parametrize(
    'text',
    [
        TRAIN + 'dist_params:\n  backend: nccl\n  port: 29500\n',
        in_train('ema_decay: 0.999\n  warmup_iter: -1\n  perceptual_opt: ~'),
        changed(
            TRAIN,
            '  val:\n',
            '  val_2:\n    name: Set14\n    type: PairedImageDataset\n    dataroot_gt: data/HR\n'
            '    dataroot_lq: data/LR\n    io_backend: {type: disk}\n  val:\n',
        ),
        changed(TRAIN, '    lr:', '    betas: [0.9, 0.99]\n    weight_decay: 0\n    eps: 1.0e-8\n    lr:'),
        changed(changed(TRAIN, 'SRModel', 'SwinIRModel'), NETWORK, '  type: SwinIR\n  window_size: 8'),
        changed(
            TRAIN,
            'MultiStepLR\n    milestones: [200000]',
            'CosineAnnealingRestartLR\n    periods: [300000]\n    restart_weights: [1]\n    eta_min: 1.0e-7',
        ),
        changed(TRAIN, '  print_freq', '  use_tb_logger: true\n  wandb: {project: ~, resume_id: ~}\n  print_freq'),
    ],
)
def test_keys_that_are_read(check: Check, text: str) -> None:
    assert check(text) == []


@pytest.mark.parametrize(
    ('old', 'new', 'problem', 'remedy'),
    [
        (
            PIXEL,
            '  pixel_opt:\n    type: FocalPixelLoss\n    gama_sp: 1',
            "loss FocalPixelLoss has no option 'gama_sp'",
            "did you mean 'gamma_sp'?",
        ),
        (
            PIXEL,
            '  pixel_opt:\n    type: HybridLpLoss_bsrp\n    other: 1',
            "loss HybridLpLoss_bsrp has no option 'other'",
            'valid names: eps, l1_weight',
        ),
        (
            NETWORK,
            '  type: FSRCNN\n  num_feat: 64',
            "network FSRCNN has no option 'num_feat'",
            'valid names: d, init, m, num_in',
        ),
        (
            NETWORK,
            '  type: BicubicResidual\n  base: {type: EDSR, num_in_ch: 3, num_out_ch: 3}',
            "network BicubicResidual needs the option 'upscale'",
            '',
        ),
        (
            'calculate_psnr',
            'calculate_pll\n      constant_sigma: 0.1\n      sigma_min: 1',
            "metric calculate_pll has no option 'sigma_min'",
            "did you mean 'pll_sigma_min'?",
        ),
        (
            'type: PairedImageDataset',
            'type: RFSBalancedBatchDataset\n    num_interval: 4',
            "data set RFSBalancedBatchDataset has no option 'num_interval'",
            "did you mean 'num_intervals'?",
        ),
        (
            'type: PairedImageDataset',
            'type: SamplingAugDataset\n    attention: 4',
            "data set SamplingAugDataset has no option 'attention'",
            'valid names',
        ),
    ],
)
def test_the_packs_own_types_take_their_own_keys_alone(
    check: Check, old: str, new: str, problem: str, remedy: str
) -> None:
    findings = check(changed(TRAIN, old, new))
    assert [finding.severity for finding in findings] == [ERROR], '\n'.join(map(str, findings))
    assert problem in findings[0].problem and remedy in (findings[0].remedy or '')


def test_what_files_carry_for_any_data_set_does_not_stop_the_packs_own(check: Check) -> None:
    text = changed(TRAIN, 'type: PairedImageDataset', 'type: RFSBalancedBatchDataset\n    use_shuffle: true')
    assert [(finding.severity, finding.where) for finding in check(text)] == [
        (WARNING, 'x.yml:9: datasets.train.use_shuffle')
    ]


@pytest.mark.parametrize(
    ('line', 'severity', 'near'),
    [
        ('amp: bf16', None, ''),
        ('losses: {edge: {type: L1Loss}}', None, ''),
        ('acumulate: 2', ERROR, 'accumulate'),
        ('chanels_last: true', ERROR, 'channels_last'),
        ('bspa: {interval_iter: 10}', WARNING, 'model_type: BSPAModel reads it'),
        ('augment: {type: MoA, prob: 0.5}', None, ''),
    ],
)
def test_keys_of_the_packs_models(check: Check, line: str, severity: str, near: str) -> None:
    findings = check(changed(in_train(line), 'SRModel', 'RebalancedSRModel'))
    assert [finding.severity for finding in findings] == ([severity] if severity else [])
    assert all(near in finding.remedy for finding in findings)
    # The stock model knows none of them, and trains all the same: unless it was a slip, that is no error.
    stock = check(in_train(line))
    assert [finding.severity for finding in stock] == [WARNING]
    assert severity == ERROR or re.match('model_type: (RebalancedSR|BSPA)Model reads it', stock[0].remedy)


def test_missing_parameters_of_other_constructors_are_said(check: Check) -> None:
    findings = check(changed(TRAIN, '\n  num_out_ch: 3', ''))
    assert [(finding.severity, finding.problem) for finding in findings] == [
        (WARNING, "The network EDSR needs the option 'num_out_ch'")
    ]


def test_a_test_is_not_checked_for_what_training_reads(check: Check) -> None:
    text = changed(changed(TRAIN, '  val:\n', '  test:\n'), '  total_iter', '  ema_decy: 1\n  total_iter')
    text = text[: text.index('  train:\n')] + text[text.index('  test:\n') :]
    text = changed(text, 'pretrain_network_g: ~', 'pretrain_network_g: net.pth')
    Path('net.pth').write_bytes(b'x')
    assert check(text, is_train=False) == []
    findings = check(changed(text, '  save_img', '  sufix: x\n  save_img'), is_train=False)
    assert [finding.where.split(': ')[1] for finding in findings] == ['val.sufix']


def test_a_fork_brings_what_it_reads(check: Check, tmp_path: Path) -> None:
    package = tmp_path / 'hat'
    for folder in ('archs', 'models'):
        (package / folder).mkdir(parents=True)
    (package / 'archs' / 'hat_arch.py').write_text(
        '@ARCH_REGISTRY.register()\nclass HAT(nn.Module):\n  def __init__(self, window_size=7, **kwargs): pass\n'
    )
    (package / 'models' / 'hat_model.py').write_text(
        "@MODEL_REGISTRY.register()\nclass HATModel(SRModel):\n  def pre(self):\n    self.opt['tile']['tile_size']\n"
    )
    text = changed(changed(TRAIN, NETWORK, '  type: HAT\n  window_size: 16'), 'SRModel', 'HATModel')
    text = changed(text, 'scale: 4\n', 'scale: 4\ntile:\n  tile_size: 512\n')
    problems = {finding.problem for finding in check(text)}
    assert not any('No code reads' in problem for problem in problems)
    findings = [
        finding
        for finding in check(
            text.replace('tile_size: 512', 'tile_sise: 512').replace('window_size: 16', 'window_sise: 16')
        )
        if 'No code reads' in finding.problem
    ]
    assert {(finding.severity, finding.where.split(': ')[1], finding.remedy) for finding in findings} == {
        (ERROR, 'tile.tile_sise', "did you mean 'tile_size'?"),
        (ERROR, 'network_g.window_sise', "did you mean 'window_size'?"),
    }


def test_of_a_model_with_an_unknown_base_nothing_is_said(check: Check, tmp_path: Path) -> None:
    (tmp_path / 'other' / 'models').mkdir(parents=True)
    (tmp_path / 'other' / 'models' / 'x_model.py').write_text(
        '@MODEL_REGISTRY.register()\nclass XModel(elsewhere.Model): pass\n'
    )
    text = changed(in_train('ema_decy: 1'), 'SRModel', 'XModel')
    assert not any('ema_decy' in finding.where for finding in check(text))


def test_a_misspelt_model_does_not_make_the_keys_of_its_data_sets_dead(check: Check) -> None:
    text = changed(TRAIN, 'SRModel', 'BSPModel')
    text = changed(
        text, '    gt_size', '    inverse: {type: InverseSampledLMDBDataset}\n    use_hflp: true\n    gt_size'
    )
    said = [finding for finding in check(text) if 'No code reads' in finding.problem]
    assert [(finding.severity, finding.where.split(': ')[1]) for finding in said] == [
        (ERROR, 'datasets.train.use_hflp')
    ]
