"""The engine through BasicSR's unmodified train_pipeline: each option, all together, resumed, and the guard."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest
import torch
from torch import Tensor

from bsr_plugins.common.errors import OptionError, TrainingError
from bsr_plugins.models.losses import Losses
from bsr_plugins.models.rebalanced_sr_model import RebalancedSRModel
from cpu_autocast import needs_cpu_fp16
from training_runs import cut_copy, everything, log_of, without_bspa

Options = Dict[str, Any]
Train = Callable[..., Path]
ALL = {'amp': 'fp16', 'compile': True, 'channels_last': True, 'grad_clip': 0.5, 'accumulate': 2}
COMBINATIONS = [
    {'accumulate': 3},
    {'amp': 'bf16'},
    pytest.param({'amp': 'fp16'}, marks=needs_cpu_fp16),
    {'channels_last': True},
    {'compile': True},
    {'grad_clip': 0.5},
    pytest.param(ALL, marks=needs_cpu_fp16),
]


@pytest.fixture
def options(base_options: Options) -> Options:
    return without_bspa(base_options, 'RebalancedSRModel', total_iter=6)


@pytest.fixture(autouse=True)
def _quick_compilation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Graphs are captured and run as compiled networks are; generating code for them would take minutes."""
    original = torch.compile
    monkeypatch.setattr(torch, 'compile', lambda net: original(net, backend='eager'))


def shown(run: Path, name: str) -> List[float]:
    return [float(part.split()[0]) for part in log_of(run).split(f'{name}: ')[1:]]


@pytest.mark.parametrize('engine', COMBINATIONS, ids=lambda engine: '+'.join(engine))
def test_every_option_resumes_exactly(
    options: Options, train: Train, tmp_path: Path, engine: Options, same: Callable[..., None]
) -> None:
    options['train'].update(engine)
    whole = train(options, tmp_path / 'whole')
    for iteration in (1, 4):
        resumed = cut_copy(whole, tmp_path / f'from_{iteration}', iteration)
        train(options, tmp_path / f'from_{iteration}', '--auto_resume')
        same(everything(resumed, 6), everything(whole, 6))
    assert 'Engine: ' in log_of(whole) or engine == {'accumulate': 3}


@pytest.mark.parametrize('engine', COMBINATIONS, ids=lambda engine: '+'.join(engine))
def test_checkpoints_are_those_of_stock_srmodel(
    options: Options, train: Train, tmp_path: Path, engine: Options
) -> None:
    options['train'].update(engine)
    run = train(options, tmp_path / 'run')
    options['model_type'] = 'SRModel'
    stock = train(options, tmp_path / 'stock')
    for key in ('params', 'params_ema'):
        ours, theirs = (everything(one, 6)['weights'][key] for one in (run, stock))
        assert list(ours) == list(theirs)
        assert all(value.dtype == theirs[name].dtype == torch.float32 for name, value in ours.items())
    assert shown(run, 'l_pix')[0] == pytest.approx(shown(stock, 'l_pix')[0], rel=0.02)
    if 'accumulate' not in engine:
        assert shown(run, 'l_pix') == pytest.approx(shown(stock, 'l_pix'), rel=0.05)


@pytest.mark.parametrize('engine', [{'channels_last': True}, {'compile': True}], ids=lambda engine: '+'.join(engine))
def test_same_arithmetic_in_another_order_stays_close(
    options: Options, train: Train, tmp_path: Path, engine: Options
) -> None:
    options['train']['total_iter'] = 1
    plain = everything(train(options, tmp_path / 'plain'), 1)['state']
    options['train'].update(engine)
    other = everything(train(options, tmp_path / 'other'), 1)['state']
    moments = [state['optimizers'][0]['state'] for state in (plain, other)]
    assert moments[0] and list(moments[0]) == list(moments[1])
    for one, two in zip(*(moment.values() for moment in moments)):
        torch.testing.assert_close(one['exp_avg'], two['exp_avg'], rtol=1e-4, atol=1e-7)


def test_accumulation_is_a_larger_batch(options: Options, train: Train, tmp_path: Path) -> None:
    options['train'].update(accumulate=2, total_iter=2, scheduler={'type': 'MultiStepLR', 'milestones': [100]})
    parts = train(options, tmp_path / 'parts')
    options['train'].update(accumulate=1, total_iter=1)
    options['datasets']['train']['batch_size_per_gpu'] = 4
    whole = train(options, tmp_path / 'whole')
    moments = [everything(run, i)['state']['optimizers'][0]['state'] for run, i in ((parts, 2), (whole, 1))]
    for one, two in zip(*(moment.values() for moment in moments)):
        torch.testing.assert_close(one['exp_avg'], two['exp_avg'], rtol=1e-4, atol=1e-7)
    assert 'the effective batch is 4; 2 iterations are 1 updates' in log_of(parts)
    assert shown(parts, 'updates') == [0, 1]


