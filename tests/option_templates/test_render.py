"""Every combination of network, method and scale: it loads, its network builds, twins differ in the method alone."""
from __future__ import annotations

import functools
import itertools
import math

import pytest
import torch
import yaml

from bsr_plugins.option_templates.methods import METHODS
from bsr_plugins.option_templates.networks import NETWORKS
from bsr_plugins.option_templates.protocols import SCALES, patch_size, window
from bsr_plugins.option_templates.recipe import SHIPPED, Recipe
from bsr_plugins.option_templates.render import render

COMBINATIONS = list(itertools.product(NETWORKS, [*METHODS, None], SCALES))
# Parameters of the whole network at x2, x3, x4; the papers' tables round them.
PARAMETERS = {
    'EDSR': (1369859, 1554499, 1517571), 'RCAN': (15444643, 15629283, 15592355), 'FSRCNN': (24518,) * 3,
}
METHOD_KEYS = {'bspa': ('name', 'model_type', 'datasets.train.inverse.', 'train.bspa.')}


def options_of(*recipe):
    return yaml.safe_load(render(Recipe(*recipe)))


def build(options):
    from basicsr.archs import build_network
    return build_network(options['network_g'])


@functools.lru_cache(maxsize=None)
def built(text):
    """Build a network once and say what it is: its class's name and the number of its parameters."""
    network = build({'network_g': yaml.safe_load(text)})
    return type(network).__name__, sum(parameter.numel() for parameter in network.parameters())


def flat(options, prefix=''):
    for key, value in options.items():
        if isinstance(value, dict):
            yield from flat(value, f'{prefix}{key}.')
        else:
            yield f'{prefix}{key}', value


@pytest.mark.parametrize('net, method, scale', COMBINATIONS)
def test_every_combination_loads_and_builds(net, method, scale):
    options = options_of(net, method, scale)
    assert options['scale'] == options['network_g']['upscale'] == scale
    assert options['name'] == Recipe(net, method, scale).name
    network = options['network_g']
    if net == 'SwinIR' and scale != 4:
        # One group instead of six: initialising all of it takes seconds, and x4 below does.
        network = {**network, 'depths': network['depths'][:1], 'num_heads': network['num_heads'][:1]}
    name, parameters = built(yaml.safe_dump(network))
    assert name == net
    if net in PARAMETERS:
        assert parameters == PARAMETERS[net][scale - 2]
    for metric in options['val']['metrics'].values():
        assert metric['crop_border'] == scale and metric['test_y_channel'] is True


@pytest.mark.parametrize('net, method, scale', [row for row in COMBINATIONS if row[1] in METHOD_KEYS])
def test_twins_differ_in_the_method_alone(net, method, scale):
    ours, twin = (dict(flat(options_of(net, name, scale))) for name in (method, 'baseline'))
    different = {key for key in {*ours, *twin} if ours.get(key, '-') != twin.get(key, '-')}
    assert different
    assert [key for key in different if not key.startswith(METHOD_KEYS[method])] == []
    assert ours['train.total_iter'] == twin['train.total_iter'] == 37500
    # Same layout too: what is left of a method's file without its blocks is its twin.
    lines = [line for line in render(Recipe(net, 'baseline', scale)).splitlines() if not line.startswith('#')]
    ours_lines = render(Recipe(net, method, scale)).splitlines()
    assert [line for line in lines if line not in ours_lines] == [
        line for line in lines if line.startswith(('name:', 'model_type:'))]


@pytest.mark.parametrize('net, scale', itertools.product(NETWORKS, SCALES))
def test_published_schedule(net, scale):
    from bsr_plugins.models.bspa_options import BSPAOptions
    from bsr_plugins.models.bspa_schedule import BSPASchedule
    options = options_of(net, 'bspa', scale)
    bspa, train = BSPAOptions.from_mapping(options['train']['bspa']), options['train']
    assert bspa == BSPAOptions()
    schedule = BSPASchedule(train['total_iter'], bspa.interval_iter, bspa.inverse_iter)
    assert schedule.rounds == 7 and schedule.warnings() == []
    assert schedule.frozen_share(bspa.beta, 5000) == pytest.approx(.0125)
    assert schedule.frozen_share(bspa.beta, 35000) == pytest.approx(.0875)
    assert train['optim_g'] == {'type': 'Adam', 'lr': 2e-4, 'weight_decay': 0, 'betas': [.9, .999]}
    assert train['scheduler'] == {'type': 'MultiStepLR', 'milestones': [17450], 'gamma': .5}
    assert 'ema_decay' not in train


