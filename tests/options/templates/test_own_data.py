"""Option files for images of one's own: every combination, fitted to a length, to small images, to few sub-images."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import Any, Dict

import pytest
import yaml

from bsr_plugins.common.errors import OptionError
from bsr_plugins.models.bspa_options import BSPAOptions
from bsr_plugins.models.bspa_schedule import BSPASchedule
from bsr_plugins.options.templates.methods import METHODS
from bsr_plugins.options.templates.networks import NETWORKS
from bsr_plugins.options.templates.protocols import SCALES
from bsr_plugins.options.templates.recipe import Recipe
from bsr_plugins.options.templates.render import render
from bsr_plugins.options.templates.schedule import fitted_stages
from bsr_plugins.options.templates.setting import OwnData, Setting, shell_word, yaml_text
from cases import every
from quick_yaml import load_yaml

DATA = OwnData(
    name='photos_x4',
    source="The images of 'photos': 9 images to train on, 2 held out.",
    uniform='datasets/photos_x4/windows_480',
    count=40,
    smallest=480,
    val_hr='datasets/photos_x4/val_HR',
    val_lr='datasets/photos_x4/val_LR',
    classes='datasets/photos_x4/sub_128',
    crop=128,
    num_classes=10,
    class_count=900,
)


def text_of(net: str, method: str, scale: int = 4, iterations: Any = 3000, **data: Any) -> str:
    arguments = ('--hr', 'my photos', '--iters', str(iterations))
    setting = Setting('my.yml', 'my.yml', 'my', replace(DATA, **data), iterations, arguments)
    return render(Recipe(net, method, scale, setting=setting))


def options_of(*recipe: Any, **data: Any) -> Dict[str, Any]:
    return load_yaml(text_of(*recipe, **data))


@every('net, method', itertools.product(NETWORKS, METHODS))
def test_every_combination(net: str, method: str) -> None:
    for scale, iterations in ((2, 3), (3, 60), (4, 1500), (2, 100000)):
        text = text_of(net, method, scale, iterations)
        options = load_yaml(text)
        train, datasets = options['train'], options['datasets']
        assert options['name'] == 'my' and 'DIV2K' not in yaml.safe_dump(options) and 'options/train' not in text
        assert all(len(line) <= 120 and line == line.rstrip() for line in text.splitlines())
        assert '\n\n\n' not in text
        assert train['total_iter'] == iterations
        assert options['val']['val_freq'] == options['logger']['save_checkpoint_freq'] <= iterations
        steps = train['scheduler'].get('milestones')
        if steps:
            assert all(0 < step <= iterations for step in steps)
        else:
            assert sum(train['scheduler']['periods']) == iterations
            assert len(train['scheduler']['restart_weights']) == len(train['scheduler']['periods'])
        check_epochs(datasets['train'], iterations)
        assert ('bspa' in train) == bool(METHODS[method].dataset)
        assert set(datasets) == {'train', 'val'} and datasets['val']['dataroot_lq'].endswith('val_LR')
        if METHODS[method].dataset:
            bspa = BSPAOptions.from_mapping(train['bspa'])
            schedule = BSPASchedule(iterations, bspa.interval_iter, bspa.inverse_iter)
            assert schedule.warnings() == [] and 1 <= schedule.rounds <= 7
            assert datasets['train']['inverse']['dataroot_gt'] == 'datasets/photos_x4/sub_128/HR_sub.lmdb'


def test_the_first_step_is_named_as_its_weights_are_looked_for() -> None:
    text = text_of('FSRCNN', 'udl')
    out = '--method udn --out train_FSRCNN_udn_x4.yml'
    assert f'# First train train_FSRCNN_udn_x4.yml, by the same command with {out}.' in text
    assert 'experiments/train_FSRCNN_udn_x4/models/net_g_latest.pth' in text


def check_epochs(train: Dict[str, Any], total: int) -> None:
    """BasicSR plans ceil(total / ceil(samples / batch)) + 1 epochs but drops incomplete batches."""
    count = DATA.class_count if train['type'] == 'InverseSampledLMDBDataset' else DATA.count
    samples, batch = count * train['dataset_enlarge_ratio'], train['batch_size_per_gpu']
    assert samples // batch >= 1
    assert samples // batch * (math.ceil(total / math.ceil(samples / batch)) + 1) >= total


@pytest.mark.parametrize('total', [*range(3, 60), 399, 400, 800, 1400, 2800, 6000, 37500, 10**6])
def test_stages_fit_any_length(total: int) -> None:
    stages = fitted_stages(total)
    schedule = BSPASchedule(total, stages['interval_iter'], stages['inverse_iter'])
    assert schedule.warnings() == [] and schedule.rounds == min(7, max(1, total // 400))
    assert 1 <= stages['ig_batches'] <= 50


def test_the_published_length_has_the_published_stages() -> None:
    assert fitted_stages(37500) == {'interval_iter': 2500, 'inverse_iter': 2500, 'ig_batches': 50}
    with pytest.raises(OptionError, match='(?s)--iters.*at least 3'):
        fitted_stages(2)


@every('net', NETWORKS)
def test_without_a_length_it_is_the_published_one(net: str) -> None:
    for method in METHODS:
        published = load_yaml(render(Recipe(net, method, 4)))
        assert options_of(net, method, 4, None)['train'] == published['train']
        if METHODS[method].draws_by_class:
            assert options_of(net, method, 4, None)['datasets']['train']['dataroot_gt'].startswith(DATA.classes)


@every('net, method, scale', itertools.product(['SwinIR', 'EDSR', 'BSR'], METHODS, SCALES))
@every('smallest', [16, 31, 40])
def test_patches_are_no_larger_than_the_smallest_image(net: str, method: str, scale: int, smallest: int) -> None:
    side = smallest * scale
    crop = min(side, 129 if scale == 3 else 128)
    options = options_of(net, method, scale, 60, smallest=side, crop=crop, num_classes=4)
    train = options['datasets']['train']
    patch = train['gt_size'] or crop
    assert 8 * scale <= patch <= side and patch % scale == 0
    if net == 'SwinIR':
        network = options['network_g'].get('base', options['network_g'])
        assert network['img_size'] == patch // scale and network['img_size'] % 8 == 0
    if METHODS[method].dataset:
        assert train['inverse']['num_classes'] == 4
        assert (train['inverse']['gt_size'] or crop) == train['gt_size'] <= crop


@pytest.mark.parametrize(
    'text', ['plain', 'true', '1e5', "it's", 'a: b', '#x', 'a/b c', '', ' x ', '{}', '写真', '-', '2024']
)
def test_text_stays_text_in_yaml(text: str) -> None:
    assert yaml.safe_load(f'key: {yaml_text(text)}') == {'key': text}


@pytest.mark.parametrize('text', ['plain', 'two words', "it's", 'a\nb', "a'\n\tb", 'a;b', 'é', '$(x)'])
def test_a_word_is_one_word_on_one_line(text: str) -> None:
    import subprocess

    word = shell_word(text)
    assert '\n' not in word
    done = subprocess.run(['bash', '-c', f'printf %s {word}'], stdout=subprocess.PIPE, check=True)
    assert done.stdout.decode() == text


def test_a_short_run_of_a_small_network_has_a_larger_learning_rate() -> None:
    def lr(net: str, method: str, iterations: Any) -> float:
        return options_of(net, method, 4, iterations)['train']['optim_g']['lr']

    assert lr('FSRCNN', 'bspa', 1500) == lr('FSRCNN', 'baseline', 9375) == lr('CARN', 'fpl', 1500) == 1e-3
    assert lr('FSRCNN', 'bspa', 9376) == lr('FSRCNN', 'bspa', None) == lr('EDSR', 'bspa', 1500) == 2e-4
