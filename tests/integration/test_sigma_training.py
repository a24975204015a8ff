"""The sigma branch through BasicSR's unmodified pipelines: trained, saved apart, resumed, tested, drawn, measured."""

from __future__ import annotations

import copy
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any, Callable, Dict

import numpy as np
import pytest
import torch
import yaml

import warm_python
from bsr_plugins.common.errors import CheckpointError, OptionError
from bsr_plugins.runs import training_position
from cpu_autocast import needs_cpu_fp16
from training_runs import load, log_of, without_bspa

Options = Dict[str, Any]
Train = Callable[..., Path]


@pytest.fixture
def options(base_options: Options) -> Options:
    return without_bspa(base_options, 'RebalancedSRModel', total_iter=4)


def with_sigma(options: Options, **train: Any) -> Options:
    options = copy.deepcopy(options)
    options['network_sigma'] = {'type': 'SigmaBranch', 'num_feat': 8, 'num_conv': 2}
    options['train'].update({'sigma_opt': {'type': 'SigmaLoss', 'loss_weight': 0.1}, **train})
    return options


def test_the_branch_trains_beside_the_network(options: Options, train: Train, tmp_path: Path) -> None:
    run = train(with_sigma(options), tmp_path)
    assert 'l_sigma' in log_of(run) and 'Sigma branch: 8 features before upsample of EDSR' in log_of(run)
    first, last = (load(run, f'net_sigma_{i}.pth') for i in (1, 4))
    assert set(last) == {'params', 'params_ema'}
    assert all(not torch.equal(last['params'][name], first['params'][name]) for name in first['params'])
    assert not torch.equal(last['params']['body.0.weight'], last['params_ema']['body.0.weight'])
    groups = load(run, '4.state')['optimizers'][0]['param_groups']
    assert len(groups) == 2 and groups[0]['lr'] == groups[1]['lr']
    assert len(groups[1]['params']) == len(last['params'])


def test_features_are_shaped_by_it_and_mu_is_not(options: Options, train: Train, tmp_path: Path) -> None:
    """After one update the trunk differs from a run without the branch, what comes after the tap does not."""
    options['train']['total_iter'] = 1
    plain = load(train(options, tmp_path / 'plain'), 'net_g_1.pth')['params']
    beside = load(train(with_sigma(options), tmp_path / 'sigma'), 'net_g_1.pth')['params']
    assert list(plain) == list(beside)
    for name, value in plain.items():
        after_tap = name.startswith(('upsample', 'conv_last'))
        assert torch.equal(value, beside[name]) == after_tap, name


def test_mu_can_be_attached(options: Options, train: Train, tmp_path: Path) -> None:
    options['train']['total_iter'] = 1
    detached = load(train(with_sigma(options), tmp_path / 'detached'), 'net_g_1.pth')['params']
    options = with_sigma(options)
    options['train']['sigma_opt'].update(detach_pred=False, loss_weight=10.0)
    attached = load(train(options, tmp_path / 'attached'), 'net_g_1.pth')['params']
    assert not torch.equal(detached['conv_last.weight'], attached['conv_last.weight'])


