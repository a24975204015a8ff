"""Where ADD takes its saliency from: the batch, or a frozen network; refused, read, resumed, and nothing else moved."""

from __future__ import annotations

import copy
import logging
from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import pytest
import torch
from torch import Tensor

from bsr_plugins.attribution.cam_saliency import cam_saliency
from bsr_plugins.common.builders import build_network
from bsr_plugins.common.errors import CheckpointError, DataError, OptionError
from bsr_plugins.models import batch_saliency
from bsr_plugins.models.rebalanced_sr_model import RebalancedSRModel
from bsr_plugins.models.saliency_options import check_maps_given, check_saliency_network
from training_runs import assert_equal

Options = Dict[str, Any]
NETWORK = {'type': 'FSRCNN', 'upscale': 2, 'd': 4, 's': 3, 'm': 1}


@pytest.fixture
def options(tmp_path: Path) -> Options:
    for folder in ('models', 'training_states'):
        (tmp_path / folder).mkdir()
    torch.manual_seed(7)
    torch.save({'params': build_network(NETWORK).state_dict()}, tmp_path / 'plain.pth')
    return {
        'is_train': True,
        'model_type': 'RebalancedSRModel',
        'num_gpu': 0,
        'dist': False,
        'rank': 0,
        'world_size': 1,
        'scale': 2,
        'manual_seed': 7,
        'network_g': NETWORK,
        'datasets': {
            'train': {
                'type': 'SaliencyPairedDataset',
                'saliency': 'maps.lmdb',
                'batch_size_per_gpu': 4,
                'num_worker_per_gpu': 0,
            }
        },
        'path': {
            'models': str(tmp_path / 'models'),
            'training_states': str(tmp_path / 'training_states'),
            'pretrain_network_saliency': str(tmp_path / 'plain.pth'),
            'resume_state': None,
        },
        'train': {
            'total_iter': 4,
            'optim_g': {'type': 'Adam', 'lr': 0.01},
            'scheduler': {'type': 'MultiStepLR', 'milestones': [100], 'gamma': 0.5},
            'pixel_opt': {'type': 'L1Loss', 'reduction': 'mean'},
            'augment': {'type': 'ADD', 'saliency': 'cam'},
        },
        'logger': {'print_freq': 1, 'save_checkpoint_freq': 1},
    }


def model_of(options: Options) -> RebalancedSRModel:
    torch.manual_seed(options['manual_seed'])
    return RebalancedSRModel(options)


def batch(iteration: int) -> Dict[str, Any]:
    gt, saliency = (
        torch.rand(4, *shape, generator=torch.Generator().manual_seed(iteration))
        for shape in ((3, 24, 20), (1, 12, 10))
    )
    paths = [f'{name}.png' for name in 'abcd']
    lq = torch.nn.functional.avg_pool2d(gt, 2)
    return {'lq': lq, 'gt': gt, 'saliency': saliency, 'lq_path': paths, 'gt_path': paths}


def trained(model: RebalancedSRModel, first: int, last: int) -> List[Tensor]:
    fed = []
    for iteration in range(first, last + 1):
        model.feed_data(batch(iteration))
        fed.append(model.lq)
        model.optimize_parameters(iteration)
    return fed


@pytest.mark.parametrize('source', ['cam', 'map', 'proxy'])
def test_a_resumed_run_augments_and_trains_as_the_whole_one(options: Options, tmp_path: Path, source: str) -> None:
    options['train']['augment'].update(type='ADDPlus', saliency=source)
    if source != 'cam':
        options['path']['pretrain_network_saliency'] = None
    whole = model_of(options)
    fed = trained(whole, 1, 2)
    whole.save(0, 2)
    fed += trained(whole, 3, 4)
    assert any(not torch.equal(lq, batch(number)['lq']) for number, lq in enumerate(fed, 1))
    options['path'].update(
        pretrain_network_g=str(tmp_path / 'models' / 'net_g_2.pth'),
        resume_state=str(tmp_path / 'training_states' / '2.state'),
    )
    resumed = model_of(options)
    resumed.resume_training(torch.load(options['path']['resume_state'], weights_only=True))
    assert_equal(trained(resumed, 3, 4), fed[2:])
    assert_equal(resumed.net_g.state_dict(), whole.net_g.state_dict())
    assert not list((tmp_path / 'models').glob('net_saliency*'))


def test_the_map_is_that_of_the_frozen_network_and_nothing_else_moves(options: Options) -> None:
    options['train'].update(amp='bf16', augment={'type': 'ADD', 'saliency': 'cam', 'prob': 1, 'cam_steps': 3})
    model = model_of(options)
    data = batch(1)
    seen: List[Tensor] = []
    given = model.batch_saliency.of
    model.batch_saliency.of = lambda *values: seen.append(given(*values)) or seen[-1]
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    model.feed_data(data)
    assert torch.equal(before[0], torch.get_rng_state()) and (before[1] == np.random.get_state()[1]).all()
    net = build_network(NETWORK).eval()
    net.load_state_dict(torch.load(options['path']['pretrain_network_saliency'], weights_only=True)['params'])
    assert torch.equal(seen[0], cam_saliency(net, data['lq'], {'cam_steps': 3})[:, None])
    assert seen[0].dtype == torch.float32 and not seen[0].requires_grad and not model.lq.requires_grad
    frozen = list(model.batch_saliency._net.parameters())
    model.optimize_parameters(1)
    assert frozen and all(each.grad is None and not each.requires_grad for each in frozen)
    for each, weight in zip(frozen, net.parameters()):
        assert torch.equal(each, weight)
    assert all(each.grad is not None for each in model.net_g.parameters())


