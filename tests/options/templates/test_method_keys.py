"""A method put onto a base option file is the method's own file, whatever other method the base has."""

from __future__ import annotations

import copy
import itertools
from typing import Any, Dict, Mapping, Optional

import pytest

from bsr_plugins.common.errors import OptionError
from bsr_plugins.options.templates.method_keys import method_keys
from bsr_plugins.options.templates.methods import METHODS
from bsr_plugins.options.templates.networks import NETWORKS
from bsr_plugins.options.templates.recipe import Recipe
from bsr_plugins.options.templates.render import render
from bsr_plugins.options.templates.setting import OwnData, Setting
from cases import every
from quick_yaml import load_yaml

DATA = OwnData(
    name='images_x4',
    source='Nine images.',
    uniform='datasets/images_x4/windows_480',
    count=40,
    smallest=480,
    val_hr='datasets/images_x4/val_HR',
    val_lr='datasets/images_x4/val_LR',
    classes='datasets/images_x4/sub_128',
    crop=128,
    num_classes=7,
    class_count=900,
)
FILES: Dict[Any, Dict[str, Any]] = {}
PLAIN = {'scale': 4, 'model_type': 'SRModel', 'network_g': {'type': 'EDSR', 'upscale': 4}, 'datasets': {}, 'train': {}}


def file_of(net: str, method: str, data: Optional[OwnData] = DATA, iterations: Optional[int] = 3000) -> Dict[str, Any]:
    """Return the method's own file, without the name of its experiment."""
    key = (net, method, data is None, iterations)
    if key not in FILES:
        setting = Setting('my.yml', 'my.yml', 'my', data, iterations)
        recipe = Recipe(net, method, 4, setting=setting)
        text = render(recipe)
        if recipe.first is not None:
            text = text.replace(f'experiments/{recipe.first.name}', '{first}')
        FILES[key] = load_yaml(text)
        del FILES[key]['name']
        # Not set, which is what a value None of method_keys comes to, too.
        for place, section in ((FILES[key], 'path'), (FILES[key]['datasets'], 'train')):
            place[section] = {name: value for name, value in place[section].items() if value is not None}
    return copy.deepcopy(FILES[key])


def put(options: Mapping[str, Any], keys: Mapping[str, Any]) -> Dict[str, Any]:
    result: Dict[str, Any] = copy.deepcopy(dict(options))
    for path, value in keys.items():
        *sections, last = path.split(':')
        section = result
        for each in sections:
            section = section[each]
        if value is None:
            del section[last]
        else:
            section[last] = value
    return result


@every('net, method', itertools.product(NETWORKS, [name for name, row in METHODS.items() if row.twin]))
def test_the_twins_file_becomes_the_methods_own_and_back(net: str, method: str) -> None:
    twin = METHODS[method].twin or ''
    base, own = file_of(net, twin), file_of(net, method)
    # A set of another size has an epoch of another length.
    own['datasets']['train']['dataset_enlarge_ratio'] = base['datasets']['train']['dataset_enlarge_ratio']
    before = copy.deepcopy(base)
    assert put(base, method_keys(method, base, 3000, DATA).keys) == own
    assert base == before
    back = put(own, method_keys(twin, own, 3000, DATA).keys)
    # Whatever the pack's model was chosen for stays; a residual does, too.
    assert back.pop('model_type') in (base.pop('model_type'), 'RebalancedSRModel')
    if METHODS[method].draws_by_class:
        # The way back to the images is unknown.
        assert back['train'] == base['train'] and back['datasets']['train']['type'] == 'PairedImageDataset'
    elif METHODS[method].residual == METHODS[twin].residual:
        assert back == base


@every('net, method', itertools.product(['EDSR', 'MSRResNet', 'RCAN'], METHODS))
def test_a_file_of_plain_training_takes_any_method(net: str, method: str) -> None:
    base, own = file_of(net, 'baseline'), file_of(net, method)
    made = method_keys(method, base, 3000, DATA)
    result = put(base, made.keys)
    for section in ('model_type', 'network_g', 'network_sigma'):
        assert result.get(section) == own.get(section)
    for key in ('pixel_opt', 'sigma_opt', 'sigma_tap', 'bspa', 'augment'):
        assert result['train'].get(key) == own['train'].get(key)
    train, expected = result['datasets']['train'], own['datasets']['train']
    assert {**train, 'gt_size': 0, 'dataset_enlarge_ratio': 0} == {
        **expected,
        'gt_size': 0,
        'dataset_enlarge_ratio': 0,
    }
    residual = METHODS[method].residual and net != 'MSRResNet'
    assert made.twin == (METHODS[method].twin and ('l1_bicubic' if residual else 'baseline'))
    assert made.needs_classes == ('inverse' in train or method == 'inverse')


