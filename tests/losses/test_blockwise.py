"""Losses computed block by block: the bits of their composites, slopes, second derivatives, and what they keep."""

from __future__ import annotations

from typing import Any, Dict

import pytest
import torch
from torch import Tensor, nn

from bsr_plugins.losses import blockwise
from bsr_plugins.losses.blockwise import AbsoluteError, Formula
from bsr_plugins.losses.expectation_loss import ExpectationLoss, _Expectation
from bsr_plugins.losses.focal_pixel_loss import FocalPixelLoss, _FocalPixel
from bsr_plugins.losses.hybrid_lp_loss import HybridLpLoss, _HybridLp

SHAPE = (2, 3, 12, 8)
FORMULAS: Dict[str, Any] = {
    'absolute': AbsoluteError(),
    **{f'FPL {scope}': _FocalPixel(0.5, 1, 1, 1, scope) for scope in ('batch', 'sample', 'sample_channel')},
    'FPL by one prior': _FocalPixel(0.5, 0, 2, 1, 'batch'),
    'FPL by the other': _FocalPixel(0.5, 2, 0, 1, 'batch'),
    'FPL by none': _FocalPixel(0.5, 0, 0, 1, 'batch'),
    **{f'l_E {scope}': _Expectation(scope) for scope in ('batch', 'sample', 'none')},
    'hybrid': _HybridLp(1, 1, 0.1, 0.5, 1e-3),
    'hybrid of other weights': _HybridLp(0.3, 0.7, 1, 1.5, 1e-2),
    'hybrid without Lp': _HybridLp(1, 2, 0, 0.5, 0),
}
every_formula = pytest.mark.parametrize('name', FORMULAS)


@pytest.fixture(autouse=True, params=[64, 2**15])
def block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blockwise, '_BLOCK', request.param)


