"""Every loss: on the GPU the value and the gradient of the CPU, in half precision too, and no wait for the device."""

from __future__ import annotations

from typing import Any, Dict, Tuple

import pytest
import torch
from torch import Tensor

from bsr_plugins.host.registration import TABLE

pytestmark = pytest.mark.gpu

SHAPE = (2, 3, 16, 16)


def images(dtype: torch.dtype) -> Dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1)
    pred, target, sigma, noise = (torch.rand(SHAPE, generator=generator) for _ in range(4))
    lq = torch.nn.functional.avg_pool2d(target, 2)
    return {'pred': pred.to(dtype), 'target': target, 'sigma': 0.1 + 0.2 * sigma, 'noise': 2 * noise - 1, 'lq': lq}


def value_and_gradient(name: str, given: Dict[str, Tensor]) -> Tuple[Tensor, Tensor]:
    from basicsr.losses import build_loss

    loss = build_loss({'type': name}).to(given['pred'].device)
    more: Dict[str, Any] = {}
    if name == 'FocalPixelLoss':
        more['lq'] = given['lq']
    elif name == 'ExpectationLoss':
        more['noise'] = given['noise']
    elif name == 'UncertaintyDrivenLoss':
        more['log_variance'] = given['sigma'].log()
    pred = given['pred'].detach().requires_grad_()
    if name in ('SigmaLoss', 'UncertaintyEstimationLoss'):
        branch = given['sigma'].to(pred.dtype).detach().requires_grad_()
        value, leaf = loss(branch, pred, given['target']), branch
    else:
        value, leaf = loss(pred, given['target'], **more), pred
    return value, torch.autograd.grad(value, leaf)[0]


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16, torch.float16], ids=['fp32', 'bf16', 'fp16'])
@pytest.mark.parametrize('name', sorted(TABLE['loss']))
def test_it_is_that_of_the_cpu(name: str, dtype: torch.dtype, device: torch.device) -> None:
    on_cpu = images(dtype)
    expected = value_and_gradient(name, on_cpu)
    found = value_and_gradient(name, {key: value.to(device) for key, value in on_cpu.items()})
    for ours, theirs in zip(found, expected):
        assert ours.device.type == device.type and ours.dtype == theirs.dtype
        tolerance = 1e-5 if dtype == torch.float32 else 1e-2
        torch.testing.assert_close(ours.cpu().float(), theirs.float(), rtol=tolerance, atol=tolerance * 1e-2)


@pytest.mark.parametrize('name', sorted(TABLE['loss']))
def test_it_does_not_wait(name: str, cuda: torch.device) -> None:
    given = {key: value.to(cuda) for key, value in images(torch.float32).items()}
    value_and_gradient(name, given)
    torch.cuda.set_sync_debug_mode('error')
    try:
        value_and_gradient(name, given)
    finally:
        torch.cuda.set_sync_debug_mode('default')


def test_noise_is_drawn_on_the_device(device: torch.device) -> None:
    """The same key gives the same draws, and a network on the GPU never waits for draws of the CPU."""
    from basicsr.losses import build_loss

    from bsr_plugins.models.loss_noise import LossNoise

    loss, pred = build_loss({'type': 'ExpectationLoss'}), torch.zeros(SHAPE, device=device)
    first, again, other = (LossNoise(3).draw(loss, pred, iteration, 0) for iteration in (5, 5, 6))
    assert first.device == pred.device and torch.equal(first, again) and not torch.equal(first, other)
