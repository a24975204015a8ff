"""Contract of every option file under ``options/``: safe YAML, known types, keys that constructors take, schedule."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
import torch
import yaml

from bsr_plugins.augments.augments import build_augment
from cases import every

OPTIONS = Path(__file__).resolve().parents[2] / 'options'
# Grids have tests of their own: tests/options/templates/test_grids.py.
FILES = sorted(path for path in OPTIONS.rglob('*.yml') if path.parent.name != 'grids' and 'grid' not in path.stem)
IDS = [str(path.relative_to(OPTIONS)) for path in FILES]

READ = {name: yaml.safe_load(path.read_text(encoding='utf-8')) for name, path in zip(IDS, FILES)}


def names(takes=lambda options: True):
    return [name for name, options in READ.items() if takes(options)]


def of_training(options):
    return 'train' in options


def of_our_data_sets(options):
    from bsr_plugins.host.registration import TABLE

    return options['datasets'].get('train', {}).get('type') in TABLE['dataset']


def of_bspa(options):
    return options['model_type'] == 'BSPAModel'


def registered(kind, name):
    """Return what ``name`` builds: BasicSR's class, or the class behind the pack's factory."""
    import importlib

    from basicsr.utils import registry

    from bsr_plugins.host.registration import TABLE, register_all

    register_all()
    found = getattr(registry, f'{kind.upper()}_REGISTRY').get(name)
    target = TABLE[kind].get(name)
    if inspect.isclass(found) or target is None:
        return found
    module, _, attribute = target.partition(':')
    return getattr(importlib.import_module(module), attribute)


def check_call(function, given, *skipped):
    """Bind the keys of ``given`` to the parameters of ``function``; a misspelled or missing one is a TypeError."""
    inspect.signature(function).bind(**{key: value for key, value in given.items() if key not in skipped})


@every('name', names())
def test_types_and_keys(name):
    options = READ[name]
    assert inspect.isclass(registered('model', options['model_type']))
    for network in (options['network_g'], options.get('network_sigma')):
        while network is not None:
            check_call(registered('arch', network['type']), network, 'type')
            network = network.get('base')
    for dataset in options['datasets'].values():
        registered('dataset', dataset['type'])
    for metric in options['val']['metrics'].values():
        check_call(registered('metric', metric['type']), {'img': 0, 'img2': 0, **metric}, 'type', 'better')


@every('name', names(of_training))
def test_training_keys(name):
    options = READ[name]
    train = options['train']
    losses = [key for key in train if key.endswith('_opt')]
    assert losses
    for key in losses:
        check_call(registered('loss', train[key]['type']), train[key], 'type')
        # Its own checks of the values.
        registered('loss', train[key]['type'])(**{name: value for name, value in train[key].items() if name != 'type'})
    if 'augment' in train:
        assert build_augment(train['augment'], options['scale']).option_set.name == train['augment']['type']
    # The frozen branch of a first step trains by no loss of its own.
    is_second_step = 'pretrain_network_udn' in options['path']
    assert ('sigma_opt' in train or is_second_step) == ('network_sigma' in options)
    optimizer = getattr(torch.optim, train['optim_g']['type'])
    check_call(optimizer, {'params': [], **train['optim_g']}, 'type')
    from basicsr.models import lr_scheduler

    scheduler = {
        'MultiStepLR': lr_scheduler.MultiStepRestartLR,
        'CosineAnnealingRestartLR': lr_scheduler.CosineAnnealingRestartLR,
    }[train['scheduler']['type']]
    check_call(scheduler, {'optimizer': None, **train['scheduler']}, 'type')
    if train['scheduler']['type'] == 'MultiStepLR':
        assert all(milestone < train['total_iter'] for milestone in train['scheduler']['milestones'])
    else:
        assert sum(train['scheduler']['periods']) == train['total_iter']


@every('name', names(of_our_data_sets))
def test_keys_of_our_data_sets(name):
    from bsr_plugins.data.images.shared_options import read_dataset_options
    from bsr_plugins.options.table import option_set

    options = READ[name]
    train = options['datasets']['train']
    values = read_dataset_options({**train, 'scale': options['scale']}, option_set('dataset', train['type']))
    assert values.gt_size == train['gt_size']


@every('name', names(of_bspa))
def test_bspa(name):
    from bsr_plugins.data.dataset_options import INVERSE_SAMPLED
    from bsr_plugins.data.images.shared_options import read_dataset_options
    from bsr_plugins.models.bspa_options import BSPAOptions, inverse_dataset_options
    from bsr_plugins.models.bspa_schedule import BSPASchedule

    options = READ[name]
    bspa = BSPAOptions.from_mapping(options['train']['bspa'])
    schedule = BSPASchedule(options['train']['total_iter'], bspa.interval_iter, bspa.inverse_iter)
    assert schedule.warnings() == [] and schedule.rounds >= 1
    assert not schedule.is_inverse(options['train']['total_iter'])
    inverse = inverse_dataset_options({**options['datasets']['train'], 'scale': options['scale'], 'phase': 'train'})
    assert read_dataset_options(inverse, INVERSE_SAMPLED).num_classes == 10


@pytest.mark.parametrize('path', FILES, ids=IDS)
def test_check_finds_nothing_but_absent_data(path, tmp_path):
    from bsr_plugins.checks.option_checks import check_options
    from bsr_plugins.options.option_file import read_option_file

    is_train = 'train:' in path.read_text().splitlines()
    findings = check_options(read_option_file(path), tmp_path, is_train)
    assert findings
    networks = [f'pretrain_network_{name}' for name in ('g', 'sigma', 'udn', 'saliency')]
    keys = ('dataroot_gt', 'dataroot_lq', 'difficulty', *networks)
    assert [str(finding) for finding in findings if not finding.where.endswith(keys)] == []