def test_published_data_and_length_give_the_published_file() -> None:
    base, own = file_of('EDSR', 'baseline', None, None), file_of('EDSR', 'bspa', None, None)
    made = method_keys('bspa', base, 37500)
    inverse = own['datasets']['train']['inverse']
    assert made.keys['datasets:train:inverse'] == {**inverse, 'dataroot_gt': None, 'dataroot_lq': None}
    assert made.keys['train:bspa'] == own['train']['bspa'] and made.keys['model_type'] == 'BSPAModel'
    assert made.as_published == 20000 / 37500 and method_keys('rfs', base, 37500).as_published is None
    # The paths of a base that has them stay, its classes too, for whatever method.
    assert method_keys('bspa', own, 37500).keys == {}
    inverse.update(num_classes=4, gt_size=96)
    assert method_keys('bspa', own, 37500).keys == {}
    alone = put(own, method_keys('inverse', own, 37500).keys)['datasets']['train']
    assert {name: alone.get(name) for name in inverse} == inverse and 'inverse' not in alone
    assert method_keys('bspa', {**base, 'scale': 8}, 37500).keys['datasets:train:inverse']['gt_size'] == 128


def test_plain_training_adds_nothing_to_a_plain_file() -> None:
    for method in ('baseline', 'l1', 'l1_bsr'):
        assert method_keys(method, file_of('FSRCNN', 'baseline'), 3000) == method_keys(method, PLAIN, 10)
        assert method_keys(method, PLAIN, 10).keys == {}


def test_what_the_base_chose_itself_stays() -> None:
    base = {
        **PLAIN,
        'model_type': 'HATModel',
        'network_g': {'type': 'HAT', 'upscale': 4},
        'datasets': {'train': {'type': 'OwnDataset', 'gt_size': 96}},
        'train': {'pixel_opt': {'type': 'CharbonnierLoss', 'loss_weight': 2.0}, 'accumulate': 4},
    }
    keys = method_keys('bspa', base, 3000, DATA).keys
    assert keys['model_type'] == 'BSPAModel' and keys['base_model_type'] == 'HATModel'
    assert not {'train:pixel_opt', 'datasets:train:type', 'network_g'} & keys.keys()
    assert keys['datasets:train:inverse']['gt_size'] == 96 and keys['datasets:train:inverse']['num_classes'] == 7
    assert keys['train:bspa']['interval_iter'] % 4 == keys['train:bspa']['inverse_iter'] % 4 == 0
    wrapped = method_keys('l1_bicubic', base, 3000).keys
    assert wrapped['network_g'] == {
        'type': 'BicubicResidual',
        'upscale': 4,
        'bicubic': 'torch',
        'base': {'type': 'HAT', 'upscale': 4},
    }
    assert wrapped['model_type'] == 'RebalancedSRModel' and wrapped['base_model_type'] == 'HATModel'
    engine = {**base, 'model_type': 'RebalancedSRModel', 'base_model_type': 'HATModel'}
    assert method_keys('baseline', engine, 3000).keys == {}


@pytest.mark.parametrize(
    'net, scale, expected',
    [
        ({'type': 'EDSR'}, 4, {'prob': 1.0, 'mix_p': None}),
        ({'type': 'CARN'}, 4, {'prob': 0.2, 'mix_p': None}),
        ({'type': 'BicubicResidual', 'base': {'type': 'CARN'}}, 4, {'prob': 0.2, 'mix_p': None}),
        ({'type': 'EDSR'}, 1, {'prob': 1.0, 'mix_p': [0.1] * 6 + [0.4]}),
    ],
)
def test_the_mixture_has_what_was_published_for_network_and_scale(net: Any, scale: int, expected: Any) -> None:
    augment = method_keys('moa', {**PLAIN, 'network_g': net, 'scale': scale}, 10).keys['train:augment']
    assert {name: augment[name] for name in expected} == expected


def test_an_augmentation_that_is_no_methods_stays() -> None:
    base = {
        **PLAIN,
        'model_type': 'RebalancedSRModel',
        'train': {'augment': {'type': 'CutMix'}, 'pixel_opt': {'type': 'MSELoss'}},
    }
    assert method_keys('baseline', base, 10).keys == {}
    assert method_keys('add', base, 10).keys['train:augment']['type'] == 'ADD'
    by_cam = {
        **base,
        'train': {'augment': {'type': 'ADDPlus', 'saliency': 'cam'}, 'pixel_opt': {'type': 'MSELoss'}},
        'network_saliency': {'type': 'RCAN'},
        'path': {'pretrain_network_saliency': 'rcan.pth', 'param_key_saliency': 'params'},
    }
    taken = method_keys('baseline', by_cam, 10).keys
    assert taken['train:augment'] is taken['network_saliency'] is taken['path:pretrain_network_saliency'] is None
    followed = method_keys('add_cam', by_cam, 10)
    assert followed.first == 'baseline' and followed.keys['network_saliency'] is None
    assert followed.keys['path:pretrain_network_saliency'] == '{first}/models/net_g_latest.pth'


def test_a_mean_added_to_a_residual_is_taken_off() -> None:
    for net in ('EDSR', 'RCAN', 'BSRNet'):
        keys = method_keys('fpl', {**PLAIN, 'network_g': {'type': net}}, 10).keys
        assert keys['network_g']['base']['rgb_mean'] == [0, 0, 0]
    assert (
        'rgb_mean' not in method_keys('fpl', {**PLAIN, 'network_g': {'type': 'FSRCNN'}}, 10).keys['network_g']['base']
    )


def test_other_methods_are_refused() -> None:
    with pytest.raises(OptionError, match="(?s)no method 'bpsa'.*did you mean 'bspa'"):
        method_keys('bpsa', PLAIN, 10)
    with pytest.raises(OptionError, match='at least 3'):
        method_keys('bspa', PLAIN, 2)
