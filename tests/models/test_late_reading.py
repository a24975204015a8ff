"""Readings that are late, forced on the CPU: the weights of a run that waits, and every promise of its guard."""

from __future__ import annotations

import copy
import logging
from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence, Tuple

import pytest
import torch
from torch import Tensor

from bsr_plugins.common.errors import TrainingError
from bsr_plugins.models import engine, late_reading, non_finite
from bsr_plugins.models.engine_options import EngineOptions
from bsr_plugins.models.late_reading import LateReadings, why_it_waits
from bsr_plugins.models.losses import Losses
from bsr_plugins.models.rebalanced_sr_model import RebalancedSRModel
from bsr_plugins.optim.fused import leaves_out

CPU = torch.device('cpu')
ITERATIONS = 6
Build = Callable[..., Any]

pytestmark = pytest.mark.skipif(
    not leaves_out(torch.optim.Adam, CPU), reason='this torch has no fused Adam on the CPU (torch >= 2.4)'
)


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the CPU stand in for the device that nobody waits for."""
    monkeypatch.setattr(engine, 'DEVICES', ('cuda', 'cpu'))


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Return ``build(optim_g, **train)``: a model of the same first weights each time."""

    def make(optim: Any = None, network_sigma: Any = None, **train: Any) -> Any:
        torch.manual_seed(0)
        for folder in ('models', 'states'):
            (tmp_path / folder).mkdir(exist_ok=True)
        opt = {
            **{'name': 'run', 'model_type': 'RebalancedSRModel', 'scale': 2, 'num_gpu': 0, 'manual_seed': 0},
            **{'is_train': True, 'dist': False, 'rank': 0, 'world_size': 1},
            'datasets': {'train': {'type': 'PairedImageDataset', 'batch_size_per_gpu': 2, 'num_worker_per_gpu': 0}},
            'network_g': {'type': 'EDSR', 'num_in_ch': 3, 'num_out_ch': 3, 'num_feat': 4, 'num_block': 1, 'upscale': 2},
            'path': {'models': str(tmp_path / 'models'), 'training_states': str(tmp_path / 'states')},
            'logger': {'print_freq': 1},
            'train': {
                'ema_decay': 0.9,
                'optim_g': {'type': 'Adam', 'lr': 0.01, **({'fused': True} if optim is None else optim)},
                'scheduler': {'type': 'MultiStepLR', 'milestones': [4], 'gamma': 0.5},
                'total_iter': ITERATIONS,
                'pixel_opt': {'type': 'L1Loss', 'loss_weight': 1.0, 'reduction': 'mean'},
                **train,
            },
        }
        if network_sigma is not None:
            opt['network_sigma'] = network_sigma
        return RebalancedSRModel(opt)

    return make


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Callable[[], List[str]]:
    monkeypatch.setattr(logging.getLogger('basicsr'), 'propagate', True)
    caplog.set_level('INFO', 'basicsr')
    return lambda: [record.getMessage() for record in caplog.records]


def spoil(monkeypatch: pytest.MonkeyPatch, iterations: Sequence[int], what: str) -> None:
    original = Losses.terms

    def terms(self: Any, output: Tensor, target: Tensor, iteration: int) -> Any:
        if iteration in iterations and what == 'loss':
            target = target * float('nan')
        elif iteration in iterations:
            output.register_hook(lambda gradient: gradient * float('inf'))
        return original(self, output, target, iteration)

    monkeypatch.setattr(Losses, 'terms', terms)


def train(model: Any, last: int = ITERATIONS, read: bool = False) -> List[Dict[str, float]]:
    """Train on from where the model stands; return the logs, read at once or together at the end."""
    logs = []
    for iteration in range(model.iteration + 1, last + 1):
        lq = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(iteration))
        gt = torch.nn.functional.interpolate(lq, scale_factor=2)
        model.update_learning_rate(iteration)
        model.feed_data({'lq': lq, 'gt': gt, 'lq_path': [f'{iteration}_a.png', f'{iteration}_b.png']})
        model.optimize_parameters(iteration)
        logs.append(model.get_current_log() if read else model._log_dict)
    return logs


def tensors(model: Any) -> List[Tensor]:
    """Return all that an update changes: weights, averages, moments and step counts."""
    nets = [model.net_g, model.net_g_ema, *filter(None, (model.net_sigma, model.sigma.net_ema))]
    moments = model.optimizer_g.state_dict()['state']
    return [value.detach().clone() for net in nets for value in net.state_dict().values()] + [
        value.clone() for state in moments.values() for _, value in sorted(state.items())
    ]


def same(one: Sequence[Tensor], two: Sequence[Tensor]) -> bool:
    return len(one) == len(two) and all(map(torch.equal, one, two))


SIGMA = {
    'network_sigma': {'type': 'SigmaBranch', 'num_feat': 4, 'num_conv': 1},
    'sigma_opt': {'type': 'SigmaLoss', 'loss_weight': 0.1},
}


