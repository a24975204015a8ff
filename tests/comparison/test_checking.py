"""What is found wrong with a grid's methods, base and images, and where it is said to stand."""

from __future__ import annotations

import os
from typing import List

import cv2
import numpy as np
import pytest

from bsr_plugins.analysis.compared_runs import TestSet
from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.comparison import checking
from bsr_plugins.comparison.checking import Checked, refuse_gpus
from bsr_plugins.comparison.test_sets import PlannedSet, make_test_set
from bsr_plugins.options.option_file import read_option_file


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the check of the option files."""
    monkeypatch.setattr(checking, 'check_composed', lambda *_: [])


def said(checked: Checked) -> List[str]:
    return [f'{finding.where.rpartition("/")[2]} | {finding.problem}' for finding in checked.findings]


def test_each_finding_has_its_place(check) -> None:
    text = (
        'methods: {twin: {}, same: {}, soft: {train:pixel_opt:loss_wieght: 0.5, train:foo: 1}, '
        'deep: {train:total_iter:x: 2}}\noverride: {logger:prnt: 5}\ntest: {a: {gt: nowhere}}'
    )
    assert sorted(said(check(text))) == [
        "grid.yml:3: methods.deep | 'train:total_iter' is no section of the option file",
        "grid.yml:3: methods.same | The methods 'twin' and 'same' are the same",
        "grid.yml:3: methods.soft.train:foo | No code reads the key 'train.foo'",
        "grid.yml:3: methods.soft.train:pixel_opt:loss_wieght | The loss L1Loss has no parameter 'loss_wieght'",
        "grid.yml:4: override.logger:prnt | No code reads the key 'logger.prnt'",
        'grid.yml:5: test.a.gt | The folder does not exist: nowhere',
    ]


def test_a_method_that_does_not_fit_the_length(check, unchecked) -> None:
    (finding,) = check('methods: [bspa]\niters: 2').findings
    assert finding.problem.startswith('BSPA needs a uniform stage')
    assert finding.where.endswith('grid.yml:3: methods.0')


def test_a_wrong_base_and_wrong_methods_are_told_together(check, base) -> None:
    base['train']['optim_g']['type'] = 'Adm'
    del base['datasets']['val']
    found = said(check('methods: {twin: {}, soft: {train:foo: 1}}\nseeds: [0, 0]'))
    for problem in ('Adm', 'foo', 'no images to test on', 'stands twice'):
        assert any(problem in each for each in found), (problem, found)


def test_an_override_mends_the_base(check, base) -> None:
    base['train']['pixel_opt']['type'] = 'L3Loss'
    assert said(check('methods: [baseline]\noverride: {train:pixel_opt:type: L1Loss}')) == []


def test_seeds_and_lengths_of_the_command_line(check, unchecked) -> None:
    assert said(check('methods: [baseline]\nseeds: 3', seeds=[1], iters=4)) == []
    found = said(check('methods: [baseline]', seeds=[1, 1], iters=0))
    assert [line.partition(' | ')[0] for line in found] == ['--seeds', '--iters']


def test_the_length_is_given_once(check, unchecked) -> None:
    text = 'methods: [baseline]\noverride: {train:total_iter: 12}'
    assert said(check(text)) == []
    assert 'given twice' in said(check(f'{text}\niters: 9'))[0]


def test_lr_images_are_found_by_their_names_or_made(check, unchecked, images, tmp_path) -> None:
    checked = check(f'methods: [baseline]\ntest: {{a: {{gt: {images}/held_out/HR}}}}')
    assert said(checked) == []
    (made,) = checked.test_sets
    assert made.made_from == images / 'held_out' / 'HR'
    assert made.test_set.gt == tmp_path / 'out' / 'data' / 'test' / 'a' / 'HR'
    lr = tmp_path / 'LR'
    lr.mkdir()
    for path in (images / 'held_out' / 'LR').iterdir():
        (lr / f'{path.stem}x2.png').write_bytes(path.read_bytes())
    checked = check(f'methods: [baseline]\ntest: {{a: {{gt: {images}/held_out/HR, lq: LR}}}}')
    assert said(checked) == [] and checked.test_sets[0].test_set.lq_template == '{}x2'
    (lr / 'other.png').write_bytes(b'')
    assert 'do not pair' in said(check(f'methods: [baseline]\ntest: {{a: {{gt: {images}/held_out/HR, lq: LR}}}}'))[0]


@pytest.mark.parametrize(
    ('text', 'found'),
    [
        ('methods: {a: {}, b: {train: ~}}', "grid.yml:3: methods.b.train | The section 'train' is missing"),
        ('methods: [baseline, {b: {datasets:train: x}}]', "methods.1.b.datasets:train | The section 'datasets.train'"),
        ('methods: [bspa]\noverride: {network_g: ~}', "grid.yml:4: override.network_g | The section 'network_g' is"),
        ('methods: [bspa]\noverride: {scale:x: 3}', "grid.yml:4: override.scale:x | 'scale' is no section"),
        ('methods: {a: {}, debug: {scale:x: 3}}', "grid.yml:3: methods.debug | The name has 'debug' in it"),
        (f'methods: {{{"a" * 80}: {{}}}}\noverride: {{scale: 2}}', ''),
        (f'methods: {{{"a" * 80}: {{}}, {"b" * 81}: {{}}}}', 'grid.yml:3: methods.' + 'b' * 81 + ' | This is no name'),
    ],
)
def test_sections_and_names_that_runs_cannot_have(check, unchecked, text: str, found: str) -> None:
    wrong = said(check(text))
    assert any(found in each for each in wrong) if found else wrong == []


def test_a_name_too_long_for_a_run(check, unchecked, write_grid, tmp_path) -> None:
    path = write_grid('methods: [baseline]')
    path.write_text(path.read_text().replace('name: grid', f'name: {"a" * 195}'))
    found = said(checking.check_grid(read_option_file(path), tmp_path, tmp_path / 'out'))
    assert found == ['grid.yml:1: name | The name of a run is none for a folder']


def test_a_section_that_only_the_grid_has_stands_there(check) -> None:
    (finding,) = check('methods: [baseline]\noverride: {train:pixl_opt:foo: 1}').findings
    assert finding.severity == 'error' and finding.where.endswith('grid.yml:4: override.train:pixl_opt')


def test_images_that_are_no_pairs(check, unchecked, images, base, tmp_path) -> None:
    hr, lr = images / 'held_out' / 'HR', images / 'held_out' / 'LR'
    assert 'grid.yml:4: test.a.lq | Image pairs do not fit scale 2' in said(
        check(f'methods: [baseline]\ntest: {{a: {{gt: {lr}, lq: {hr}}}}}')
    )
    broken = tmp_path / 'broken'
    broken.mkdir()
    (broken / 'a.png').write_bytes(b'')
    found = said(check(f'methods: [baseline]\ntest: {{a: {{gt: {broken}, lq: {broken}}}}}'))
    assert all('HR and LR images are the same files' in each for each in found) and found
    (broken / 'a.jpg').write_bytes(b'')
    for lq in ('', f', lq: {lr}'):
        assert 'Two images have the name a' in said(check(f'methods: [baseline]\ntest: {{a: {{gt: {broken}{lq}}}}}'))[0]
    base['datasets']['val_2'] = dict(base['datasets']['val'])
    (finding,) = check('methods: [baseline]').findings
    assert "validation set 'val_2'" in finding.problem


def test_test_images_are_made_anew_of_other_images(tmp_path) -> None:
    def make(value: int, scale: int, *names: str) -> dict:
        source = tmp_path / f'{value}'
        source.mkdir(exist_ok=True)
        for name in names:
            cv2.imwrite(str(source / f'{name}.png'), np.full((16, 16, 3), value, np.uint8))
            os.utime(source / f'{name}.png', (0, 0))
        made = TestSet('a', tmp_path / 'a' / 'HR', tmp_path / 'a' / 'LR')
        make_test_set(PlannedSet(made, source), scale)
        return {path.name: cv2.imread(str(path))[0, :, 0].tolist() for path in sorted(made.lq.iterdir())}

    assert make(5, 2, 'x', 'y') == {'x.png': [5] * 8, 'y.png': [5] * 8}
    assert make(7, 2, 'x') == {'x.png': [7] * 8}
    assert make(7, 4, 'x') == {'x.png': [7] * 4}
    with pytest.raises(DataError, match='smaller than one LR pixel'):
        make(7, 32, 'x')


@pytest.mark.parametrize(('gpus', 'available'), [((0,), 0), ((2,), 2), ((0, 0), 2)])
def test_gpus_that_are_not_there(gpus, available: int) -> None:
    with pytest.raises(OptionError):
        refuse_gpus(gpus, available)
    refuse_gpus((1, 0), 2)