def images(seed: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(SHAPE, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def more_of(formula: Formula, dtype: torch.dtype = torch.float32) -> list:
    has_third = isinstance(formula, (_FocalPixel, _Expectation))
    return [4 * images(2, dtype) - 2 if isinstance(formula, _Expectation) else images(2, dtype)] if has_third else []


@every_formula
@pytest.mark.parametrize('layout', [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize('reduction', ['none', 'mean', 'sum'])
def test_bits_and_gradients_are_those_of_the_composite(name: str, layout: Any, reduction: str) -> None:
    formula, more, found = FORMULAS[name], more_of(FORMULAS[name]), []
    for compute in (formula.of, lambda how, *given: blockwise._reduced(formula.composite(*given), how)):
        pred, target = (images(seed).contiguous(memory_format=layout).requires_grad_() for seed in (0, 1))
        with torch.no_grad():
            pred[0, 0, 0] = target[0, 0, 0]  # no error there
        value = compute(reduction, pred, target, *more)
        found.append((value.detach(), *torch.autograd.grad(value.sum(), (pred, target))))
    assert torch.equal(found[0][0], found[1][0])
    for ours, torchs in zip(found[0][1:], found[1][1:]):
        assert torch.allclose(ours, torchs, rtol=1e-5, atol=1e-7)
    assert found[0][1][0, 0, 0].abs().max() == 0


@pytest.mark.parametrize('threshold', ['batch', 'sample', 'none'])
def test_the_slope_of_l_e_is_exact_where_noise_and_error_cancel(threshold: str) -> None:
    """Torch's own derivative of the composite adds 1 and -z there, each scaled by 1 / n, and is up to 3 % off."""
    pred, target = images(0), images(1)
    noise = (target - pred).sign() * (1 + 1e-4 * images(2))
    found = []
    for dtype in (torch.float32, torch.float64):
        output = pred.to(dtype).requires_grad_()
        loss = _Expectation(threshold).of('mean', output, target.to(dtype), noise.to(dtype))
        found.append(torch.autograd.grad(loss, output)[0].double())
    assert torch.allclose(*found, rtol=1.5e-7, atol=0)


@pytest.mark.parametrize('layout', [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize('scope', ['batch', 'sample'])
def test_an_error_equal_to_the_mean_keeps_its_noise(layout: Any, scope: str) -> None:
    pred, target, noise = torch.zeros(SHAPE), torch.ones(SHAPE).contiguous(memory_format=layout), images(2)
    found = _Expectation(scope).of('none', pred.contiguous(memory_format=layout), target, noise)
    assert torch.equal(found, (1 - noise).abs())


@every_formula
@pytest.mark.parametrize('reduction', ['none', 'mean'])
def test_gradcheck_and_the_second_derivative(name: str, reduction: str) -> None:
    formula = FORMULAS[name]
    if isinstance(formula, _FocalPixel) and formula.gamma_lp:
        formula = _FocalPixel(formula.alpha, formula.gamma_sp, 0, 1, formula.scope)  # W_lp is detached
    target, more = images(1, torch.float64), more_of(formula, torch.float64)
    pred = target + torch.where(images(3) > 0.5, 1, -1) * (0.1 + 0.2 * images(4, torch.float64))
    given = [image[:, :1, :2, :2].contiguous().requires_grad_() for image in (pred, target)]
    if isinstance(formula, _FocalPixel):
        given[1].requires_grad_(False)  # so is W_sp, of which target is a part
    rest = [image[:, :1, :2, :2].contiguous() for image in more]
    assert torch.autograd.gradcheck(lambda *two: formula.of(reduction, *two, *rest), given)
    assert torch.autograd.gradgradcheck(lambda *two: formula.of(reduction, *two, *rest), given)


@every_formula
def test_a_second_backward_pass_over_a_kept_graph(name: str) -> None:
    formula = FORMULAS[name]
    pred = images(0).requires_grad_()
    loss = formula.of('mean', pred, images(1), *more_of(formula))
    first, second = (torch.autograd.grad(loss, pred, retain_graph=True)[0] for _ in range(2))
    assert torch.equal(first, second) and first.data_ptr() != second.data_ptr()


@pytest.mark.parametrize('loss', [FocalPixelLoss(), ExpectationLoss(), HybridLpLoss()])
def test_memory_is_twice_that_of_l1_at_most(loss: nn.Module) -> None:
    """Of what a graph holds beside the images, in tensors of their size: l1_loss keeps one, the error."""
    pred, target = images(0).requires_grad_(), images(1)
    kept: Dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        kept[tensor.data_ptr()] = tensor.numel()
        return tensor

    given = {'lq': images(2)} if isinstance(loss, FocalPixelLoss) else {}
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        value = loss(pred, target, **given)
    room = value.grad_fn.next_functions[0][0].room
    kept[room.data_ptr()] = room.numel()
    own = [count for address, count in kept.items() if address not in (pred.data_ptr(), target.data_ptr())]
    assert sum(own) <= 2 * pred.numel() + 1


def test_differentiated_by_noise_or_where_no_closed_form_is_known_it_is_the_composite() -> None:
    pred, target = images(0).requires_grad_(), images(1)
    noise = images(2).requires_grad_()
    by_noise = torch.autograd.grad(_Expectation('none').of('sum', pred, target, noise), noise)[0]
    error = (target - pred).detach()
    assert torch.allclose(by_noise, -error.abs() * (error - error.abs() * noise.detach()).sign())
    assert not _FocalPixel(0.5, 1, 1, 1.5, 'batch').has_closed_form and not _HybridLp(1, 1, 1, 0.5, 0).has_closed_form


@pytest.mark.parametrize('loss', [FocalPixelLoss(), ExpectationLoss(), HybridLpLoss()])
def test_under_autocast_values_and_slopes_are_those_of_float32(loss: nn.Module) -> None:
    pred, target = images(0, torch.bfloat16), images(1)
    given = {'lq': images(2)} if isinstance(loss, FocalPixelLoss) else {}
    if isinstance(loss, ExpectationLoss):
        given = {'noise': images(2)}
    found = []
    for enabled in (True, False):
        output = (pred if enabled else pred.float()).requires_grad_()
        with torch.autocast('cpu', torch.bfloat16, enabled=enabled):
            value = loss(output, target, **given)
        found.append((value, torch.autograd.grad(value, output)[0]))
    assert torch.equal(found[0][0], found[1][0]) and found[0][1].dtype == torch.bfloat16
    assert torch.equal(found[0][1], found[1][1].bfloat16())
