"""Training steps on the GPU: the engine's options, the sigma branch, each augmentation, and how often they wait."""

from __future__ import annotations

import functools
import warnings
from typing import Any, Callable, Dict, List

import pytest
import torch
from torch import Tensor

from bsr_plugins.augments.augments import AUGMENTS

pytestmark = pytest.mark.gpu

SIGMA: Dict[str, Any] = {
    'network_sigma': {'type': 'SigmaBranch', 'num_feat': 8, 'num_conv': 2},
    'sigma_opt': {'type': 'SigmaLoss', 'loss_weight': 0.1},
}
FAST = {'amp': 'bf16', 'channels_last': True, 'compile': True}
ENGINE: List[Dict[str, Any]] = [
    {},
    {'amp': 'bf16'},
    {'amp': 'fp16'},
    {'channels_last': True},
    {'compile': True},
    {'accumulate': 2},
    {'grad_clip': 0.5},
    FAST,
    {**FAST, 'amp': 'fp16', 'accumulate': 2, 'grad_clip': 0.5},
]
LOSSES = ('L1Loss', 'FocalPixelLoss', 'ExpectationLoss', 'HybridLpLoss')


@pytest.fixture(autouse=True)
def _compiled_quickly(device: torch.device, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trace and differentiate on the CPU too, without the minutes that a C++ compiler takes there."""
    torch._dynamo.reset()  # it does not look for hooks in a network that is built as one that it has compiled
    if device.type == 'cpu':
        monkeypatch.setattr(torch, 'compile', functools.partial(torch.compile, backend='aot_eager'))


def losses_of(model: Any, batch: Dict[str, Tensor], iterations: int = 8) -> List[float]:
    """Train, and return the losses of l_pix."""
    values = []
    for iteration in range(1, iterations + 1):
        model.feed_data(batch)
        model.optimize_parameters(iteration)
        values.append(float(model.get_current_log()['l_pix']))
    return values


def weights_of(model: Any) -> Tensor:
    return torch.cat([p.detach().float().flatten().cpu() for p in model.net_g.parameters()])


@pytest.mark.parametrize('options', ENGINE, ids=lambda options: '+'.join(options) or 'off')
def test_the_engine(
    options: Dict[str, Any], build: Callable[..., Any], batch: Dict[str, Tensor], device: torch.device
) -> None:
    stock, ours = build('SRModel'), build(**options)
    before = weights_of(ours)
    expected, found = losses_of(stock, batch), losses_of(ours, batch)
    assert next(ours.net_g.parameters()).device.type == ours.lq.device.type == device.type
    assert abs(found[0] - expected[0]) < (0.02 if options.get('amp') else 1e-4) * expected[0]
    assert found[-1] < found[0] and not torch.equal(weights_of(ours), before)
    assert bool(torch.isfinite(weights_of(ours)).all())


def test_switched_off_it_is_srmodel_to_the_bit(
    build: Callable[..., Any], batch: Dict[str, Tensor], deterministic: None
) -> None:
    stock, ours = build('SRModel'), build()
    assert losses_of(stock, batch) == losses_of(ours, batch)
    assert torch.equal(weights_of(stock), weights_of(ours))


@pytest.mark.parametrize('options', [{}, {'amp': 'fp16'}, FAST], ids=lambda options: '+'.join(options) or 'off')
@pytest.mark.parametrize('loss', LOSSES)
def test_each_loss_with_the_sigma_branch(
    loss: str, options: Dict[str, Any], build: Callable[..., Any], batch: Dict[str, Tensor]
) -> None:
    if options == FAST and loss != 'ExpectationLoss':
        options = {**options, 'compile': False}  # the network that is compiled is the same
    model = build(**SIGMA, **options, pixel_opt={'type': loss})
    assert torch.isfinite(torch.tensor(losses_of(model, batch, 3))).all()
    assert model.get_current_log()['l_sigma'] > 0


@pytest.mark.parametrize('name', sorted(AUGMENTS))
def test_each_augmentation(name: str, build: Callable[..., Any], batch: Dict[str, Tensor]) -> None:
    given = {key: value.clone() for key, value in batch.items()}
    model = build(augment={'type': name})
    assert torch.isfinite(torch.tensor(losses_of(model, given))).all()
    assert all(torch.equal(given[key], batch[key]) for key in batch)


def test_an_overflow_in_fp16_is_left_out(build: Callable[..., Any], batch: Dict[str, Tensor]) -> None:
    model = build(amp='fp16', pixel_opt={'type': 'L1Loss', 'loss_weight': 1e30})
    before = weights_of(model)
    model.feed_data(batch)
    model.optimize_parameters(1)
    assert torch.equal(weights_of(model), before) and model.get_current_log()['overflows'] == 1


def test_readings_that_are_late_change_nothing(
    build: Callable[..., Any],
    batch: Dict[str, Tensor],
    device: torch.device,
    deterministic: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A fused Adam that leaves an update out by itself, against a processor that waits and leaves it out."""
    models = []
    for devices in ((), (device.type,)):
        monkeypatch.setattr('bsr_plugins.models.engine.DEVICES', devices)
        model = build(optim_g={'type': 'Adam', 'lr': 0.001, 'fused': True}, non_finite='skip')
        for iteration in range(1, 6):
            gt = batch['gt'] * float('nan') if iteration == 3 else batch['gt']
            model.feed_data({**batch, 'gt': gt})
            model.optimize_parameters(iteration)
        models.append(model)
    waiting, late = models
    assert late.engine._late and not waiting.engine._late
    assert late.get_current_log() == waiting.get_current_log() and late.get_current_log()['skipped'] == 1
    assert torch.equal(weights_of(late), weights_of(waiting))


@pytest.mark.parametrize(
    'options',
    [
        {},
        {'pixel_opt': {'type': 'FocalPixelLoss'}},
        {'pixel_opt': {'type': 'ExpectationLoss'}, **SIGMA},
        {'augment': {'type': 'MoA'}},
        {'augment': {'type': 'ADDPlus'}},
        {'amp': 'bf16', 'channels_last': True, 'grad_clip': 1.0, 'accumulate': 2},
        {'optim_g': {'type': 'Adam', 'lr': 0.001, 'fused': True}},
    ],
    ids=['off', 'fpl', 'l_E and sigma', 'moa', 'add_plus', 'engine', 'fused'],
)
def test_a_step_waits_once_at_most(
    options: Dict[str, Any], build: Callable[..., Any], batch: Dict[str, Tensor], cuda: torch.device
) -> None:
    """The losses and the norm are read in one go, and late with a fused Adam; nothing else waits for the device."""
    model = build(**options)
    model.opt['logger'] = {'print_freq': 1000}
    losses_of(model, batch, 4)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        torch.cuda.set_sync_debug_mode('warn')
        try:
            for iteration in range(5, 9):
                model.feed_data(batch)
                model.optimize_parameters(iteration)
        finally:
            torch.cuda.set_sync_debug_mode('default')
    waits = [str(one.filename) + f':{one.lineno}' for one in caught if 'synchronizing CUDA' in str(one.message)]
    assert len(waits) <= (0 if model.engine._late else 4), waits
