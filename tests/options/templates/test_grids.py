"""Grids of methods and of the papers' ablations: the papers' values, and each a grid that nothing is wrong with."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict

import pytest

from bsr_plugins.common.errors import OptionError
from bsr_plugins.comparison.grid_file import read_grid
from bsr_plugins.comparison.plan import base_at_length, variants
from bsr_plugins.options.option_file import read_option_file
from bsr_plugins.options.templates.catalogue import shipped_files
from bsr_plugins.options.templates.grids import base_method, named_twin, shipped_grids
from bsr_plugins.options.templates.method_keys import value_at
from bsr_plugins.options.templates.recipe import Recipe
from bsr_plugins.options.templates.render import render
from bsr_plugins.options.templates.sweeps import SWEEPS, sweep_named
from quick_yaml import load_yaml

# What the tables of the papers vary, and its values.
VALUES = {
    'bspa-beta': ('train:bspa:beta', [0.1, 0.5, 0.8, 1.0]),
    'bspa-imbalance': ('datasets:train:inverse:imbalance_factor', [10, 50, 100, 200]),
    'bspa-classes': ('datasets:train:inverse:num_classes', [5, 10, 20]),
    'sigma-weight': ('train:sigma_opt:loss_weight', [0.001, 0.005, 0.01, 0.05, 0.1]),
}
ROWS = {
    'bspa-sampling': ['baseline', 'inverse', 'bi_sampling', 'bspa_filter', 'bspa'],
    'bspa-others': ['baseline', 'samplingaug', 'udl', 'bspa'],
    'le-parts': ['baseline', 'le', 'eq10', 'sigma', 'le_sigma'],
    'add-parts': ['baseline', 'cutblur', 'moa', 'add', 'add_plus', 'add_cam', 'add_plus_cam'],
}


def made_from(name: str, repo: Path) -> Dict[str, Dict[str, Any]]:
    """Return the whole option file of each method of a shipped grid, as a comparison makes it."""
    file = read_option_file(repo / 'options' / 'grids' / f'{name}.yml')
    grid, findings = read_grid(file, repo)
    assert findings == [] and grid.base is not None and grid.seeds == (0, 1, 2)
    base = base_at_length(grid, read_option_file(grid.base).options)
    methods, findings = variants(grid, base)
    assert findings == []
    return {method.name: method.options for method in methods}


@pytest.mark.parametrize('name', VALUES)
def test_the_values_are_those_of_the_paper(name: str, repo: Path) -> None:
    key, values = VALUES[name]
    files = made_from(name, repo)
    assert [value_at(options, key) for options in files.values()] == [
        value_at(files[SWEEPS[name].twin], key),
        *(value for value in values if value != value_at(files[SWEEPS[name].twin], key)),
    ]
    # They differ in it alone.
    assert len({str(_without(options, key)) for options in files.values()}) == 1
    # The twin is what the option file has, the best of the paper's table.
    assert value_at(files[SWEEPS[name].twin], key) == value_at(load_yaml(_base(name)), key)


@pytest.mark.parametrize('name', ROWS)
def test_the_rows_are_those_of_the_paper(name: str, repo: Path) -> None:
    files = made_from(name, repo)
    # The first step of udl comes along, and is not shown.
    assert [method for method in files if method != 'udn'] == ROWS[name]
    for method, options in files.items():
        own = load_yaml(render(Recipe(SWEEPS[name].net, method, SWEEPS[name].scale)))
        for section in ('sigma_opt', 'bspa', 'pixel_opt', 'augment'):
            assert options['train'].get(section) == own['train'].get(section)
        assert options['train']['total_iter'] == load_yaml(_base(name))['train']['total_iter']


def test_fpl_changes_one_value_at_a_time(repo: Path) -> None:
    """FPL, Fig. 4: gamma 0, 1, 2, both 0, and alpha 0.1, 0.5, 1, 2 around 0.5, 1, 1, 1; gains over bare FSRCNN."""
    files = made_from('fpl-alpha-gamma', repo)
    keys = ('alpha_sp', 'gamma_sp', 'alpha_lp', 'gamma_lp')
    losses = {name: options['train']['pixel_opt'] for name, options in files.items()}
    found = {tuple(loss[key] for key in keys) for loss in losses.values() if loss['type'] == 'FocalPixelLoss'}
    assert found == {
        (0.5, 1, 1, 1),
        *((0.5, gamma, 1, 1) for gamma in (0, 2)),
        *((0.5, 1, 1, gamma) for gamma in (0, 2)),
        (0.5, 0, 1, 0),
        *((alpha, 1, 1, 1) for alpha in (0.1, 1, 2)),
        *((0.5, 1, alpha, 1) for alpha in (0.1, 0.5, 2)),
    }
    bare = files['plain']
    assert bare['network_g']['type'] == 'FSRCNN' and bare['train']['pixel_opt']['type'] == 'L1Loss'
    assert bare['model_type'] == 'SRModel'


def test_bsr_loses_one_part_at_a_time(repo: Path) -> None:
    """BSR, Table 4: whole, without RFS, without the skips, L2, L2 + L1."""
    files = made_from('bsr-parts', repo)
    weights = {
        name: tuple(options['train']['pixel_opt'][f'{norm}_weight'] for norm in ('l1', 'l2', 'lp'))
        for name, options in files.items()
    }
    assert weights == {
        'bsr': (1, 1, 0.1),
        'without_sc': (1, 1, 0.1),
        'without_rfs': (1, 1, 0.1),
        'l2': (0, 1, 0),
        'l2_l1': (1, 1, 0),
    }
    assert [name for name, options in files.items() if not options['network_g']['use_fmg_skips']] == ['without_sc']
    train = files['without_rfs']['datasets']['train']
    assert train['type'] == 'PairedImageDataset' and not {'num_intervals', 'pic_max', 'max_tries'} & train.keys()


def test_bare_networks_get_their_mean_back() -> None:
    base = load_yaml(render(Recipe('EDSR', 'fpl', 4)))
    plain = SWEEPS['fpl-alpha-gamma'].keys(base)['plain'] or {}
    assert plain['network_g']['rgb_mean'] == [0.4488, 0.4371, 0.4040] and plain['network_g']['type'] == 'EDSR'


def test_every_yaml_under_options_is_an_option_file_or_a_grid(repo: Path) -> None:
    assert set(shipped_grids()) == {f'grids/{name}.yml' for name in SWEEPS}
    for name, text in shipped_files().items():
        options = load_yaml(text)
        if name in shipped_grids() or 'methods' in options:
            base = (repo / 'options' / name).parent.joinpath(options['base']).resolve()
            assert base.relative_to(repo / 'options').as_posix() in shipped_files()
        else:
            assert 'network_g' in options


def test_a_part_that_the_network_has_not_is_left_out() -> None:
    base = load_yaml(render(Recipe('EDSR', 'bsr', 4)))
    assert 'without_sc' not in SWEEPS['bsr-parts'].keys(base)


@pytest.mark.parametrize(
    'methods, net, base, twin',
    [
        (['baseline', 'bspa', 'fpl', 'rfs'], 'FSRCNN', 'baseline', None),
        (['bspa', 'bi_sampling'], 'FSRCNN', 'baseline', None),
        (['rfs', 'hybrid_lp'], 'EDSR', 'l1_bsr', None),
        (['l1_bsr', 'rfs'], 'EDSR', 'l1_bsr', 'l1_bsr'),
        (['le'], 'EDSR', 'l1', None),
        (['l1', 'le', 'bspa'], 'EDSR', 'baseline', 'l1'),
        (['l1_bicubic', 'fpl'], 'EDSR', 'l1_bicubic', 'l1_bicubic'),
        (['baseline', 'l1_bicubic', 'fpl'], 'EDSR', 'baseline', None),
    ],
)
def test_methods_of_one_paper_stand_on_its_schedule(methods: Any, net: str, base: str, twin: Any) -> None:
    assert base_method(methods, net) == base
    assert named_twin(methods, base, net) == twin


@pytest.mark.parametrize(
    'methods, net', [(['baseline', 'l1'], 'EDSR'), (['baseline', 'l1_bicubic', 'fpl'], 'MSRResNet')]
)
def test_the_same_training_twice_is_refused(methods: Any, net: str) -> None:
    with pytest.raises(OptionError, match=f'(?s)baseline and {methods[1]} are the same training.*leave out'):
        base_method(methods, net)


def test_other_sweeps_are_refused() -> None:
    with pytest.raises(OptionError, match="(?s)no sweep 'bspa-bet'.*did you mean 'bspa-beta'"):
        sweep_named('bspa-bet')


def _base(name: str) -> str:
    sweep = SWEEPS[name]
    return render(Recipe(sweep.net, sweep.base, sweep.scale))


def _without(options: Any, key: str) -> Any:
    if not key:
        return None
    name, _, rest = key.partition(':')
    return {each: _without(value, rest) if each == name else value for each, value in options.items()}
