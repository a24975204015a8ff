"""BSPA through BasicSR's unmodified train_pipeline on real images: stages, rounds, frozen entries, its twin."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable, Dict

import pytest
import torch

from bsr_plugins.common.errors import OptionError
from bsr_plugins.runs.run_record import RECORD_KEY
from training_runs import cut_copy, everything, load, log_of, weights, without_bspa

Options = Dict[str, Any]
Train = Callable[..., Path]


def frozen_indices(experiment: Path, iteration: int) -> Dict[str, torch.Tensor]:
    tensors = load(experiment, f'{iteration}.state')['bsr_plugins']['bspa']['frozen']['tensors']
    return {name: saved['index'].long() for name, saved in tensors.items()}


@pytest.fixture
def bspa_run(base_options: Options, train: Train, tmp_path: Path) -> Path:
    return train(base_options, tmp_path / 'bspa')


def test_without_options_of_ours_it_is_srmodel_to_the_bit(
    base_options: Options, train: Train, tmp_path: Path, same: Callable[..., None]
) -> None:
    runs = [train(without_bspa(base_options, kind), tmp_path / kind) for kind in ('SRModel', 'RebalancedSRModel')]
    for key in ('params', 'params_ema'):
        same(weights(runs[0], 13, key), weights(runs[1], 13, key))
    ours, stock = load(runs[1], '13.state'), load(runs[0], '13.state')
    # The record of the options tells the two models apart.
    alike = [key for key in stock if key != RECORD_KEY]
    same({key: ours[key] for key in alike}, {key: stock[key] for key in alike})


def test_first_uniform_stage_is_srmodel_to_the_bit(
    base_options: Options, bspa_run: Path, train: Train, tmp_path: Path, same: Callable[..., None]
) -> None:
    twin = train(without_bspa(base_options, 'SRModel'), tmp_path / 'twin')
    same(weights(bspa_run, 3), weights(twin, 3))
    assert not torch.equal(weights(bspa_run, 4)['conv_first.weight'], weights(twin, 4)['conv_first.weight'])


def test_rounds_fall_where_the_schedule_says(bspa_run: Path) -> None:
    reports = [json.loads(path.read_text()) for path in sorted((bspa_run / 'bspa_rounds').glob('*.json'))]
    assert [(report['number'], report['iteration']) for report in reports] == [(1, 5), (2, 10)]
    # 3 and 6 of 9 uniform iterations are done, beta is 0.8.
    assert [report['p'] for report in reports] == pytest.approx([0.8 / 3, 1.6 / 3])
    for report in reports:
        assert report['frozen_share'] == pytest.approx(report['p'], abs=1e-3)
        assert abs(report['completeness_gap']) < 0.2
        assert report['loss_uniform'] != report['loss_inverse']
        assert all(0 <= share <= 1 for share in report['layers'].values())


def test_frozen_entries_hold_still_in_uniform_stages_alone(bspa_run: Path) -> None:
    indices = frozen_indices(bspa_run, 5)
    after_round, last_uniform, inverse = (weights(bspa_run, iteration) for iteration in (5, 8, 9))
    assert indices
    for name, index in indices.items():
        assert torch.equal(after_round[name].view(-1)[index], last_uniform[name].view(-1)[index]), name
    moved = [name for name in after_round if not torch.equal(after_round[name], last_uniform[name])]
    assert any(name.endswith('bias') for name in moved)
    assert any(name in indices for name in moved), 'the other entries of those tensors go on learning'
    assert any(
        not torch.equal(inverse[name].view(-1)[index], last_uniform[name].view(-1)[index])
        for name, index in indices.items()
    ), 'the inverse stage moves them'


def test_freeze_in_inverse_holds_them_there_too(base_options: Options, train: Train, tmp_path: Path) -> None:
    base_options['train']['bspa']['freeze_in_inverse'] = True
    run = train(base_options, tmp_path)
    frozen = frozen_indices(run, 5)
    assert frozen
    for name, index in frozen.items():
        assert torch.equal(weights(run, 5)[name].view(-1)[index], weights(run, 9)[name].view(-1)[index]), name


def test_union_keeps_the_first_rounds_entries(base_options: Options, train: Train, tmp_path: Path) -> None:
    base_options['train']['bspa']['mask_update'] = 'union'
    run = train(base_options, tmp_path)
    first, later = frozen_indices(run, 5), frozen_indices(run, 10)
    assert first
    for name, index in first.items():
        assert set(index.tolist()) <= set(later[name].tolist())


def test_layer_scope_freezes_the_same_share_of_each_layer(base_options: Options, train: Train, tmp_path: Path) -> None:
    base_options['train']['bspa'].update(
        scope='layer', granularity='filter', ig_rule='right', ig_reduce='abs_after_sum'
    )
    run = train(base_options, tmp_path)
    layers = json.loads((run / 'bspa_rounds' / 'round_002.json').read_text())['layers']
    assert len(layers) > 3
    assert all(share == pytest.approx(1.6 / 3, abs=0.02) for share in layers.values())


def test_a_run_repeats_itself(
    base_options: Options, bspa_run: Path, train: Train, tmp_path: Path, same: Callable[..., None]
) -> None:
    again = train(base_options, tmp_path / 'again')
    same(weights(again, 13), weights(bspa_run, 13))
    base_options['manual_seed'] = 4
    other = train(base_options, tmp_path / 'other')
    assert not torch.equal(weights(other, 13)['conv_first.weight'], weights(bspa_run, 13)['conv_first.weight'])


def test_validation_leaves_training_as_it_was(
    base_options: Options,
    bspa_run: Path,
    train: Train,
    tmp_path: Path,
    with_validation: Callable[..., Options],
    same: Callable[..., None],
) -> None:
    options = with_validation(base_options, 2)
    options['val']['save_best'] = 'psnr'
    run = train(options, tmp_path / 'validated')
    same(weights(run, 13), weights(bspa_run, 13))
    best = json.loads((run / 'models' / 'net_g_best.json').read_text())
    assert best['metric'] == 'psnr' and best['dataset'] == 'val' and 5 < best['value'] < 60
    assert set(torch.load(run / 'models' / 'net_g_best.pth', weights_only=True)) == {'params', 'params_ema'}
    log = log_of(run)
    assert 'Validation val in inverse stage 1, iteration 1 of 2' in log
    assert 'BSPA round 1 after iteration 5' in log
    assert 'completeness_gap' in log and 'frozen_share' in log


def test_the_best_weights_are_those_of_the_best_validation(
    base_options: Options,
    train: Train,
    tmp_path: Path,
    with_validation: Callable[..., Options],
    same: Callable[..., None],
) -> None:
    options = with_validation(base_options, 2)
    options['val']['save_best'] = 'psnr'
    options['val']['metrics']['psnr']['better'] = 'lower'  # training raises it: the first validation stays the best
    run = train(options, tmp_path)
    best = json.loads((run / 'models' / 'net_g_best.json').read_text())
    assert best['iteration'] == 2
    same(torch.load(run / 'models' / 'net_g_best.pth', weights_only=True)['params'], weights(run, best['iteration']))


@pytest.mark.parametrize(
    'change, message',
    [
        (lambda o: o['train']['bspa'].update(bet=1), "did you mean 'beta'?"),
        (lambda o: o['datasets']['train'].pop('inverse'), 'needs the block'),
    ],
)
def test_wrong_options_are_refused_before_training(
    base_options: Options, train: Train, tmp_path: Path, change: Callable[[Options], Any], message: str
) -> None:
    change(base_options)
    with pytest.raises(OptionError) as caught:
        train(base_options, tmp_path)
    assert message in str(caught.value)


def test_save_best_of_an_unknown_metric_is_refused(
    base_options: Options, train: Train, tmp_path: Path, with_validation: Callable[..., Options]
) -> None:
    options = with_validation(base_options, 2)
    options['val']['save_best'] = 'pnsr'
    with pytest.raises(OptionError, match="did you mean 'psnr'"):
        train(options, tmp_path)


def test_odd_schedules_and_short_epochs_are_said(base_options: Options, train: Train, tmp_path: Path) -> None:
    base_options['train']['total_iter'] = 9
    base_options['datasets']['train']['batch_size_per_gpu'] = 3  # 8 images: 2 whole batches, 4 epochs
    run = train(base_options, tmp_path)
    log = log_of(run)
    assert 'BSPA ends inside an inverse stage' in log
    assert 'BasicSR will end this run after 8 of 9 iterations' in log
    assert not (run / 'training_states' / '9.state').exists()


@pytest.mark.parametrize('num_workers, prefetched', [(0, 0), (1, 8)])
def test_nothing_is_decoded_for_dropped_batches(
    base_options: Options,
    train: Train,
    tmp_path: Path,
    num_workers: int,
    prefetched: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from basicsr.data.paired_image_dataset import PairedImageDataset

    decoded, original = tmp_path / 'decoded', PairedImageDataset.__getitem__

    def counted(self: Any, index: int) -> Any:
        with decoded.open('a') as file:  # workers are processes of their own
            file.write('.')
        return original(self, index)

    monkeypatch.setattr(PairedImageDataset, '__getitem__', counted)
    base_options['datasets']['train'].update(num_worker_per_gpu=num_workers, persistent_workers=num_workers > 0)
    train(base_options, tmp_path)
    uniform, attributed = 9 * 2, 2 * 2 * 2
    assert uniform + attributed <= len(decoded.read_text()) <= uniform + attributed + prefetched


def test_beta_0_attributes_nothing_and_trains_as_rounds_that_freeze_nothing(
    base_options: Options, train: Train, tmp_path: Path, same: Callable[..., None]
) -> None:
    base_options['train']['bspa']['beta'] = 1e-9  # p times the weights rounds to none
    rounds = train(base_options, tmp_path / 'rounds')
    base_options['train']['bspa']['beta'] = 0
    run = train(base_options, tmp_path / 'run')
    assert (rounds / 'bspa_rounds').exists() and not (run / 'bspa_rounds').exists()
    same(load(run, 'net_g_13.pth'), load(rounds, 'net_g_13.pth'))
    ours, other = load(run, '13.state')['bsr_plugins'], load(rounds, '13.state')['bsr_plugins']
    same(ours['random_states'], other['random_states'])
    assert load(run, '3.state')['bsr_plugins']['bspa']['theta_us'] is None
    assert 'beta 0 freezes nothing, so nothing is attributed' in log_of(run) and 'BSPA round' not in log_of(run)
    cut_copy(run, tmp_path / 'resumed', 4)
    resumed = train(base_options, tmp_path / 'resumed', '--auto_resume')
    same(everything(resumed, 13), everything(run, 13))


def test_beta_0_releases_what_a_run_had_frozen_before(base_options: Options, train: Train, tmp_path: Path) -> None:
    run = train(base_options, tmp_path)
    cut_copy(run, tmp_path / 'resumed', 7)
    base_options['train']['bspa']['beta'] = 0
    resumed = train(base_options, tmp_path / 'resumed', '--auto_resume')
    assert frozen_indices(resumed, 8) and not frozen_indices(resumed, 10)
