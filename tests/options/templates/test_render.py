"""Every combination of network, method and scale: it loads, its network builds, twins differ in the method alone."""

from __future__ import annotations

import copy
import functools
import itertools
import math

import pytest
import torch
import yaml

from bsr_plugins.options.templates.methods import METHODS
from bsr_plugins.options.templates.networks import NETWORKS
from bsr_plugins.options.templates.protocols import BSPA, SCALES, window
from bsr_plugins.options.templates.recipe import SHIPPED, Recipe, default_test_methods
from bsr_plugins.options.templates.render import render
from cases import every
from quick_yaml import load_yaml

COMBINATIONS = list(itertools.product(NETWORKS, [*METHODS, None], SCALES))
# Parameters of the whole network at x2, x3, x4; the papers' tables round them.
PARAMETERS = {
    'EDSR': (1369859, 1554499, 1517571),
    'EDSR_L': (40729603, 43680003, 43089923),
    'RCAN': (15444643, 15629283, 15592355),
    'FSRCNN': (24518,) * 3,
    'CARN': (964163, 1148803, 1111875),
    'BSR': (9059085, 9243725, 9206797),
    'SRResNet': (1401749, 1586389, 1549462),
    'MSRN': (5930307, 6114947, 6078019),
    'VDSR': (668227,) * 3,
    'IDN': (590915,) * 3,
}
# Those of FPL's protocol; its paper has 295K and 1.2M at x4.
FPL_PARAMETERS = {
    'FSRCNN': (24515,) * 3,
    'CARN': (257819, 304219, 294939),
    'SwinIR': (1087727, 1272367, 1235439),
}
# The method of a test file made without one, where that is not BSPA.
OWN = {'BSR': 'bsr', 'MSRResNet': 'scorer'}
SIGMA_KEYS = ('network_sigma.', 'train.sigma_opt.', 'train.sigma_tap')
RFS_KEYS = tuple(f'datasets.train.{key}' for key in ('type', 'num_intervals', 'pic_max', 'max_tries', 'num_images'))
BSPA_KEYS = ('datasets.train.inverse.', 'train.bspa.')
CLASSED_KEYS = ('type', 'dataroot_', 'filename_tmpl', 'io_backend', 'gt_size', 'num_classes', 'imbalance_', 'sampling')
METHOD_KEYS = {
    **dict.fromkeys(('bspa', 'bi_sampling', 'bspa_filter'), ('name', 'model_type', *BSPA_KEYS)),
    'inverse': (
        'name',
        *(f'datasets.train.{key}' for key in CLASSED_KEYS),
        'datasets.train.dataset_enlarge_ratio',
    ),
    'fpl': ('name', 'model_type', 'train.pixel_opt.'),
    'le': ('name', 'model_type', 'train.pixel_opt.'),
    'le_sigma': ('name', 'model_type', 'train.pixel_opt.', *SIGMA_KEYS),
    'sigma': ('name', 'model_type', *SIGMA_KEYS),
    'eq10': ('name', 'model_type', 'train.pixel_opt.', *SIGMA_KEYS),
    'hybrid_lp': ('name', 'train.pixel_opt.'),
    'rfs': ('name', *RFS_KEYS),
    'bsr': ('name', *RFS_KEYS, 'train.pixel_opt.'),
    'udn': ('name', 'model_type', 'network_sigma.', 'train.pixel_opt.', 'train.sigma_opt.', 'train.max_loss_jump'),
    'udl': (
        *('name', 'model_type', 'network_sigma.', 'train.pixel_opt.', 'train.max_loss_jump'),
        *('path.pretrain_network_g', 'path.pretrain_network_udn'),
    ),
    'samplingaug': ('name', 'datasets.train.type', 'datasets.train.portion'),
    **dict.fromkeys(('cutblur', 'moa', 'add', 'add_plus'), ('name', 'model_type', 'train.augment.')),
    **dict.fromkeys(
        ('add_cam', 'add_plus_cam'), ('name', 'model_type', 'train.augment.', 'path.pretrain_network_saliency')
    ),
    'fpl_bspa': ('name', 'model_type', 'network_g.', 'train.pixel_opt.', *BSPA_KEYS),
    'fpl_bspa_sigma': ('name', 'model_type', 'network_g.', 'train.pixel_opt.', *BSPA_KEYS, *SIGMA_KEYS),
}


@functools.lru_cache(maxsize=None)
def loaded(text):
    return load_yaml(text)


