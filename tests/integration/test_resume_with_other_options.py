"""Options changed between two parts of a run: they hold as if they had been there before, and nothing is silent."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest
import torch

from bsr_plugins.common.errors import CheckpointError, OptionError
from training_runs import cut_copy, everything, load, log_of, without_bspa

Options = Dict[str, Any]
Train = Callable[..., Path]
TOTAL = 12


@pytest.fixture
def options(base_options: Options) -> Options:
    return without_bspa(base_options, 'RebalancedSRModel', total_iter=TOTAL)


@pytest.fixture(params=['RebalancedSRModel', 'SRModel'])
def any_model(options: Options, request: pytest.FixtureRequest) -> Options:
    return {**options, 'model_type': request.param}


def changed(options: Options, changes: Dict[str, Any]) -> Options:
    found = copy.deepcopy(options)
    for path, value in changes.items():
        *sections, key = path.split('.')
        section: Any = found
        for name in sections:
            section = section[name]
        section[key] = value
    return found


def lrs(run: Path, first: int, last: int) -> List[float]:
    """Return the learning rates in which the iterations were trained, as their states have them."""
    return [load(run, f'{n}.state')['optimizers'][0]['param_groups'][0]['lr'] for n in range(first, last + 1)]


SCHEDULES: List[Dict[str, Any]] = [
    {'train.optim_g.lr': 1e-4},
    {'train.scheduler': {'type': 'MultiStepLR', 'milestones': [3, 9], 'gamma': 0.5}},
    {'train.scheduler': {'type': 'MultiStepLR', 'milestones': [2, 2, 9], 'gamma': 0.1}},
    {'train.scheduler.gamma': 0.1},
    {
        'train.scheduler': {
            'type': 'MultiStepRestartLR',
            'milestones': [4, 11],
            'gamma': 0.5,
            'restarts': [0, 9],
            'restart_weights': [1, 0.5],
        }
    },
    {
        'train.scheduler': {
            'type': 'CosineAnnealingRestartLR',
            'periods': [5, 7],
            'restart_weights': [1, 0.5],
            'eta_min': 1e-7,
        }
    },
    {'train.warmup_iter': 4},
    {'train.warmup_iter': 9},
]


@pytest.mark.parametrize('changes', SCHEDULES, ids=str)
def test_a_new_schedule_is_that_of_a_run_that_had_it_from_the_start(
    options: Options, changes: Dict[str, Any], train: Train, train_once: Train, tmp_path: Path
) -> None:
    whole = train_once(options)
    expected = train(changed(options, changes), tmp_path / 'new')
    cut_copy(whole, tmp_path / 'resumed', 6)
    resumed = train(changed(options, changes), tmp_path / 'resumed', '--auto_resume')
    assert lrs(resumed, 7, TOTAL) == lrs(expected, 7, TOTAL) != lrs(whole, 7, TOTAL)
    log = log_of(resumed)
    assert 'Resume: exact' not in log and 'the new value holds' in log
    assert all(path.rpartition('.')[2] in log for path in changes)
    # Saved with the new schedule, the state goes on exactly.
    cut_copy(resumed, tmp_path / 'again', 9)
    again = train(changed(options, changes), tmp_path / 'again', '--auto_resume')
    assert 'Resume: exact' in log_of(again)
    assert lrs(again, 10, TOTAL) == lrs(expected, 10, TOTAL)


def test_settings_of_the_optimizer_hold_for_every_model(
    any_model: Options, train: Train, train_once: Train, tmp_path: Path
) -> None:
    whole = train_once(any_model)
    cut_copy(whole, tmp_path / 'resumed', 6)
    new = changed(any_model, {'train.optim_g': {'type': 'Adam', 'lr': 5e-4, 'weight_decay': 0.1, 'betas': [0.8, 0.9]}})
    resumed = train(new, tmp_path / 'resumed', '--auto_resume')
    group = load(resumed, f'{TOTAL}.state')['optimizers'][0]['param_groups'][0]
    assert (group['weight_decay'], list(group['betas']), group['initial_lr']) == (0.1, [0.8, 0.9], 5e-4)
    assert group['lr'] == 5e-4 / 4
    log = log_of(resumed)
    for line in (
        'train.optim_g.lr was 0.001 and is 0.0005 now; the new value holds.',
        'train.optim_g.weight_decay was 0 and is 0.1 now; the new value holds.',
        'train.optim_g.betas was [0.9, 0.99] and is [0.8, 0.9] now; the new value holds.',
    ):
        assert f'Resume: {line}' in log
    assert 'Resume: exact' not in log


def test_an_average_that_begins_later_begins_with_the_weights(
    any_model: Options, train: Train, train_once: Train, tmp_path: Path, same: Callable[..., None]
) -> None:
    without = changed(any_model, {'train.ema_decay': 0, 'train.total_iter': 3})
    run = cut_copy(train_once(without), tmp_path / 'resumed', 3)
    start = load(run, 'net_g_3.pth')['params']
    new = changed(any_model, {'train.ema_decay': 0.5, 'train.total_iter': 4})
    resumed = train(new, tmp_path / 'resumed', '--auto_resume')
    assert 'train.ema_decay was 0 and is 0.5 now; the new value holds.' in log_of(resumed)
    saved = load(resumed, 'net_g_4.pth')
    for key, value in saved['params_ema'].items():
        assert torch.allclose(value, (start[key] + saved['params'][key]) / 2, atol=1e-6)


def test_a_cosine_run_is_extended(any_model: Options, train: Train, train_once: Train, tmp_path: Path) -> None:
    def cosine(*periods: int) -> Options:
        schedule = {'type': 'CosineAnnealingRestartLR', 'periods': list(periods), 'restart_weights': [1] * len(periods)}
        return changed(any_model, {'train.scheduler': schedule, 'train.total_iter': sum(periods)})

    whole = train_once(cosine(4))
    cut_copy(whole, tmp_path / 'resumed', 4)
    resumed = train(cosine(4, 4), tmp_path / 'resumed', '--auto_resume')
    expected = train(cosine(4, 4), tmp_path / 'expected')
    assert lrs(resumed, 5, 8) == lrs(expected, 5, 8)
    cut_copy(expected, tmp_path / 'shorter', 8)
    too_short = changed(cosine(4), {'train.total_iter': 12})
    with pytest.raises(OptionError, match='ends before the iteration that is resumed from') as caught:
        train(too_short, tmp_path / 'shorter', '--auto_resume')
    assert 'periods that add up to total_iter, 12' in str(caught.value)


@pytest.mark.parametrize(
    'changes, line',
    [
        ({'datasets.train.gt_size': 64}, 'datasets.train.gt_size was 48 and is 64 now'),
        ({'datasets.train.use_rot': False}, 'datasets.train.use_rot was True and is False now'),
        ({'train.pixel_opt.loss_weight': 0.5}, 'train.pixel_opt.loss_weight was 1.0 and is 0.5 now'),
        ({'train.pixel_opt.type': 'MSELoss'}, 'train.pixel_opt.type was L1Loss and is MSELoss now'),
        ({'train.ema_decay': 0.5}, 'train.ema_decay was 0.9 and is 0.5 now'),
        ({'train.ema_decay': 0}, 'train.ema_decay was 0.9 and is 0 now'),
        ({'train.grad_clip': 1.0}, 'train.grad_clip was not set and is 1.0 now'),
        ({'network_g.img_range': 1.0}, 'network_g.img_range was 255.0 and is 1.0 now'),
        ({'train.losses': {'a': {'type': 'L1Loss'}}}, 'train.losses.a.type was not set and is L1Loss now'),
        ({'manual_seed': 8}, 'manual_seed was 3 and is 8 now'),
        ({'path.ignore_resume_networks': ['network_g']}, 'network_g does not take up its weights'),
    ],
    ids=str,
)
def test_whatever_shapes_the_run_is_said(
    options: Options, changes: Dict[str, Any], line: str, train: Train, train_once: Train, tmp_path: Path
) -> None:
    cut_copy(train_once(changed(options, {'train.total_iter': 3})), tmp_path / 'resumed', 3)
    new = changed(options, {**changes, 'train.total_iter': 4})
    log = log_of(train(new, tmp_path / 'resumed', '--auto_resume'))
    assert line in log and 'Resume: exact' not in log and 'not exact' in log
    assert 'train.total_iter was 3 and is 4 now' in log


@pytest.mark.parametrize(
    'changes',
    [
        {'logger.save_checkpoint_freq': 2},
        {'logger.print_freq': 5},
        {'train.total_iter': 5},
        {'datasets.train.pin_memory': False},
        {'datasets.train.name': 'other'},
    ],
    ids=str,
)
def test_what_shapes_nothing_leaves_the_resume_exact(
    options: Options,
    changes: Dict[str, Any],
    train: Train,
    train_once: Train,
    tmp_path: Path,
    same: Callable[..., None],
) -> None:
    whole = train_once(options)
    cut_copy(whole, tmp_path / 'resumed', 2)
    resumed = train(changed(options, changes), tmp_path / 'resumed', '--auto_resume')
    assert 'Resume: exact' in log_of(resumed)
    same(everything(resumed, 4)['weights'], everything(whole, 4)['weights'])


@pytest.mark.parametrize('model_type', ['RebalancedSRModel', 'SRModel'])
@pytest.mark.parametrize(
    ('size', 'at', 'place'),
    [(1, 11, 'is in epoch 1 (it was in 2)'), (4, 11, 'is in epoch 5 (it was in 2)'), (1, 3, 'is number 3 of epoch 0')],
)
def test_epochs_are_counted_anew_for_other_batches(
    options: Options, size: int, at: int, place: str, model_type: str, train: Train, train_once: Train, tmp_path: Path
) -> None:
    """Eight images: four batches of two an epoch. By the old count a run of larger epochs would end at once."""
    options['model_type'] = model_type
    whole = train_once(options)
    cut_copy(whole, tmp_path / 'resumed', at)
    new = changed(options, {'datasets.train.batch_size_per_gpu': size, 'train.total_iter': 16})
    resumed = train(new, tmp_path / 'resumed', '--auto_resume')
    log = log_of(resumed)
    assert 'batch_size_per_gpu was 2 and is' in log and f'so that iteration {at} {place}' in log
    assert (resumed / 'models' / 'net_g_16.pth').exists()
    epoch = load(resumed, '16.state')['epoch']
    assert epoch == {1: 1, 4: 7}[size]


def test_other_images_are_said(options: Options, train: Train, tmp_path: Path) -> None:
    for part in ('HR', 'LR'):
        shutil.copytree(options['datasets']['train'][f'dataroot_{"gt" if part == "HR" else "lq"}'], tmp_path / part)
    options = changed(
        options,
        {'datasets.train.dataroot_gt': str(tmp_path / 'HR'), 'datasets.train.dataroot_lq': str(tmp_path / 'LR')},
    )
    whole = train(options, tmp_path / 'whole')
    cut_copy(whole, tmp_path / 'fewer', 10)
    cut_copy(whole, tmp_path / 'renamed', 10)
    cut_copy(whole, tmp_path / 'replaced', 10)
    cut_copy(whole, tmp_path / 'copied', 10)
    for part in ('HR', 'LR'):
        shutil.copytree(tmp_path / part, tmp_path / 'copy' / part, copy_function=shutil.copyfile)
        shutil.rmtree(tmp_path / part)
        shutil.move(str(tmp_path / 'copy' / part), str(tmp_path / part))
    assert 'Resume: exact' in log_of(train(options, tmp_path / 'copied', '--auto_resume'))
    for part in ('HR', 'LR'):
        one, two = sorted((tmp_path / part).iterdir())[:2]
        kept = one.read_bytes()
        one.write_bytes(two.read_bytes())
    log = log_of(train(options, tmp_path / 'replaced', '--auto_resume'))
    assert 'the training images, or what was measured on them, are others now' in log and 'Resume: exact' not in log
    assert kept != two.read_bytes()
    for part in ('HR', 'LR'):
        first = sorted((tmp_path / part).iterdir())[0]
        first.rename(first.with_name('renamed.png'))
    assert 'the training images, or what was measured on them, are others now' in log_of(
        train(options, tmp_path / 'renamed', '--auto_resume')
    )
    for part in ('HR', 'LR'):
        (tmp_path / part / 'renamed.png').unlink()
    log = log_of(train(options, tmp_path / 'fewer', '--auto_resume'))
    assert 'the number of training images was 8 and is 7 now' in log and 'Resume: exact' not in log


def test_a_difficulty_that_was_scored_anew_is_said(numbered_options: Options, train: Train, tmp_path: Path) -> None:
    data = Path(numbered_options['datasets']['train']['dataroot_gt']).parent
    shutil.copytree(data, tmp_path / 'data')
    inverse = numbered_options['datasets']['train']['inverse']
    for block in (numbered_options['datasets']['train'], inverse):
        block['dataroot_gt'] = str(tmp_path / 'data' / 'HR_sub.lmdb')
        block['dataroot_lq'] = str(tmp_path / 'data' / 'LR_sub_x4.lmdb')
    numbered_options['datasets']['train']['num_worker_per_gpu'] = 0
    whole = train(changed(numbered_options, {'train.total_iter': 3}), tmp_path / 'whole')
    cut_copy(whole, tmp_path / 'resumed', 3)
    file = tmp_path / 'data' / 'HR_sub.lmdb' / 'difficulty_x4.txt'
    lines = file.read_text().splitlines()
    header = [line for line in lines if line.startswith('#')]
    scores = [line.split() for line in lines if not line.startswith('#')]
    file.write_text('\n'.join([*header, *(f'{key} {float(score) * 2 + 1}' for key, score in scores)]) + '\n')
    new = changed(numbered_options, {'train.total_iter': 4})
    log = log_of(train(new, tmp_path / 'resumed', '--auto_resume'))
    assert 'what was measured on them, are others now' in log and 'Resume: exact' not in log


def test_another_optimizer_is_refused(options: Options, train: Train, tmp_path: Path, monkeypatch: Any) -> None:
    from basicsr.models.base_model import BaseModel

    def get_optimizer(self: Any, kind: str, params: Any, lr: float, **more: Any) -> Any:
        return getattr(torch.optim, kind)(params, lr, **more)

    monkeypatch.setattr(BaseModel, 'get_optimizer', get_optimizer)
    options = changed(options, {'train.total_iter': 3, 'train.optim_g': {'type': 'Adam', 'lr': 1e-3}})
    cut_copy(train(options, tmp_path / 'whole'), tmp_path / 'resumed', 2)
    for kind in ('SGD', 'Adamax'):
        with pytest.raises(CheckpointError, match='another optimizer'):
            train(changed(options, {'train.optim_g.type': kind}), tmp_path / 'resumed', '--auto_resume')
    with pytest.raises(CheckpointError, match='max_exp_avg_sq'):
        train(changed(options, {'train.optim_g.amsgrad': True}), tmp_path / 'resumed', '--auto_resume')
    resumed = train(changed(options, {'train.optim_g.type': 'AdamW'}), tmp_path / 'resumed', '--auto_resume')
    assert 'train.optim_g.type was Adam and is AdamW now; the new value holds.' in log_of(resumed)
    assert load(resumed, '3.state')['optimizers'][0]['param_groups'][0]['weight_decay'] == 0.01


def test_a_state_without_a_record_says_what_cannot_be_known(
    options: Options, train: Train, train_once: Train, tmp_path: Path
) -> None:
    """As the releases before wrote them."""
    whole = train_once(options)
    run = cut_copy(whole, tmp_path / 'resumed', 6)
    state = load(run, '6.state')
    del state['bsr_plugins_run'], state['bsr_plugins']['epoch'], state['bsr_plugins']['validated']
    torch.save(state, run / 'training_states' / '6.state')
    shutil.copytree(tmp_path / 'resumed', tmp_path / 'lower')
    resumed = train(options, tmp_path / 'resumed', '--auto_resume')
    log = log_of(resumed)
    assert 'not exact: the state does not say with which options and images it was saved' in log
    assert all(
        torch.equal(value, load(whole, 'net_g_12.pth')['params'][key])
        for key, value in load(resumed, 'net_g_12.pth')['params'].items()
    )
    lower = train(changed(options, {'train.optim_g.lr': 1e-4}), tmp_path / 'lower', '--auto_resume')
    assert lrs(lower, 7, 7) == [1e-4 / 2]
    assert 'optimizer, initial_lr, was 0.001 and is 0.0001 now; the new value holds.' in log_of(lower)


@pytest.mark.parametrize('workers', [0, 1])
def test_stock_models_say_what_they_do_not_keep(
    options: Options, workers: int, train: Train, train_once: Train, tmp_path: Path
) -> None:
    stock = changed(options, {'model_type': 'SRModel', 'datasets.train.num_worker_per_gpu': workers})
    cut_copy(train_once(changed(stock, {'train.total_iter': 3})), tmp_path / 'resumed', 2)
    log = log_of(train(changed(stock, {'train.total_iter': 3}), tmp_path / 'resumed', '--auto_resume'))
    assert 'crops, flips and other random draws differ from the uninterrupted run' in log
    assert 'Resume: exact' not in log


def test_weights_of_another_run_are_said(any_model: Options, train: Train, train_once: Train, tmp_path: Path) -> None:
    any_model = changed(any_model, {'train.total_iter': 3})
    run = cut_copy(train_once(any_model), tmp_path / 'resumed', 2)
    found = load(run, 'net_g_2.pth')
    for part in found.values():
        part['conv_last.weight'] = part['conv_last.weight'] * 0.5
    torch.save(found, run / 'models' / 'net_g_2.pth')
    log = log_of(train(any_model, tmp_path / 'resumed', '--auto_resume'))
    assert 'the weights of net_g are not those that were saved with the state' in log and 'Resume: exact' not in log


def test_best_values_of_other_validations_are_not_compared(options: Options, train: Train, tmp_path: Path) -> None:
    def validating(border: int) -> Options:
        metrics = {'psnr': {'type': 'calculate_psnr', 'crop_border': border}}
        val = {'val_freq': 2, 'save_img': False, 'save_best': 'psnr', 'metrics': metrics}
        validation = {**options['datasets']['train'], 'name': 'v'}
        return changed(options, {'train.total_iter': 4, 'val': val, 'datasets.val': validation})

    whole = train(validating(2), tmp_path / 'whole')
    for border in (2, 20):
        cut_copy(whole, tmp_path / f'{border}', 2)
        run = train(validating(border), tmp_path / f'{border}', '--auto_resume')
        anew = 'val.metrics.psnr.crop_border was 2 and is 20 now: best values are counted anew' in log_of(run)
        assert anew == (border == 20)