@pytest.mark.parametrize(
    'options, bad, what, read',
    [
        ({}, [], 'loss', False),
        ({'grad_clip': 0.01}, [1, 4], 'loss', True),
        (SIGMA, [3, 6], 'gradient', False),
    ],
    ids=['good', 'losses', 'gradients'],
)
def test_late_readings_train_as_those_that_are_waited_for(
    build: Build, monkeypatch: pytest.MonkeyPatch, options: Dict[str, Any], bad: List[int], what: str, read: bool
) -> None:
    """Bit for bit: weights, averages, moments, step counts, each log, and what the guard counts."""
    spoil(monkeypatch, bad, what)
    waiting = build(non_finite='skip', **options)
    expected = train(waiting)
    monkeypatch.setattr(engine, 'DEVICES', ('cuda', 'cpu'))
    late = build(non_finite='skip', **options)
    found = train(late, read=read)
    assert late.engine._late and not waiting.engine._late
    assert ('l_pix' in found[-1]) == read
    late.engine.settle()
    assert [repr(dict(log)) for log in found] == [repr(dict(log)) for log in expected]
    assert same(tensors(late), tensors(waiting))
    assert late.engine.guard.state() == waiting.engine.guard.state()
    assert late.engine.guard.skipped == len(bad)


@pytest.mark.parametrize('what', ['loss', 'gradient'])
def test_a_bad_update_changes_nothing(
    build: Build, monkeypatch: pytest.MonkeyPatch, late: None, lines: Callable[[], List[str]], what: str
) -> None:
    spoil(monkeypatch, [3], what)
    model = build(non_finite='skip', ema_decay=0)
    train(model, 2)
    model.net_g_ema = model.net_g
    before = [tensor.clone() for tensor in _moved(model)]
    train(model, 3)
    assert same(_moved(model), before) and not hasattr(model.optimizer_g, 'found_inf')
    assert not [line for line in lines() if 'is not finite' in line]
    train(model, 4)
    said = [line for line in lines() if f'A {what} is not finite in iteration 3' in line]
    assert len(said) == 1 and '3_a.png, 3_b.png' in said[0] and '4_a' not in said[0]
    assert not same(_moved(model), before)


def _moved(model: Any) -> List[Tensor]:
    state = model.optimizer_g.state_dict()['state']
    return [p.detach() for p in model.net_g.parameters()] + [v for one in state.values() for v in one.values()]


ENDINGS: Dict[str, Callable[[Any], Any]] = {
    'the next step': lambda model: train(model, 4),
    'the log': lambda model: model.get_current_log(),
    'a save': lambda model: model.save(0, 3),
    'the last save': lambda model: model.save(-1, -1),
    'a state': lambda model: model.save_training_state(0, 3),
    'a validation': lambda model: model.validation(None, 3, None),
}


@pytest.mark.parametrize('ending', ENDINGS)
def test_the_run_stops_before_anything_comes_of_it(
    build: Build, monkeypatch: pytest.MonkeyPatch, late: None, tmp_path: Path, ending: str
) -> None:
    spoil(monkeypatch, [3], 'loss')
    model = build()
    train(model, 3)
    with pytest.raises(TrainingError) as caught:
        ENDINGS[ending](model)
    text = str(caught.value)
    assert 'A loss is not finite in iteration 3' in text and '3_a.png, 3_b.png' in text and 'l_pix nan' in text
    assert not list(tmp_path.glob('*/*'))
    assert all(bool(torch.isfinite(tensor).all()) for tensor in tensors(model))


def test_updates_left_out_are_bounded(build: Build, monkeypatch: pytest.MonkeyPatch, late: None) -> None:
    monkeypatch.setattr(non_finite.NonFiniteGuard.__init__, '__defaults__', (2, None))
    spoil(monkeypatch, [2, 3, 4], 'gradient')
    model = build(non_finite='skip')
    train(model, 4)
    with pytest.raises(TrainingError, match='3 updates in a row .* in iteration 4'):
        train(model, 5)


def test_a_resume_is_exact(build: Build, monkeypatch: pytest.MonkeyPatch, late: None, tmp_path: Path) -> None:
    spoil(monkeypatch, [3], 'loss')
    whole = build(non_finite='skip')
    train(whole, 3)
    whole.save(0, 3)
    averages = copy.deepcopy(whole.net_g_ema.state_dict())
    train(whole)
    state = torch.load(str(tmp_path / 'states' / '3.state'), weights_only=True)
    assert state['bsr_plugins']['engine']['guard']['skipped'] == 1

    resumed = build(non_finite='skip')
    resumed.load_network(resumed.net_g, str(tmp_path / 'models' / 'net_g_3.pth'))
    resumed.net_g_ema.load_state_dict(averages)
    resumed.resume_training(state)
    train(resumed)
    assert resumed.engine._late and same(tensors(resumed), tensors(whole))


def test_what_an_earlier_accumulation_spoiled_is_waited_for(build: Build, late: None) -> None:
    model = build(non_finite='skip')
    model.engine.guard.spoiled = True
    before = [p.detach().clone() for p in model.net_g.parameters()]
    train(model, 1)
    assert same(list(model.net_g.parameters()), before) and model.get_current_log()['skipped'] == 1
    train(model, 2)
    assert not same(list(model.net_g.parameters()), before) and model.get_current_log()['skipped'] == 1


