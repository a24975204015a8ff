"""What a grid file may say, and that everything wrong with it is found at once."""

from __future__ import annotations

from pathlib import Path
from typing import List, Tuple

import pytest

from bsr_plugins.common.findings import Finding
from bsr_plugins.comparison.grid_file import Grid, read_grid
from bsr_plugins.options.option_file import read_option_file


@pytest.fixture
def read(tmp_path: Path):
    (tmp_path / 'base.yml').write_text('name: base\n')

    def reading(text: str) -> Tuple[Grid, List[Finding]]:
        path = tmp_path / 'grid.yml'
        path.write_text(text)
        return read_grid(read_option_file(path), tmp_path)

    return reading


def test_names_of_methods(read) -> None:
    grid, findings = read('name: g\nbase: base.yml\nmethods: [baseline, bspa]\n')
    assert findings == []
    assert [(method.name, method.keys) for method in grid.methods] == [('baseline', None), ('bspa', None)]
    assert (grid.twin, grid.seeds, grid.iters, grid.as_published) == (None, (0,), None, True)
    assert grid.base is not None and grid.base.name == 'base.yml'


def test_names_with_keys_and_the_first_one_is_the_twin(read) -> None:
    text = 'base: base.yml\nmethods: {plain: {}, soft: {train:pixel_opt:loss_weight: 0.5}}\nseeds: [1, 0]\niters: 9\n'
    grid, findings = read(text)
    assert findings == []
    assert grid.methods[1].keys == {'train:pixel_opt:loss_weight': 0.5}
    assert (grid.name, grid.twin, grid.seeds, grid.iters, grid.as_published) == ('grid', 'plain', (1, 0), 9, False)
    assert read(f'{text}twin: soft\n')[0].twin == 'soft'


def test_a_list_may_mix_both(read) -> None:
    grid, findings = read('base: base.yml\nmethods: [baseline, {soft: {train:pixel_opt:loss_weight: 0.5}}]\n')
    assert findings == []
    assert grid.twin == 'baseline'
    assert grid.methods[1].keys == {'train:pixel_opt:loss_weight': 0.5}


@pytest.mark.parametrize(
    ('line', 'said', 'place'),
    [
        ('iter: 3', "no key 'iter'", ':4: iter'),
        ('seeds: [0, 0]', 'stands twice', ':4: seeds'),
        ('seeds: [0.5]', 'no whole number', ':4: seeds'),
        ('seeds: [true]', 'no whole number', ':4: seeds'),
        ('seeds: [-1]', 'no whole number', ':4: seeds'),
        ('seeds: []', 'no list', ':4: seeds'),
        ('seeds: 3', 'no list', ':4: seeds'),
        ('iters: 0', 'no number of updates', ':4: iters'),
        ('iters: 1e3', 'no number of updates', ':4: iters'),
        ('twin: nobody', 'no method of the grid', ':4: twin'),
        ('override: [3]', 'keys of the option file', ':4: override'),
        ('override: {name: x}', "'name' cannot be set", ':4: override.name'),
        ('override: {train::x: 1}', 'no key path', ':4: override.train::x'),
        ('test: []', 'no test sets', ':4: test'),
        ('test: {Set5: {lq: x}}', 'no HR images', ':4: test.Set5'),
        ('test: {a/b: {gt: x}}', 'none for a folder', ':4: test.a/b'),
        ('test: {Set5: {gt: ~}}', 'no HR images', ':4: test.Set5'),
        ('test: {Set5: {gt: x, lq_template: "{}x4"}}', 'there are none', ':4: test.Set5.lq_template'),
        ('test: {Set5: {gt: x, lq: y, lq_template: 3}}', 'no name of an LR image', ':4: test.Set5.lq_template'),
        ('test: {Set5: {gt: x, lq: y, lq_template: "{0}{}"}}', 'no name of an LR', ':4: test.Set5.lq_template'),
        ('test: {Set5: {gt: x, lr: y}}', "no key 'lr'", ':4: test.Set5.lr'),
        ('name: a/b', 'none for a folder', ':4: name'),
        ('as_published: 3', 'wrong value', ':4: as_published'),
        ('base: base.yml', 'appears twice', ':4: base'),
    ],
)
def test_a_wrong_key_is_found(read, line: str, said: str, place: str) -> None:
    _, findings = read(f'\nbase: base.yml\nmethods: [baseline]\n{line}\n')
    assert [(said in finding.problem, finding.where.endswith(place)) for finding in findings] == [(True, True)]


@pytest.mark.parametrize(
    ('methods', 'said'),
    [
        ('', 'no methods'),
        ('[]', 'no methods'),
        ('{}', 'no methods'),
        ('bspa', 'no methods'),
        ('[nope]', "no method 'nope'"),
        ('[bspa, bspa]', 'stands twice'),
        ('[3]', 'no method'),
        ('{a/b: {}}', 'no name for a method'),
        ('{a: {}, bicubic: {scale: 3}}', 'stands in every report'),
        ('{a: {}, b: 3}', 'keys of the option file'),
        ('{a: {}, b: {manual_seed: 3}}', "'manual_seed' cannot be set"),
        ('{a: {}, b: {train:total_iter: 3}}', "'train:total_iter' cannot be set"),
    ],
)
def test_wrong_methods_are_found(read, methods: str, said: str) -> None:
    _, findings = read(f'base: base.yml\nmethods: {methods}\n')
    assert [said in finding.problem for finding in findings] == [True]


def test_everything_is_found_at_once(read) -> None:
    grid, findings = read('base: bsae.yml\nmethods: []\nseeds: 3\niters: no\nfoo: 1\n')
    assert len(findings) == 5
    assert grid.base is None
    assert any(finding.remedy == "did you mean 'base.yml'?" for finding in findings)