def test_iterations_lr_and_ema_count_batches(options: Options, train: Train, tmp_path: Path) -> None:
    options['train'].update(accumulate=4)
    run = train(options, tmp_path)
    state = everything(run, 6)
    assert state['state']['iter'] == 6 and state['state']['schedulers'][0]['last_epoch'] == 5
    assert {float(moment['step']) for moment in state['state']['optimizers'][0]['state'].values()} == {1}
    assert torch.equal(
        everything(run, 3)['weights']['params']['conv_first.weight'],
        everything(run, 1)['weights']['params']['conv_first.weight'],
    )
    first, changed = (everything(run, i)['weights']['params']['conv_first.weight'] for i in (1, 4))
    average = first
    for _ in range(3):
        average = 0.9 * average + (1 - 0.9) * changed
    torch.testing.assert_close(state['weights']['params_ema']['conv_first.weight'], average)
    assert 'the last 2 batches make no update' in log_of(run)


def test_another_accumulation_leaves_out_the_update_in_progress(options: Options, train: Train, tmp_path: Path) -> None:
    whole = train(options, tmp_path / 'whole')
    cut_copy(whole, tmp_path / 'resumed', 3)
    options['train']['accumulate'] = 2
    resumed = train(options, tmp_path / 'resumed', '--auto_resume')
    assert 'Iteration 3 lies inside an update of 2 batches' in log_of(resumed)
    steps = [everything(resumed, i)['state']['optimizers'][0]['state'][0]['step'] for i in (3, 4, 5, 6)]
    assert [float(step) for step in steps] == [3, 3, 3, 4]


@needs_cpu_fp16
def test_bspa_under_the_engine(base_options: Options, train: Train, tmp_path: Path, same: Callable[..., None]) -> None:
    base_options['train'].update(amp='fp16', accumulate=2, total_iter=10)
    base_options['train']['bspa'].update(interval_iter=4, inverse_iter=2)
    whole = train(base_options, tmp_path / 'whole')
    resumed = cut_copy(whole, tmp_path / 'resumed', 7)
    train(base_options, tmp_path / 'resumed', '--auto_resume')
    same(everything(resumed, 10), everything(whole, 10))
    tensors = everything(whole, 10)['state']['bsr_plugins']['bspa']['frozen']['tensors']
    before, after = (everything(whole, i)['weights']['params'] for i in (6, 10))
    assert tensors
    for name, frozen in tensors.items():
        index = frozen['index'].long()
        assert torch.equal(after[name].flatten()[index], before[name].flatten()[index])
        assert not torch.equal(after[name], before[name])


def test_bspa_stages_hold_whole_updates(base_options: Options, train: Train, tmp_path: Path) -> None:
    base_options['train']['accumulate'] = 2
    with pytest.raises(OptionError) as caught:
        train(base_options, tmp_path)
    assert caught.value.where == 'train.bspa.interval_iter' and 'interval_iter: 2' in str(caught.value)


# ---------------------------------------------------------------------- the guard
def spoil(monkeypatch: pytest.MonkeyPatch, iterations: List[int], what: str = 'gt') -> None:
    original = Losses.terms

    def terms(self: Any, output: Tensor, target: Tensor, iteration: int) -> Any:
        if iteration in iterations:
            if what == 'gt':
                target = target * float('nan')
            else:
                output.register_hook(lambda gradient: gradient * float('inf'))
        return original(self, output, target, iteration)

    monkeypatch.setattr(Losses, 'terms', terms)