@pytest.mark.parametrize(
    'options, optimizer, in_groups, reason',
    [
        ({}, (torch.optim.Adam, {'fused': True}), False, None),
        ({'amp': 'bf16', 'grad_clip': 1.0}, (torch.optim.AdamW, {'fused': True}), False, None),
        ({}, (torch.optim.Adam, {'fused': True}), True, 'processes'),
        ({'amp': 'fp16'}, (torch.optim.Adam, {'fused': True}), False, 'GradScaler'),
        ({'accumulate': 2}, (torch.optim.Adam, {'fused': True}), False, 'accumulated'),
        ({'max_loss_jump': 10}, (torch.optim.Adam, {'fused': True}), False, 'max_loss_jump'),
        ({}, (torch.optim.Adam, {}), False, 'Adam is not fused'),
        # Its momentum begins as uninitialised memory, whatever found_inf says.
        ({}, (torch.optim.SGD, {'fused': True, 'momentum': 0.9}), False, 'SGD is not fused here'),
    ],
)
def test_why_each_update_waits(
    options: Dict[str, Any], optimizer: Tuple[Any, Dict[str, Any]], in_groups: bool, reason: Any
) -> None:
    kind, given = optimizer
    built = kind([torch.zeros(1, requires_grad=True)], lr=0.1, **given)
    found = why_it_waits(EngineOptions.from_train(options), built, CPU, in_groups)
    assert found is None if reason is None else reason in str(found)


def test_a_torch_that_does_not_leave_out_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    adam = torch.optim.Adam([torch.zeros(1, requires_grad=True)], lr=0.1, fused=True)
    monkeypatch.setattr(late_reading, 'leaves_out', lambda *_: False)
    assert 'leaves no update out' in str(why_it_waits(EngineOptions(), adam, CPU, False))


@pytest.mark.parametrize('optim, expected', [({}, 'each update waits'), ({'fused': True}, 'one iteration late')])
def test_one_line_says_which(
    build: Build, late: None, lines: Callable[[], List[str]], optim: Dict[str, Any], expected: str
) -> None:
    train(build(optim), 2)
    assert len([line for line in lines() if 'Engine: ' in line and expected in line]) == 1


def test_a_cpu_says_nothing_and_waits(build: Build, lines: Callable[[], List[str]]) -> None:
    model = build()
    train(model, 2)
    assert model._log_dict['l_pix'] > 0 and not [line for line in lines() if 'Engine: ' in line]


def test_readings_keep_their_order_and_what_was_added() -> None:
    seen = []
    readings = LateReadings(lambda reading: seen.append((reading.iteration, reading.norm)) or {'skipped': 0.0})
    logs = [readings.add(i, ['l_pix'], torch.tensor([i / 2, float(i)]), []) for i in (1, 2, 3)]
    logs[1]['p'] = 0.5
    readings.settle(but=1)
    assert seen == [(1, 1.0), (2, 2.0)] and logs[2] == {}
    assert list(logs[1].items()) == [('l_pix', 1.0), ('skipped', 0.0), ('p', 0.5)]
    readings.settle()
    readings.settle()
    assert len(seen) == 3


# ---------------------------------------------------------------------- fused by default
@pytest.mark.parametrize(
    'optim, options, fused',
    [
        ({}, {}, None),
        ({}, {'channels_last': True}, True),
        ({'foreach': True}, {'channels_last': True}, None),
        ({'fused': False}, {'channels_last': True}, False),
        ({'fused': True}, {}, True),
    ],
)
def test_adam_is_fused_where_the_bits_are_others_anyway(
    build: Build, late: None, lines: Callable[[], List[str]], optim: Dict[str, Any], options: Any, fused: Any
) -> None:
    model = build(optim, **SIGMA, **options)
    assert {group['fused'] for group in model.optimizer_g.param_groups} == {fused}
    said = [line for line in lines() if 'Adam is fused' in line]
    assert len(said) == (fused is True and not optim)


def test_on_a_cpu_nothing_is_fused_by_default(build: Build) -> None:
    assert build({}, channels_last=True).optimizer_g.param_groups[0]['fused'] is None


@pytest.mark.parametrize(
    'saved, now, expected', [({}, {}, None), ({}, {'fused': True}, True), ({'fused': True}, {'foreach': True}, None)]
)
def test_a_resumed_optimizer_is_as_the_file_says_or_as_it_was(
    build: Build,
    late: None,
    lines: Callable[[], List[str]],
    tmp_path: Path,
    saved: Dict[str, Any],
    now: Dict[str, Any],
    expected: Any,
) -> None:
    earlier = build({**saved})
    train(earlier, 2)
    earlier.save_training_state(0, 2)
    model = build({**now}, channels_last=True)
    model.resume_training(torch.load(str(tmp_path / 'states' / '2.state'), weights_only=True))
    assert model.optimizer_g.param_groups[0]['fused'] is expected
    assert len([line for line in lines() if 'goes on not fused' in line]) == (saved == now == {})
    train(model, 3)
    assert {float(state['step']) for state in model.optimizer_g.state.values()} == {3}
