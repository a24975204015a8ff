"""The step between backward pass and changed weights: plain, accumulated, clipped, scaled, left out, resumed."""

from __future__ import annotations

import copy
from typing import List

import pytest
import torch
from torch import Tensor, nn

from bsr_plugins.common.errors import OptionError
from bsr_plugins.models.engine_options import EngineOptions
from bsr_plugins.models.precision import grad_scaler
from bsr_plugins.models.training_step import TrainingStep, _norm_of_rows, flat_norm, total_norm
from bsr_plugins.optim.frozen_entries import FrozenEntries
from cpu_autocast import needs_cpu_fp16

CPU = torch.device('cpu')


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 3, 3, padding=1))


def step_of(model: nn.Module, **options: object) -> TrainingStep:
    return TrainingStep(EngineOptions.from_train(options), torch.optim.SGD(model.parameters(), lr=0.1), CPU)


def batches(count: int) -> List[Tensor]:
    return list(torch.rand(count, 2, 3, 8, 8, generator=torch.Generator().manual_seed(1)))


def run(model: nn.Module, step: TrainingStep, data: List[Tensor], first: int = 1) -> None:
    for iteration, batch in enumerate(data, start=first):
        if step.begins_update(iteration):
            step.optimizer.zero_grad()
        with step.autocast():
            output = model(step.prepared(batch))
        step.backward((output.float() - batch).abs().mean())
        if step.ends_update(iteration):
            step.gradient_norm()
            step.update()


def test_accumulated_batches_are_one_large_one() -> None:
    one, many = net(), net()
    data = batches(4)
    run(many, step_of(many, accumulate=4), data)
    run(one, step_of(one), [torch.cat(data)])
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(one.parameters(), many.parameters()))
    assert not torch.equal(one[0].weight, net()[0].weight)


def test_the_place_in_an_update_follows_from_the_iteration() -> None:
    step = step_of(net(), accumulate=3)
    assert [step.begins_update(i) for i in range(1, 8)] == [True, False, False, True, False, False, True]
    assert [step.ends_update(i) for i in range(1, 8)] == [False, False, True, False, False, True, False]


@pytest.mark.parametrize('precision', [{}, pytest.param({'amp': 'fp16'}, marks=needs_cpu_fp16), {'amp': 'bf16'}])
def test_clipping_bounds_the_unscaled_norm(precision: dict) -> None:
    model = net()
    step = step_of(model, grad_clip=1e-3, **precision)
    with step.autocast():
        output = model(batches(1)[0])
    step.backward((output.float() - 1).pow(2).mean())
    before = float(step.gradient_norm())
    assert 0.01 < before < 100  # not times the scale of 65536
    assert float(total_norm([p.grad for p in model.parameters()], CPU)) == pytest.approx(1e-3, rel=1e-3)


def test_total_norm() -> None:
    gradients = [torch.tensor([[3.0]]), torch.tensor([0.0, 4.0])]
    assert total_norm(gradients, CPU) == 5 and total_norm([], CPU) == 0
    assert not torch.isfinite(total_norm([*gradients, torch.tensor(float('inf'))], CPU))


@needs_cpu_fp16
@pytest.mark.parametrize('overflow, scale', [(True, 32768.0), (False, 65536.0)])
def test_an_update_left_out_changes_nothing_but_the_scale(overflow: bool, scale: float) -> None:
    model = net()
    step = step_of(model, amp='fp16')
    frozen = FrozenEntries(step.optimizer, dict(model.named_parameters()))
    frozen.freeze({'0.weight': torch.ones_like(model[0].weight, dtype=torch.bool)})
    before = copy.deepcopy(model.state_dict())
    step.backward(model(batches(1)[0]).mean() * float('inf'))
    step.gradient_norm()
    step.leave_out(overflow)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert step.scaler.get_scale() == scale
    run(model, step, batches(1))  # goes on
    assert torch.equal(model[0].weight, before['0.weight']) and not torch.equal(model[2].weight, before['2.weight'])


@pytest.mark.parametrize('options', [{}, pytest.param({'amp': 'fp16'}, marks=needs_cpu_fp16), {'channels_last': True}])
def test_a_resume_inside_an_update_is_exact(options: dict) -> None:
    def start() -> nn.Module:
        model = net()
        return model.to(memory_format=torch.channels_last) if options.get('channels_last') else model

    data = batches(6)
    whole = start()
    step = step_of(whole, accumulate=3, **options)
    run(whole, step, data[:4])
    saved = copy.deepcopy((whole.state_dict(), step.optimizer.state_dict(), step.state(4)))
    run(whole, step, data[4:], first=5)

    resumed = start()
    other = step_of(resumed, accumulate=3, **options)
    resumed.load_state_dict(saved[0])
    other.optimizer.load_state_dict(saved[1])
    other.load_state(saved[2])
    run(resumed, other, data[4:], first=5)
    assert all(torch.equal(a, b) for a, b in zip(resumed.parameters(), whole.parameters()))
    assert step.state(6)['gradients'] is None


def test_a_precision_that_the_device_lacks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.amp, 'GradScaler', raising=False)
    with pytest.raises(OptionError, match='fp16 is not trained on cpu') as caught:
        grad_scaler('fp16', CPU)
    assert caught.value.where == 'train.amp'
    assert grad_scaler('bf16', CPU) is None


def test_the_norm_in_few_calls_is_that_of_all_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    shapes = [(4, 3, 3, 3), (2, 3, 3, 3), (5,), (), (1, 2), (3, 2)]
    gradients = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]
    gradients[0] = gradients[0].contiguous(memory_format=torch.channels_last)
    expected = torch.cat([gradient.flatten() for gradient in gradients]).norm()
    cpu = torch.device('cpu')
    torch.testing.assert_close(flat_norm(gradients, cpu), expected)
    torch.testing.assert_close(_norm_of_rows(gradients), expected)
    monkeypatch.delattr(torch, '_foreach_norm')
    monkeypatch.delattr(nn.utils, 'get_total_norm', raising=False)
    torch.testing.assert_close(flat_norm(gradients, cpu), expected)
    assert flat_norm([], cpu) == 0 and not torch.isfinite(_norm_of_rows([*gradients, torch.tensor([float('inf')])]))