def options_of(*recipe):
    return copy.deepcopy(loaded(render(Recipe(*recipe))))


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


@every('net, method, scale', COMBINATIONS)
def test_every_combination_loads_and_builds(net, method, scale):
    options = options_of(net, method, scale)
    assert options['scale'] == options['network_g']['upscale'] == scale
    assert options['name'] == Recipe(net, method, scale).name
    network, arch, fpl = options['network_g'], NETWORKS[net].arch, method in ('fpl', 'l1_bicubic')
    if method is not None and METHODS[method].residual and not NETWORKS[net].adds_image:
        assert (network['type'], network['bicubic']) == ('BicubicResidual', 'torch')
        network = network['base']
        assert network['upscale'] == scale
        # A mean that is added to the output would have to be learnt away from a residual.
        assert network.get('rgb_mean', [0, 0, 0]) == [0, 0, 0]
    elif 'rgb_mean' in network:
        assert network['rgb_mean'] == [0.4488, 0.4371, 0.4040]
    if net == 'SwinIR' and scale != 4 and not fpl:
        # One group instead of six: initialising all of it takes seconds, and x4 below does.
        network = {**network, 'depths': network['depths'][:1], 'num_heads': network['num_heads'][:1]}
    network = {key: value for key, value in network.items() if key != 'rgb_mean'}
    name, parameters = built(yaml.safe_dump(network))
    assert name == arch
    expected = {**PARAMETERS, **(FPL_PARAMETERS if fpl else {})}
    if net in expected:
        assert parameters == expected[net][scale - 2]


@every('net', [net for net in NETWORKS if net != 'EDSR_L'])
@every('scale', SCALES)
def test_residual_networks_build(net, scale):
    network = options_of(net, 'fpl', scale)['network_g']
    if net == 'RCAN':
        network['base']['num_group'] = 1
    name, parameters = built(yaml.safe_dump(network))
    assert name == (net if NETWORKS[net].adds_image else 'BicubicResidual')
    if 'base' in network:
        assert parameters == built(yaml.safe_dump(network['base']))[1]


@every('net, method, scale', [row for row in COMBINATIONS if row[1] in METHOD_KEYS])
def test_twins_differ_in_the_method_alone(net, method, scale):
    recipe = Recipe(net, method, scale)
    ours, twin = (dict(flat(loaded(render(one)))) for one in (recipe, recipe.twin))
    different = {key for key in {*ours, *twin} if ours.get(key, '-') != twin.get(key, '-')}
    keys = METHOD_KEYS[method]
    assert [key for key in different if not key.startswith(keys)] == []
    # Each of the method's keys stands there, but for what network and twin share.
    absent = [key for key in keys if not any(one.startswith(key) for one in different)]
    assert absent in (
        [],
        ['model_type'],
        ['datasets.train.gt_size'],
        ['network_g.'] if NETWORKS[net].adds_image else [],
    )
    # Same layout too: what is left of a method's file without its blocks is its twin.
    lines = [line for line in render(recipe.twin).splitlines() if not line.startswith('#')]
    ours_lines = render(recipe).splitlines()
    own = ('name:', 'model_type:') + (('    type: L1Loss',) if 'train.pixel_opt.' in keys else ())
    own += ('  # losses', '  pixel_opt:', '    type: L1Loss') if method == 'udn' else ()
    own += ('  pretrain_network_g: ~',) if method == 'udl' else ()
    if 'datasets.train.type' in keys:
        # Who draws, and so why the workers stay.
        own += ('    type: PairedImageDataset', '    # type: UniformWindows', '    persistent_workers: true  # ')
    missing = [line for line in lines if line not in ours_lines]
    if 'network_g.' not in keys and method not in ('inverse', 'eq10'):
        assert [line for line in missing if not line.startswith(own)] == []


