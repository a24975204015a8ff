"""What is found wrong with a grid's methods, base and images, and where it is said to stand."""

from __future__ import annotations

from typing import List

import pytest

from bsr_plugins.common.errors import OptionError
from bsr_plugins.comparison import checking
from bsr_plugins.comparison.checking import Checked, refuse_gpus


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


@pytest.mark.parametrize(('gpus', 'available'), [((0,), 0), ((2,), 2), ((0, 0), 2)])
def test_gpus_that_are_not_there(gpus, available: int) -> None:
    with pytest.raises(OptionError):
        refuse_gpus(gpus, available)
    refuse_gpus((1, 0), 2)