@pytest.mark.parametrize(
    'what, problem',
    [('gt', 'A loss is not finite in iteration 4'), ('gradient', 'A gradient is not finite in iteration 4')],
)
@pytest.mark.parametrize('engine', [{}, {'accumulate': 2}, {'grad_clip': 0.5}], ids=str)
def test_what_is_not_finite_stops_the_run(
    options: Options,
    train: Train,
    tmp_path: Path,
    engine: Options,
    what: str,
    problem: str,
    monkeypatch: pytest.MonkeyPatch,
    same: Callable[..., None],
) -> None:
    options['train'].update(engine)
    options['train']['losses'] = {'second': {'type': 'MSELoss'}}
    whole = train(options, tmp_path / 'whole')
    spoil(monkeypatch, [4], what)
    with pytest.raises(TrainingError) as caught:
        train(options, tmp_path / 'run')
    text = str(caught.value)
    assert problem in text and 't91_' in text and '3.state' in text
    assert ('l_pix nan, l_second nan' in text) == (what == 'gt')
    run = tmp_path / 'run' / 'experiments' / 'run'
    assert sorted(path.name for path in run.glob('training_states/*')) == ['1.state', '2.state', '3.state']
    assert not (run / 'models' / 'net_g_latest.pth').exists()
    same(everything(run, 3), everything(whole, 3))


@pytest.mark.parametrize('what', ['gt', 'gradient'])
def test_updates_can_be_left_out(
    options: Options,
    train: Train,
    tmp_path: Path,
    what: str,
    monkeypatch: pytest.MonkeyPatch,
    same: Callable[..., None],
) -> None:
    options['train'].update(non_finite='skip', accumulate=2)
    spoil(monkeypatch, [3], what)
    whole = train(options, tmp_path / 'whole')
    same(everything(whole, 4)['weights']['params'], everything(whole, 2)['weights']['params'])
    assert not torch.equal(
        everything(whole, 6)['weights']['params']['conv_last.weight'],
        everything(whole, 4)['weights']['params']['conv_last.weight'],
    )
    assert shown(whole, 'skipped') == [0, 0, 0, 1, 1, 1]
    # A gradient shows where its update ends.
    assert f'is not finite in iteration {3 if what == "gt" else 4}' in log_of(whole) and 't91_' in log_of(whole)
    resumed = cut_copy(whole, tmp_path / 'resumed', 3)
    train(options, tmp_path / 'resumed', '--auto_resume')
    same(everything(resumed, 6), everything(whole, 6))


def test_updates_left_out_are_bounded(
    options: Options, train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bsr_plugins.models import non_finite

    monkeypatch.setattr(non_finite.NonFiniteGuard.__init__, '__defaults__', (2, None))
    options['train']['non_finite'] = 'skip'
    spoil(monkeypatch, [2, 3, 4])
    with pytest.raises(TrainingError, match='3 updates in a row'):
        train(options, tmp_path)


@needs_cpu_fp16
def test_gradients_that_overflow_in_fp16_lower_the_scale(
    options: Options, train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options['train']['amp'] = 'fp16'
    spoil(monkeypatch, [2], 'gradient')
    run = train(options, tmp_path)
    scales = [everything(run, i)['state']['bsr_plugins']['engine']['scaler']['scale'] for i in (1, 2, 3)]
    assert scales[1] == scales[0] / 2 == scales[2]
    assert shown(run, 'overflows') == [0, 1, 1, 1, 1, 1]


def test_weights_gone_bad_are_not_everything(
    options: Options, train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = RebalancedSRModel.optimize_parameters

    def optimize(self: Any, current_iter: int) -> None:
        original(self, current_iter)
        if current_iter == 3:
            with torch.no_grad():
                self.net_g.conv_last.bias[1] = float('inf')

    monkeypatch.setattr(RebalancedSRModel, 'optimize_parameters', optimize)
    with pytest.raises(TrainingError) as caught:
        train(options, tmp_path)
    assert caught.value.where == 'conv_last.bias' and '2.state' in str(caught.value)
    assert not list((tmp_path / 'experiments' / 'run').glob('*/*3.*'))


def test_training_alone_runs_the_compiled_network(
    options: Options,
    train: Train,
    tmp_path: Path,
    with_validation: Callable[..., Options],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    modes = []

    def compiled(net: Any) -> Callable[[Tensor], Tensor]:
        return lambda lq: modes.append(net.training) or net(lq)

    monkeypatch.setattr(torch, 'compile', compiled)
    options['train']['compile'] = True
    options['train'].pop('ema_decay')
    train(with_validation(options, 2), tmp_path)
    assert modes == [True] * 6


@pytest.mark.slow
def test_generated_code_trains_like_the_plain_network(
    options: Options, train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    plain = train(options, tmp_path / 'plain')
    options['train'].update(compile=True, channels_last=True)
    compiled = train(options, tmp_path / 'compiled')
    assert shown(compiled, 'l_pix') == pytest.approx(shown(plain, 'l_pix'), rel=0.01)
