"""BSPA's parts on the GPU: attribution as on the CPU, frozen entries under every kind of Adam."""

from __future__ import annotations

import copy
from typing import Any, Dict, List

import pytest
import torch
from torch import Tensor, nn

from bsr_plugins.attribution.integrated_gradients import parameter_attribution
from bsr_plugins.attribution.ranking import select_frozen
from bsr_plugins.optim.frozen_entries import FrozenEntries

pytestmark = pytest.mark.gpu

OPTIMIZERS: Dict[str, Dict[str, Any]] = {
    'one by one': {'foreach': False},
    'foreach': {'foreach': True},
    'fused': {'fused': True},
    'capturable': {'capturable': True},
}


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 3, 3, padding=1))


def test_a_round_is_that_of_the_cpu(device: torch.device, full_precision: None) -> None:
    """In float32: scores differ in their last bits, and frozen entries are the same but for a few at the edge."""
    net = network()
    target = copy.deepcopy(net.state_dict())
    baseline = {name: value + 0.05 * torch.randn(value.shape) for name, value in target.items()}
    batches = [(torch.rand(2, 3, 16, 16), torch.rand(2, 3, 16, 16)) for _ in range(3)]
    expected = parameter_attribution(net, baseline, target, batches, progress=False)
    moved = copy.deepcopy(net).to(device)
    found = parameter_attribution(moved, baseline, target, batches, progress=False)
    assert found.completeness_gap == pytest.approx(expected.completeness_gap, abs=1e-3)
    for name, score in found.scores.items():
        assert score.device.type == device.type
        torch.testing.assert_close(score.cpu(), expected.scores[name], rtol=1e-3, atol=1e-5)
    ours, theirs = (select_frozen(scores, 0.1, 'global') for scores in (found.scores, expected.scores))
    differing = sum(int((ours[name].cpu() != theirs[name]).sum()) for name in ours)
    assert differing <= 4 and sum(int(mask.sum()) for mask in theirs.values()) > 80


@pytest.mark.parametrize('format_', [torch.contiguous_format, torch.channels_last], ids=['rows', 'channels_last'])
@pytest.mark.parametrize('kind', OPTIMIZERS)
def test_frozen_entries_hold(kind: str, format_: torch.memory_format, device: torch.device) -> None:
    if device.type != 'cuda' and kind == 'capturable':
        pytest.skip('CUDA is absent, and torch captures nothing on the CPU')
    net = network().to(device).to(memory_format=format_)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2, weight_decay=0.1, **OPTIMIZERS[kind])
    frozen = FrozenEntries(optimizer, dict(net.named_parameters()))
    step(net, optimizer, device)
    generator = torch.Generator().manual_seed(1)
    masks = {
        name: (torch.rand(p.shape, generator=generator) < 0.3).to(device)
        for name, p in net.named_parameters()
        if p.dim() == 4
    }
    frozen.freeze(masks)
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    for _ in range(3):
        step(net, optimizer, device)
    assert_held(net, before, masks)

    # As after a resume: everything on the CPU, into a network that lies on the device.
    state = frozen.state_dict()
    assert all(part['values'].device.type == 'cpu' for part in state['tensors'].values())
    frozen.load_state_dict(state)
    step(net, optimizer, device)
    assert_held(net, before, masks)


def step(net: nn.Module, optimizer: torch.optim.Optimizer, device: torch.device) -> None:
    optimizer.zero_grad()
    net(torch.rand(2, 3, 8, 8, device=device)).square().mean().backward()
    optimizer.step()


def assert_held(net: nn.Module, before: Dict[str, Tensor], masks: Dict[str, Tensor]) -> None:
    moved: List[bool] = []
    for name, p in net.named_parameters():
        if name in masks:
            assert torch.equal(p[masks[name]], before[name][masks[name]]), name
            moved.append(bool((p != before[name])[~masks[name]].all()))
    assert moved and all(moved)


def test_writing_back_does_not_wait(cuda: torch.device) -> None:
    net = network().to(cuda)
    frozen = FrozenEntries(torch.optim.Adam(net.parameters()), dict(net.named_parameters()))
    frozen.freeze({name: torch.rand_like(p) < 0.3 for name, p in net.named_parameters() if p.dim() == 4})
    torch.cuda.set_sync_debug_mode('error')
    try:
        frozen.restore()
        frozen.enabled = False
        frozen.enabled = True
    finally:
        torch.cuda.set_sync_debug_mode('default')
