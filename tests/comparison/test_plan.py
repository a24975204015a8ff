"""Grids as runs: lengths, twins that come along, shorter twins, first steps."""

from __future__ import annotations

from pathlib import Path
from typing import List

import pytest

from bsr_plugins.comparison import checking
from bsr_plugins.comparison import plan as plans
from bsr_plugins.comparison.comparing import _shard
from bsr_plugins.comparison.plan import PlannedRun, Variant, planned
from bsr_plugins.options.templates.method_keys import MethodKeys
from bsr_plugins.options.templates.setting import OwnData

CLASSES = OwnData('n', 's', 'u', 9, 64, '', '', classes='/classes', crop=32, num_classes=3)


@pytest.fixture(autouse=True)
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the check of the option files, which these tests are not about."""
    monkeypatch.setattr(checking, 'check_composed', lambda *_: [])


def runs_of(checked, gpus: bool = False) -> List[PlannedRun]:
    assert [str(finding) for finding in checked.findings] == []
    return list(planned(checked.grid, 'grid', list(checked.methods), Path('experiments'), gpus).runs)


def test_every_method_gets_every_seed_and_the_base_stays(check, base) -> None:
    runs = runs_of(check('methods: {twin: {}, soft: {train:pixel_opt:loss_weight: 0.5}}\nseeds: [0, 3]'))
    assert [run.name for run in runs] == ['grid_twin_s0', 'grid_soft_s0', 'grid_twin_s3', 'grid_soft_s3']
    assert {run.updates for run in runs} == {20}
    assert [run.options['manual_seed'] for run in runs] == [0, 0, 3, 3]
    assert runs[1].options['train']['pixel_opt']['loss_weight'] == 0.5
    assert runs[0].options['train'] == base['train']
    assert runs[0].options['logger']['save_checkpoint_freq'] == 2


def test_twins_come_along_and_shorter_ones_where_the_paper_compares_so(check) -> None:
    checked = check('methods: [bspa, fpl]\niters: 30')
    plan = planned(checked.grid, 'grid', list(checked.methods), Path('experiments'))
    assert plan.methods == ('baseline', 'bspa', 'l1_bicubic', 'fpl')
    assert plan.twins == {'bspa': 'baseline', 'fpl': 'l1_bicubic'}
    shorter = plan.runs[-1]
    assert (shorter.name, shorter.updates, shorter.published_for) == ('grid_baseline_s0_16', 16, ('bspa',))
    assert shorter.options['train']['scheduler']['milestones'] == [8]
    assert plan.differing['bspa']['model_type'] == 'BSPAModel'
    assert not any(run.published_for for run in runs_of(check('methods: [bspa]\nas_published: false')))


def test_methods_have_equal_updates_whatever_they_accumulate(check) -> None:
    text = 'methods: {twin: {}, large: {model_type: RebalancedSRModel, train:accumulate: 4}}\niters: 5'
    runs = runs_of(check(text))
    assert [(run.updates, run.options['train']['total_iter']) for run in runs] == [(5, 5), (5, 20)]
    assert [run.options['train']['scheduler']['milestones'] for run in runs] == [[2], [8]]


def test_overrides_stand_as_they_are_and_another_length_fits_all(check) -> None:
    text = 'methods: {twin: {}, late: {train:scheduler:milestones: [80]}}\niters: 100\noverride: {val:val_freq: 7}'
    assert [run.options['val']['val_freq'] for run in runs_of(check(text))] == [7, 7]
    runs = runs_of(check(text, iters=50, seeds=[1]))
    assert [run.options['train']['scheduler']['milestones'] for run in runs] == [[25], [40]]
    assert {(run.seed, run.updates) for run in runs} == {(1, 50)}


def test_sub_images_that_are_made_are_put_in(check, base) -> None:
    checked = check('methods: [bspa]\niters: 30')
    assert [method.needs_classes for method in checked.methods] == [False, True]
    made, _ = plans.variants(checked.grid, plans.base_at_length(checked.grid, base), None, CLASSES)
    inverse = made[1].options['datasets']['train']['inverse']
    assert inverse['dataroot_gt'] == '/classes/HR_sub.lmdb' and inverse['num_classes'] == 3
    assert not made[1].needs_classes


def test_a_method_waits_for_its_first_step(check, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {
        'bsr': MethodKeys({'path:pretrain_network_g': '{first}/models/net_g_latest.pth'}, 'baseline', first='rfs'),
        'rfs': MethodKeys({'train:pixel_opt:loss_weight': 2.0}),
        'baseline': MethodKeys(),
    }
    monkeypatch.setattr(plans, 'method_keys', lambda name, *_: keys[name])
    checked = check('methods: [bsr]\nseeds: [0, 1]')
    runs = runs_of(checked)
    assert [run.method for run in runs] == ['baseline', 'rfs', 'bsr'] * 2
    assert [run.is_shown for run in runs[:3]] == [True, False, True]
    last = runs[5]
    assert last.first == 'grid_rfs_s1'
    assert last.options['path']['pretrain_network_g'] == 'experiments/grid_rfs_s1/models/net_g_latest.pth'
    for index in (1, 2, 3):
        names = [run.name for run in _shard(runs, index, 3)]
        assert ('grid_rfs_s1' in names) == ('grid_bsr_s1' in names)


@pytest.mark.parametrize(
    ('methods', 'names'),
    [
        ('[add_cam, udn, baseline]', ['baseline', 'add_cam', 'udn']),
        ('[udn, add_cam]', ['baseline', 'udn', 'add_cam']),
        # The base's own training under another name.
        ('[{plain: {}}, add_cam]', ['plain', 'add_cam']),
        ('[l1, add_plus_cam]', ['l1', 'add_plus_cam']),
    ],
)
def test_plain_training_is_twin_and_first_step_in_one(check, methods, names) -> None:
    checked = check(f'methods: {methods}')
    runs = runs_of(checked)
    assert [run.method for run in runs] == names and all(run.is_shown for run in runs)
    cam = next(run for run in runs if 'cam' in run.method)
    assert cam.first == f'grid_{names[0]}_s0'
    assert cam.options['path']['pretrain_network_saliency'] == f'experiments/{cam.first}/models/net_g_latest.pth'
    assert planned(checked.grid, 'grid', list(checked.methods), Path('.')).twins[cam.method] == names[0]


def test_shards_are_all_runs_once() -> None:
    runs = [PlannedRun(str(index), 'm', index, 1, {}) for index in range(7)]
    parts = [[run.name for run in _shard(runs, index, 3)] for index in (1, 2, 3)]
    assert sorted(sum(parts, [])) == [run.name for run in runs]
    assert {len(part) for part in parts} == {2, 3}


def test_a_gpu_of_its_own(check) -> None:
    assert [run.options['num_gpu'] for run in runs_of(check('methods: [baseline]'), gpus=True)] == [1]


def test_variant_options_are_no_views_of_the_base(check, base) -> None:
    checked = check('methods: {twin: {}, soft: {train:pixel_opt:loss_weight: 0.5}}')
    first: Variant = checked.methods[0]
    first.options['train']['pixel_opt']['loss_weight'] = 9
    assert checked.methods[1].options['train']['pixel_opt']['loss_weight'] == 0.5