def test_building_the_network_draws_nothing(options: Options) -> None:
    model_of(options)
    state = torch.get_rng_state()
    options['train']['augment'], options['path']['pretrain_network_saliency'] = {'type': 'ADD'}, None
    model_of(options)
    assert torch.equal(state, torch.get_rng_state())


def test_samples_that_are_not_looked_at_cost_nothing(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    from bsr_plugins.models import batch_saliency as module

    model, sizes = model_of(options), []
    monkeypatch.setattr(module, 'cam_saliency', lambda net, lq, _: sizes.append(len(lq)) or lq.mean(1))
    lq = batch(1)['lq']
    for needed in ([], [2], [0, 3], [0, 1, 2, 3]):
        maps = model.batch_saliency.of({}, lq, np.array(needed, np.int64))
        assert maps.shape == (4, 1, 12, 10)
        assert torch.equal(maps[needed, 0], lq.mean(1)[needed])
        assert maps.sum() == pytest.approx(float(lq.mean(1)[needed].sum()))
    assert sizes == [1, 2, 4]


def test_weights_that_were_changed_are_told(options: Options, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model = model_of(options)
    trained(model, 1, 1)
    model.save(0, 1)
    state = torch.load(tmp_path / 'training_states' / '1.state', weights_only=True)
    torch.save({'params': build_network(NETWORK).state_dict()}, tmp_path / 'plain.pth')
    caplog.set_level(logging.WARNING, 'basicsr')
    logging.getLogger('basicsr').propagate = True
    model_of(options).resume_training(state)
    assert 'path.pretrain_network_saliency' in caplog.text and 'another saliency' in caplog.text


def test_a_network_of_its_own(options: Options, tmp_path: Path) -> None:
    own = {**NETWORK, 'd': 5}
    torch.save({'params_ema': build_network(own).state_dict()}, tmp_path / 'own.pth')
    options['path'].update(pretrain_network_saliency=str(tmp_path / 'own.pth'), param_key_saliency='params_ema')
    with pytest.raises(CheckpointError, match=r'(?s)path\.pretrain_network_saliency.*give network_saliency the'):
        model_of(options)
    options['network_saliency'] = own
    assert len(trained(model_of(options), 1, 1)) == 1
    (tmp_path / 'own.pth').unlink()
    with pytest.raises(CheckpointError, match='saliency network are missing'):
        model_of(options)


def test_maps_that_are_missing_or_of_another_size(options: Options) -> None:
    options['path']['pretrain_network_saliency'] = None
    options['train']['augment']['saliency'] = 'map'
    model = model_of(options)
    for maps, words in ((None, 'no saliency maps'), (torch.zeros(4, 1, 24, 20), 'do not fit')):
        data = {key: value for key, value in {**batch(1), 'saliency': maps}.items() if value is not None}
        with pytest.raises(DataError, match=words):
            model.feed_data(data)


def cam(source: str = 'cam') -> Options:
    return {'augment': {'type': 'ADDPlus', 'saliency': source}}


@pytest.mark.parametrize(
    ('train', 'network', 'path', 'message'),
    [
        (cam(), None, None, 'whose weights are not named'),
        (cam(), NETWORK, '', 'whose weights are not named'),
        (cam('proxy'), None, 'x.pth', 'nothing reads it'),
        (cam('map'), NETWORK, None, 'network_saliency'),
        ({}, None, 'x.pth', 'nothing reads it'),
        ({'augment': {'type': 'CutBlur'}}, None, 'x.pth', 'nothing reads it'),
    ],
)
def test_what_does_not_belong_together_is_refused(train: Options, network: Any, path: Any, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        check_saliency_network(train, network, path)


def test_what_belongs_together_is_not() -> None:
    check_saliency_network(cam(), None, 'x.pth')
    check_saliency_network(cam(), NETWORK, 'x.pth')
    check_saliency_network({'augment': {'type': 'ADD'}}, None, None)
    check_saliency_network({}, None, None)
    for dataset in ({'type': 'RFSBalancedBatchDataset', 'saliency': 'x.lmdb'}, {'type': 'SetOfOnes'}, None):
        check_maps_given(cam('map'), dataset)
    check_maps_given(cam('proxy'), {'type': 'PairedImageDataset'})


@pytest.mark.parametrize('name', ['PairedImageDataset', 'InverseSampledLMDBDataset', 'SamplingAugDataset'])
def test_a_data_set_without_maps_is_refused(name: str) -> None:
    with pytest.raises(OptionError, match='gives none') as caught:
        check_maps_given(cam('map'), {'type': name})
    assert caught.value.where == 'datasets.train.saliency'
    assert ('SaliencyPairedDataset' in str(caught.value.remedy)) == (name == 'PairedImageDataset')


def test_maps_that_a_stock_data_set_does_not_read() -> None:
    with pytest.raises(OptionError, match=r'(?s)x\.lmdb.*does not read.*remedy: +type: SaliencyPairedDataset'):
        check_maps_given(cam('map'), {'type': 'PairedImageDataset', 'saliency': 'x.lmdb'})


def test_options_are_left_as_they_are(options: Options) -> None:
    before = copy.deepcopy(options)
    trained(model_of(options), 1, 1)
    assert options == before


def test_a_network_with_windows_is_given_whole_ones(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_saliency, 'window_size', lambda network: 8)
    model = model_of(options)
    sides = []
    model.batch_saliency._net.network.register_forward_pre_hook(lambda _, given: sides.append(given[0].shape[-2:]))
    model.feed_data(batch(1))  # of 12 x 10 pixels
    assert set(sides) == {(16, 16)}