@pytest.mark.parametrize(
    'engine',
    [
        {},
        {'amp': 'bf16', 'channels_last': True, 'accumulate': 3, 'grad_clip': 0.1},
        pytest.param({'compile': True, 'amp': 'fp16'}, marks=needs_cpu_fp16),
    ],
    ids=lambda engine: '+'.join(engine) or 'plain',
)
def test_resume_is_exact(
    options: Options,
    train: Train,
    tmp_path: Path,
    engine: Options,
    same: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original = torch.compile
    monkeypatch.setattr(torch, 'compile', lambda net: original(net, backend='eager'))
    options = with_sigma(options, **engine)
    whole = train(options, tmp_path / 'whole')
    resumed = tmp_path / 'resumed' / 'experiments' / 'run'
    shutil.copytree(whole, resumed)
    for late in (*resumed.glob('models/net_*_[34]*.pth'), *resumed.glob('training_states/[34].state')):
        late.unlink()
    train(options, tmp_path / 'resumed', '--auto_resume')
    for name in ('net_g_4.pth', 'net_sigma_4.pth', '4.state'):
        same(load(resumed, name), load(whole, name))


def test_net_g_is_that_of_stock_basicsr(options: Options, train: Train, tmp_path: Path) -> None:
    from basicsr.models.sr_model import SRModel

    from bsr_plugins.models.rebalanced_sr_model import RebalancedSRModel

    run = train(with_sigma(options), tmp_path)
    test = {
        'is_train': False,
        'dist': False,
        'num_gpu': 0,
        'rank': 0,
        'world_size': 1,
        'scale': 4,
        'network_g': options['network_g'],
        'path': {
            'pretrain_network_g': str(run / 'models' / 'net_g_4.pth'),
            'strict_load_g': True,
            'pretrain_network_sigma': str(run / 'models' / 'net_sigma_4.pth'),
        },
    }
    with_maps = {**test, 'val': {'sigma': True}, 'network_sigma': with_sigma(options)['network_sigma']}
    lq = torch.rand(1, 3, 12, 9, generator=torch.Generator().manual_seed(0))
    outputs = []
    for model in (SRModel(test), RebalancedSRModel(with_maps), RebalancedSRModel(test)):
        model.feed_data({'lq': lq})
        model.test()
        outputs.append(model.output)
        sigma = model.sigma.map if isinstance(model, RebalancedSRModel) else None
        assert (sigma is not None) == (len(outputs) == 2)
        if sigma is not None:
            assert sigma.shape == model.output.shape and float(sigma.min()) > 0 and float(sigma.max()) < 1
    assert torch.equal(outputs[0], outputs[1]) and torch.equal(outputs[0], outputs[2])
    assert RebalancedSRModel({**with_maps, 'val': {}}).net_sigma is None


def test_windows_are_cut_from_the_map_too() -> None:
    from bsr_plugins.models.rebalanced_sr_model import RebalancedSRModel

    network = {
        'type': 'SwinIR',
        'upscale': 2,
        'in_chans': 3,
        'img_size': 16,
        'window_size': 8,
        'img_range': 1.0,
        'depths': [1],
        'embed_dim': 12,
        'num_heads': [2],
        'mlp_ratio': 2,
        'upsampler': 'pixelshuffle',
    }
    model = RebalancedSRModel(
        {'is_train': False, 'dist': False, 'num_gpu': 0, 'rank': 0, 'scale': 2, 'path': {}, 'network_g': network}
    )
    model.opt.update(network_sigma={'type': 'SigmaBranch', 'num_feat': 4, 'num_conv': 1}, val={'sigma': True})
    model.opt['is_train'] = True  # without weights to load
    model.sigma.net = model.sigma.build_net()
    model.sigma.give_maps()
    model.feed_data({'lq': torch.rand(1, 3, 9, 13)})
    model.test()
    assert model.sigma.map.shape == model.output.shape == (1, 3, 18, 26)


def test_validation_draws_maps_and_hands_them_to_metrics(
    options: Options, train: Train, tmp_path: Path, with_validation: Callable[..., Options], same: Callable[..., None]
) -> None:
    import cv2

    options = with_sigma(with_validation(options, 2))
    plain = train(options, tmp_path / 'plain')
    assert not list(plain.glob('visualization/*/*_sigma.png'))
    options['val'].update(sigma=True, save_img=True)
    options['val']['metrics'].update(
        pll={'type': 'calculate_pll', 'crop_border': 4}, sigma_psnr={'type': 'calculate_sigma_psnr', 'crop_border': 4}
    )
    run = train(options, tmp_path / 'run')
    same(load(run, 'net_g_4.pth'), load(plain, 'net_g_4.pth'))
    images = sorted(run.glob('visualization/*/*_2_sigma.png'))
    assert len(images) == 8
    for image in images:
        result = image.with_name(image.name.replace('_sigma', ''))
        assert cv2.imread(str(image)).shape == cv2.imread(str(result)).shape
    assert '# pll: ' in log_of(run) and '# sigma_psnr: ' in log_of(run) and '_constant' not in log_of(run)
    from basicsr.metrics import calculate_metric
    from basicsr.models import sr_model

    assert sr_model.calculate_metric is calculate_metric


def test_a_test_has_the_constant_row_beside(
    options: Options,
    train: Train,
    tmp_path: Path,
    sr_data: Path,
    with_validation: Callable[..., Options],
    monkeypatch: pytest.MonkeyPatch,
    repo: Path,
) -> None:
    run = train(with_sigma(options), tmp_path)
    weights = run / 'models' / 'net_g_4.pth'
    command = [str(repo / 'tools' / 'measure_constant_sigma.py'), '-opt', str(tmp_path / 'run.yml')]
    command += ['--weights', str(weights), '--device', 'cpu']
    test = with_validation(with_sigma(options), 1)
    test['datasets'] = {'test': test['datasets']['val']}
    test['val'].update(
        sigma=True,
        save_img=True,
        suffix=None,
        metrics={'pll': {'type': 'calculate_pll', 'crop_border': 0}, 'gap': {'type': 'calculate_sigma_psnr'}},
    )
    test['path'] = {
        'pretrain_network_g': str(weights),
        'strict_load_g': True,
        'pretrain_network_sigma': str(run / 'models' / 'net_sigma_4.pth'),
    }
    log = run_test(test, tmp_path, monkeypatch)
    assert 'No constant sigma was measured' in log and f'--weights {weights}' in log and 'pll_constant' not in log

    done = warm_python.run(*command, cwd=tmp_path, env={**os.environ, 'PYTHONPATH': str(repo)})
    assert done.returncode == 0, done.stdout
    record = json.loads((run / 'models' / 'net_g_4_constant_sigma.json').read_text())['params']
    assert record['images'] == 8 and 0.01 < record['constant_sigma'] < record['rmse'] < 1
    log = run_test(test, tmp_path, monkeypatch)
    for row in ('pll', 'pll_constant', 'gap', 'gap_constant'):
        assert f'# {row}: ' in log
    # The sets are the same one: the best constant of Eq. 11 is their RMSE, and this is its likelihood.
    from bsr_plugins.metrics.pll_metric import pll

    value = float(log.split('# pll_constant: ')[-1].split()[0])
    ceiling = pll(np.full(1, record['rmse']), np.zeros(1), np.full(1, record['rmse']))
    assert ceiling - 1.5 < value < ceiling + 0.5
    assert len(list((tmp_path / 'results' / 'run').glob('visualization/val/*_run_sigma.png'))) == 8


def run_test(options: Options, root: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    from basicsr.test import test_pipeline

    shutil.rmtree(root / 'results', ignore_errors=True)
    (root / 'test.yml').write_text(yaml.safe_dump(options, sort_keys=False))
    monkeypatch.chdir(root)
    monkeypatch.setattr(sys, 'argv', ['test.py', '-opt', 'test.yml'])
    training_position.reset()
    import logging

    from basicsr.utils.logger import initialized_logger

    initialized_logger.clear()
    for handler in logging.getLogger('basicsr').handlers[:]:
        logging.getLogger('basicsr').removeHandler(handler)
    test_pipeline(str(root))
    return log_of(root / 'results' / 'run')


@pytest.mark.parametrize(
    'change, message',
    [
        (lambda o: o.pop('network_sigma'), 'the loss alone'),
        (lambda o: o['train'].pop('sigma_opt'), 'the network alone'),
        (lambda o: o['train'].update(sigma_tap='upsampel'), "did you mean 'upsample"),
    ],
)
def test_wrong_options_are_refused(
    options: Options, train: Train, tmp_path: Path, change: Callable[[Options], Any], message: str
) -> None:
    options = with_sigma(options)
    change(options)
    with pytest.raises(OptionError) as caught:
        train(options, tmp_path)
    assert message in str(caught.value)


def test_a_run_without_the_branch_is_not_resumed_with_it(options: Options, train: Train, tmp_path: Path) -> None:
    run = train(options, tmp_path)
    with pytest.raises(CheckpointError, match='the weights of the sigma branch are missing'):
        train(with_sigma(options, total_iter=6), tmp_path, '--auto_resume')
    assert run.exists()


def test_a_run_with_the_branch_is_not_resumed_without_it(options: Options, train: Train, tmp_path: Path) -> None:
    train(with_sigma(options), tmp_path)
    options['train']['total_iter'] = 6
    with pytest.raises(CheckpointError, match='2 parameter groups, not 1'):
        train(options, tmp_path, '--auto_resume')


def test_with_bspa_fpl_and_noise_in_one_run(
    base_options: Options, train: Train, tmp_path: Path, same: Callable[..., None]
) -> None:
    options = with_sigma(base_options, total_iter=9)
    options['train']['pixel_opt'] = {'type': 'FocalPixelLoss'}
    options['train']['losses'] = {'expected': {'type': 'ExpectationLoss', 'loss_weight': 0.1}}
    whole = train(options, tmp_path / 'whole')
    assert (whole / 'bspa_rounds' / 'round_001.json').exists()
    for name in ('l_pix', 'l_expected', 'l_sigma'):
        assert name in log_of(whole)
    resumed = tmp_path / 'resumed' / 'experiments' / 'run'
    shutil.copytree(whole, resumed)
    for late in (*resumed.glob('models/net_*_[6-9]*.pth'), *resumed.glob('training_states/[6-9].state')):
        late.unlink()
    train(options, tmp_path / 'resumed', '--auto_resume')
    for name in ('net_g_9.pth', 'net_sigma_9.pth', '9.state'):
        same(load(resumed, name), load(whole, name))