@every('net, scale', itertools.product(NETWORKS, SCALES))
def test_published_schedule(net, scale):
    from bsr_plugins.models.bspa_options import BSPAOptions
    from bsr_plugins.models.bspa_schedule import BSPASchedule

    for method in ('bspa', 'fpl_bspa_sigma'):
        options = options_of(net, method, scale)
        bspa, train = BSPAOptions.from_mapping(options['train']['bspa']), options['train']
        assert bspa == BSPAOptions()
        assert train['total_iter'] == options_of(net, 'baseline', scale)['train']['total_iter'] == 37500
        schedule = BSPASchedule(train['total_iter'], bspa.interval_iter, bspa.inverse_iter)
        assert schedule.rounds == 7 and schedule.warnings() == []
        assert schedule.frozen_share(bspa.beta, 5000) == pytest.approx(0.0125)
        assert schedule.frozen_share(bspa.beta, 35000) == pytest.approx(0.0875)
        assert train['optim_g'] == {'type': 'Adam', 'lr': 2e-4, 'weight_decay': 0, 'betas': [0.9, 0.999]}
        assert train['scheduler'] == {'type': 'MultiStepLR', 'milestones': [17450], 'gamma': 0.5}
        assert 'ema_decay' not in train


@pytest.mark.parametrize(
    'net, lr, total',
    [
        ('FSRCNN', 1e-3, 500000),
        ('CARN', 1e-3, 1000000),
        ('SwinIR', 2e-4, 500000),
        ('MSRResNet', 2e-4, 1000000),
    ],
)
@pytest.mark.parametrize('method', ['fpl', 'l1_bicubic'])
def test_schedule_of_fpl(net, lr, total, method):
    """FPL, section 4.1: batch 16, LR patches of 32, cosine down to 1e-7, RGB measures."""
    options = options_of(net, method, 2)
    train = options['train']
    assert (train['optim_g']['lr'], train['total_iter']) == (lr, total)
    assert train['scheduler'] == {
        'type': 'CosineAnnealingRestartLR',
        'periods': [total],
        'restart_weights': [1],
        'eta_min': 1e-7,
    }
    assert options['datasets']['train']['gt_size'] == 64
    assert options['datasets']['train']['batch_size_per_gpu'] == 16
    assert options_of(net, method, 4)['datasets']['train']['gt_size'] == 128


@pytest.mark.parametrize('method', ['le', 'le_sigma', 'l1'])
def test_schedule_of_the_expectation_loss(method):
    """ "Revisiting L1 loss", section 4: LR patches of 48, 1e-4 halved every 2e5 of 1e6 updates."""
    options = options_of('EDSR', method, 2)
    train = options['train']
    assert train['optim_g'] == {'type': 'Adam', 'lr': 1e-4, 'weight_decay': 0, 'betas': [0.9, 0.999]}
    assert train['scheduler'] == {'type': 'MultiStepLR', 'milestones': [2e5, 4e5, 6e5, 8e5], 'gamma': 0.5}
    assert train['total_iter'] == 1e6
    assert options['datasets']['train']['gt_size'] == 96


@pytest.mark.parametrize('method', ['hybrid_lp', 'rfs', 'bsr', 'l1_bsr'])
def test_schedule_of_bsr(method):
    """BSR, section IV: 2e-4, divided by ten every 100 epochs; patches of 48 and 60."""
    train = options_of('EDSR', method, 4)['train']
    assert train['optim_g']['lr'] == 2e-4
    assert train['scheduler'] == {'type': 'MultiStepLR', 'milestones': [100000, 200000], 'gamma': 0.1}
    assert [options_of('EDSR', method, scale)['datasets']['train']['gt_size'] for scale in SCALES] == [96, 162, 240]


@pytest.mark.parametrize('net, method', [('EDSR', 'rfs'), ('BSR', 'bsr')])
def test_a_batch_has_a_patch_of_each_interval(net, method):
    """BSR, Fig. 1 and section III-B: 16 intervals, as many patches of each in every batch."""
    train = options_of(net, method, 4)['datasets']['train']
    assert (train['type'], train['num_intervals'], train['pic_max'], train['max_tries'], train['num_images']) == (
        'RFSBalancedBatchDataset',
        16,
        'auto',
        50,
        None,
    )
    assert train['batch_size_per_gpu'] % train['num_intervals'] == 0


def test_the_paper_whole():
    """BSR: its sampling, its network and its loss in one file, measured on Y."""
    options = options_of('BSR', 'bsr', 4)
    assert options['model_type'] == 'SRModel'
    assert options['network_g'] == {
        'type': 'BSRNet',
        'num_in_ch': 3,
        'num_out_ch': 3,
        'num_feat': 64,
        'num_fmg': 10,
        'num_rb': 12,
        'upscale': 4,
        'fuse_kernel': 1,
        'use_fmg_skips': True,
        'rgb_mean': [0.4488, 0.4371, 0.4040],
    }
    loss = options['train']['pixel_opt']
    assert (loss['type'], loss['l1_weight'], loss['l2_weight'], loss['lp_weight'], loss['p'], loss['eps']) == (
        'HybridLpLoss',
        1,
        1,
        0.1,
        0.5,
        1e-3,
    )
    assert options['datasets']['train']['type'] == 'RFSBalancedBatchDataset'
    assert options['val']['metrics']['psnr']['test_y_channel'] is True


