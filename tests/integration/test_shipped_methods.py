"""Shipped option files in BasicSR's unmodified pipelines: each method trains, and its test file reads what it left."""

from __future__ import annotations

import copy
import shutil
import sys

import pytest
import torch
import yaml

from bsr_plugins.options.templates.recipe import SHIPPED, Recipe, default_test_methods
from bsr_plugins.options.templates.render import render

METHODS = ('fpl', 'l1_bicubic', 'le_sigma', 'hybrid_lp', 'fpl_bspa_sigma', 'rfs', 'bsr', 'samplingaug')
# At x4, as the images at hand.
TRAINED = list(
    dict.fromkeys(
        Recipe(recipe.net, recipe.method, 4) for recipe in SHIPPED if not recipe.is_test and recipe.method in METHODS
    )
)


@pytest.fixture(scope='module')
def tested(sr_data, tmp_path_factory):
    """The first two images of ``sr_data``."""
    root = tmp_path_factory.mktemp('tested')
    for part in ('HR', 'LR'):
        (root / part).mkdir()
        for path in sorted((sr_data / part).iterdir())[:2]:
            shutil.copy(path, root / part)
    return root


def small(recipe, sr_data, tested):
    """The file's options, with a small network, on eight images and two to test; nothing else is changed."""
    options = yaml.safe_load(render(recipe))
    for phase, dataset in options['datasets'].items():
        data = sr_data if phase == 'train' else tested
        dataset.update(dataroot_gt=str(data / 'HR'), dataroot_lq=str(data / 'LR'), filename_tmpl='{}')
    base = options['network_g'].get('base', options['network_g'])
    shrunk = {
        'num_block': 1,
        'num_group': 1,
        'num_feat': 8,
        'squeeze_factor': 4,
        'depths': [1],
        'num_heads': [2],
        'embed_dim': 12,
        'd': 8,
        's': 4,
        'm': 1,
        'num_fmg': 2,
        'num_rb': 1,
    }
    base.update({key: value for key, value in shrunk.items() if key in base})
    if 'network_sigma' in options:
        options['network_sigma'].update(num_feat=8, num_conv=2)
    options['num_gpu'] = 0
    return options


def shortened(options, sr_data):
    options = copy.deepcopy(options)
    train, data = options['train'], options['datasets']['train']
    data.update(
        gt_size=48, num_worker_per_gpu=0, persistent_workers=False, batch_size_per_gpu=2, dataset_enlarge_ratio=1
    )
    if 'img_size' in options['network_g'].get('base', {}):
        data['gt_size'] = 64
    train['total_iter'] = 4
    if 'bspa' in train:
        train['bspa'].update(interval_iter=3, inverse_iter=2, ig_steps=2, ig_batches=2)
        train['total_iter'] = 8
        data['inverse'].update(
            dataroot_gt=str(sr_data / 'HR_sub.lmdb'),
            dataroot_lq=str(sr_data / 'LR_sub_x4.lmdb'),
            gt_size=48,
            num_classes=3,
        )
    if 'periods' in train['scheduler']:
        train['scheduler']['periods'] = [train['total_iter']]
    options['val']['val_freq'] = options['logger']['save_checkpoint_freq'] = train['total_iter']
    options['logger'].update(print_freq=1, use_tb_logger=False)
    return options


@pytest.mark.parametrize('recipe', TRAINED, ids=lambda recipe: recipe.name)
def test_a_shipped_file_trains_and_its_test_file_reads_it(recipe, sr_data, tested, train, tmp_path, monkeypatch):
    options = shortened(small(recipe, sr_data, tested), sr_data)
    experiment = train(options, tmp_path)
    log = next(experiment.glob('train_*.log')).read_text()
    assert f'Validation {options["datasets"]["val_2"]["name"]}' in log and 'nan' not in log
    assert ('# psnr_y:' in log) == (recipe.method in ('fpl', 'l1_bicubic'))
    assert ('l_sigma: ' in log) == ('sigma' in recipe.method)
    state = torch.load(experiment / 'models' / 'net_g_latest.pth', weights_only=True)['params']
    assert all(key.startswith('base.') == recipe.learns_residual for key in state)
    if recipe.method == 'fpl_bspa_sigma':
        assert 'BSPA round 1 after iteration 5' in log and 'frozen_share: 4.9' in log
    method = None if recipe.method in default_test_methods(recipe.net) else recipe.method
    test = small(Recipe(recipe.net, method, 4, test=True), sr_data, tested)
    assert test['path']['pretrain_network_g'] == str((experiment / 'models' / 'net_g_latest.pth').relative_to(tmp_path))
    results = run_test(test, tmp_path, monkeypatch)
    images = sorted(path.name for path in (results / 'visualization' / 'Set5').iterdir())
    sigma_maps = [name for name in images if name.endswith('_sigma.png')]
    assert len(images) - len(sigma_maps) == 2 and len(sigma_maps) == (2 if 'sigma' in recipe.method else 0)
    report = next(results.glob('test_*.log')).read_text()
    for metric in test['val']['metrics']:
        assert f'# {metric}: ' in report


def run_test(options, root, monkeypatch):
    """Run BasicSR's own test_pipeline in this process; return the results' folder."""
    import logging

    from basicsr.test import test_pipeline
    from basicsr.utils.logger import initialized_logger

    initialized_logger.clear()
    for handler in logging.getLogger('basicsr').handlers[:]:
        logging.getLogger('basicsr').removeHandler(handler)
        handler.close()
    option_file = root / f'{options["name"]}.yml'
    option_file.write_text(yaml.safe_dump(options, sort_keys=False))
    monkeypatch.setattr(sys, 'argv', ['test.py', '-opt', str(option_file)])
    test_pipeline(str(root))
    return root / 'results' / options['name']