@pytest.mark.parametrize('net, method', itertools.product(NETWORKS, METHODS))
def test_basicsr_does_not_cut_the_run_short(net, method):
    """BasicSR plans ceil(total_iter / ceil(samples / batch)) + 1 epochs but drops incomplete batches."""
    options = options_of(net, method, 4)
    train, samples = options['datasets']['train'], 800 * options['datasets']['train']['dataset_enlarge_ratio']
    batch, total = train['batch_size_per_gpu'], options['train']['total_iter']
    assert samples % batch == 0
    assert samples // batch * math.ceil(total / math.ceil(samples / batch)) >= total
    assert total % options['val']['val_freq'] == total % options['logger']['save_checkpoint_freq'] == 0


@pytest.mark.parametrize('net, method, scale', [row for row in COMBINATIONS if row[1] is not None])
def test_patches_fit(net, method, scale):
    options = options_of(net, method, scale)
    train = options['datasets']['train']
    assert train['gt_size'] % scale == 0
    if net == 'SwinIR':
        assert train['gt_size'] // scale % options['network_g']['window_size'] == 0
        assert options['network_g']['img_size'] == train['gt_size'] // scale
    if method == 'bspa':
        inverse = train['inverse']
        # Both halves train on patches of one size.
        assert (inverse['gt_size'] or window(scale)) == train['gt_size']
        assert inverse['dataroot_gt'].startswith(f'datasets/DIV2K/sub_{window(scale)}/')


def test_patch_sizes():
    assert [patch_size(scale) for scale in SCALES] == [128, 129, 128]
    assert [patch_size(scale, 8) for scale in SCALES] == [128, 120, 128]
    from bsr_plugins.data.subimages import default_grid
    assert [default_grid(scale).crop for scale in SCALES] == [window(scale) for scale in SCALES]


@pytest.mark.parametrize('net', NETWORKS)
@pytest.mark.parametrize('scale', SCALES)
def test_test_file_has_the_trained_network(net, scale):
    test, train = options_of(net, None, scale), options_of(net, 'bspa', scale)
    assert test['network_g'] == train['network_g']
    assert test['path']['pretrain_network_g'] == f'experiments/{train["name"]}/models/net_g_latest.pth'
    assert all(name.startswith('test_') for name in test['datasets'])


@pytest.mark.parametrize('net', ['FSRCNN', 'EDSR', 'MSRResNet'])
@pytest.mark.parametrize('scale', SCALES)
def test_small_networks_run(net, scale):
    network = build(options_of(net, 'baseline', scale))
    with torch.no_grad():
        assert network(torch.rand(1, 3, 16, 12)).shape == (1, 3, 16 * scale, 12 * scale)


def test_opening_a_commented_benchmark_gives_yaml():
    text = render(Recipe('RCAN', None, 2))
    opened = yaml.safe_load('\n'.join(line.replace('  # ', '  ', 1) if line.startswith('  # ') and ': ' in line
                                      or line.rstrip().endswith(':') and line.startswith('  # ') else line
                                      for line in text.splitlines() if "paper's other sets" not in line
                                      and 'its twin' not in line))
    assert [dataset['name'] for dataset in opened['datasets'].values()] == [
        'Set5', 'Set14', 'B100', 'Urban100', 'Manga109', 'DIV2K100']
    assert opened['datasets']['test_6']['filename_tmpl'] == '{}x2'


def test_every_method_has_a_twin_test():
    # The scorer is a recipe of its own and is compared with nothing.
    assert {*METHOD_KEYS} == {*METHODS} - {'baseline', 'scorer'}


def test_layout():
    for recipe in SHIPPED:
        text = render(recipe)
        assert text.startswith(f'# Made by {recipe.command}\n') and text.endswith('\n')
        assert all(len(line) <= 120 and line == line.rstrip() for line in text.splitlines())
        assert '\n\n\n' not in text and '\t' not in text and '{scale}' not in text
        assert render(recipe) == text