@pytest.mark.parametrize('net', ['EDSR', 'FSRCNN'])
def test_samplingaug_trains_as_in_the_tables_of_bspa(net):
    options = options_of(net, 'samplingaug', 4)
    train = options['datasets']['train']
    assert (train['type'], train['portion'], train['gt_size']) == ('SamplingAugDataset', 0.1, 128)
    assert options['train'] == options_of(net, 'baseline', 4)['train']


@every('net, method', itertools.product(NETWORKS, METHODS))
def test_basicsr_does_not_cut_the_run_short(net, method):
    """BasicSR plans ceil(total_iter / ceil(samples / batch)) + 1 epochs but drops incomplete batches."""
    options = options_of(net, method, 4)
    train, images = options['datasets']['train'], 499875 // 16 * 16 if method == 'inverse' else 800
    samples = images * train['dataset_enlarge_ratio']
    batch, total = train['batch_size_per_gpu'], options['train']['total_iter']
    assert samples % batch == 0
    assert samples // batch * math.ceil(total / math.ceil(samples / batch)) >= total
    assert total % options['val']['val_freq'] == total % options['logger']['save_checkpoint_freq'] == 0
    if method == 'inverse':
        return
    # The comment on the enlargement states what comes out.
    lines = render(Recipe(net, method, 4)).splitlines()
    comment = next(line for line in lines if line.startswith('    dataset_enlarge_ratio: '))
    assert f' = {samples // batch} iterations' in comment
    assert comment.endswith(f'; the run has {total // (samples // batch)}')


@every('net', ['SwinIR', 'EDSR'])
@every('method', METHODS)
@every('scale', SCALES)
def test_patches_fit(net, method, scale):
    options = options_of(net, method, scale)
    train = options['datasets']['train']
    assert (train['gt_size'] or window(scale)) % scale == 0
    if net == 'SwinIR':
        network = options['network_g'].get('base', options['network_g'])
        side = train['gt_size'] or window(scale)
        assert side // scale % network['window_size'] == 0
        assert network['img_size'] == side // scale
    if METHODS[method].dataset:
        inverse = train['inverse']
        # Both halves train on patches of one size.
        assert (inverse['gt_size'] or window(scale)) == train['gt_size']
        assert inverse['dataroot_gt'].startswith(f'datasets/DIV2K/sub_{window(scale)}/')


def test_patch_sizes():
    assert [BSPA.gt_size(scale) for scale in SCALES] == [window(scale) for scale in SCALES] == [128, 129, 128]
    assert [BSPA.gt_size(scale, 8) for scale in SCALES] == [128, 120, 128]
    from bsr_plugins.data.subimages.windows import default_grid

    assert [default_grid(scale).crop for scale in SCALES] == [window(scale) for scale in SCALES]


@every('method', [*METHODS, None])
@every('scale', SCALES)
def test_measures(method, scale):
    metrics = options_of('FSRCNN', method, scale)['val']['metrics']
    assert all(metric['crop_border'] == scale for metric in metrics.values())
    luma = {name: metric['test_y_channel'] for name, metric in metrics.items()}
    if method in ('fpl', 'l1_bicubic'):
        assert luma == {'psnr': False, 'ssim': False, 'psnr_y': True, 'ssim_y': True, 'ssim_skimage': False}
    else:
        assert luma == {'psnr': True, 'ssim': True}


@every(
    'net, method',
    [(net, method) for net in NETWORKS for method in (None, *METHODS) if method not in default_test_methods(net)],
)
@every('scale', [2, 3])
def test_test_file_has_the_trained_network(net, method, scale):
    test, train = options_of(net, method, scale, True), options_of(net, method or OWN.get(net, 'bspa'), scale)
    assert test['network_g'] == train['network_g']
    assert test['path']['pretrain_network_g'] == f'experiments/{train["name"]}/models/net_g_latest.pth'
    assert all(name.startswith('test_') for name in test['datasets'])
    assert test['name'].startswith('test_') and 'train' not in test
    measures = {key: value for key, value in test['val']['metrics'].items() if 'sigma' not in key and key != 'pll'}
    assert measures == train['val']['metrics']
    has_maps = 'SigmaBranch' in str(train.get('network_sigma'))
    assert test.get('network_sigma') == (train['network_sigma'] if has_maps else None)
    if has_maps:
        assert test['path']['pretrain_network_sigma'] == f'experiments/{train["name"]}/models/net_sigma_latest.pth'
        assert test['val']['sigma'] is True and {'pll', 'sigma_psnr'} <= {*test['val']['metrics']}
        assert 'sigma' not in train['val']


def test_the_twin_of_a_test_file_fits_its_network():
    for recipe in SHIPPED:
        weights = [line.split('/')[1] for line in render(recipe).splitlines() if line.startswith('  # its twin:')]
        if recipe.is_test and recipe.method != 'fpl_bspa_sigma':
            assert weights == [recipe.training.twin.name]
            assert (
                options_of(recipe.net, recipe.training.twin.method, recipe.scale)['network_g']
                == options_of(recipe.net, recipe.training.method, recipe.scale)['network_g']
            )
        else:
            assert weights == []


@every('net', ['FSRCNN', 'EDSR', 'MSRResNet', 'CARN'])
@every('method', ['baseline', 'fpl'])
@every('scale', SCALES)
def test_small_networks_run(net, method, scale):
    network = build(options_of(net, method, scale))
    with torch.no_grad():
        assert network(torch.rand(1, 3, 16, 12)).shape == (1, 3, 16 * scale, 12 * scale)


@pytest.mark.parametrize('net', ['EDSR', 'CARN', 'FSRCNN'])
def test_a_residual_network_starts_as_bicubic(net):
    """Not DIV2K's mean above it, which rgb_mean would add."""
    network = build(options_of(net, 'fpl', 4))
    x = torch.full((1, 3, 12, 12), 0.5)
    with torch.no_grad():
        assert (network(x) - x.mean()).mean((0, 2, 3)).abs().max() < 0.1


@every('net', NETWORKS)
@every('method', ['le_sigma', 'fpl_bspa_sigma'])
def test_the_sigma_branch_finds_its_features(net, method):
    from bsr_plugins.archs.feature_tap import find_tap

    options = options_of(net, method, 2)
    network = options['network_g'].get('base', options['network_g'])
    for key in ('num_block', 'num_group', 'num_fmg'):
        if key in network:
            network[key] = 1
    if net == 'SwinIR':
        network.update(depths=[1], num_heads=[6])
    name, _ = find_tap(build(options), options['train']['sigma_tap'])
    assert name.startswith('base.') == ('base' in options['network_g'])


def test_opening_a_commented_benchmark_gives_yaml():
    text = render(Recipe('RCAN', None, 2))
    opened = yaml.safe_load(
        '\n'.join(
            line.replace('  # ', '  ', 1)
            if line.startswith('  # ') and ': ' in line or line.rstrip().endswith(':') and line.startswith('  # ')
            else line
            for line in text.splitlines()
            if "paper's other sets" not in line and 'its twin' not in line
        )
    )
    assert [dataset['name'] for dataset in opened['datasets'].values()] == [
        'Set5',
        'Set14',
        'B100',
        'Urban100',
        'Manga109',
        'DIV2K100',
    ]
    assert opened['datasets']['test_6']['filename_tmpl'] == '{}x2'


def test_every_method_has_a_twin_test():
    # The scorer is a recipe of its own and is compared with nothing.
    assert {*METHOD_KEYS} == {name for name, row in METHODS.items() if row.twin}
    assert {*METHODS} == {*METHOD_KEYS, *(METHODS[name].twin for name in METHOD_KEYS), 'scorer'}


@every('net', NETWORKS)
def test_layout(net):
    for method, scale, test in itertools.product([*METHODS, None], SCALES, (False, True)):
        if not test or method not in default_test_methods(net):
            check_layout(Recipe(net, method, scale, test))


def check_layout(recipe):
    text = render(recipe)
    assert text.startswith(f'# Made by {recipe.command}\n') and text.endswith('\n')
    assert all(len(line) <= 120 and line == line.rstrip() for line in text.splitlines())
    assert '\n\n\n' not in text and '\t' not in text
    assert not any(word in text for word in ('{scale}', '{mean}', '{lr_size}', '{sub}', '{crop}'))
    assert render(recipe) == text
