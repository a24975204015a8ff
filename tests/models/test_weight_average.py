"""The average of weights: the bits of BasicSR's own, also after the weights have got other storage."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from bsr_plugins.models.upstream_code import is_upstreams
from bsr_plugins.models.weight_average import WeightAverage


@pytest.mark.parametrize('has_foreach', [True, False])
@pytest.mark.parametrize('decay', [0, 0.5, 0.999])
def test_bits_of_basicsr(decay: float, has_foreach: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    from basicsr.models.base_model import BaseModel

    if not has_foreach:
        monkeypatch.delattr(torch, '_foreach_mul_')

    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Conv2d(8, 3, 3))
    ours = copy.deepcopy(net)
    model = BaseModel.__new__(BaseModel)
    model.net_g, model.net_g_ema = net, copy.deepcopy(net)
    average = WeightAverage(net, ours)
    for _ in range(3):
        for parameter in net.parameters():
            parameter.data = parameter.data + torch.randn_like(parameter)
        average.update(decay)
        BaseModel.model_ema(model, decay)
    assert is_upstreams(BaseModel.model_ema)
    for one, other in zip(ours.parameters(), model.net_g_ema.parameters()):
        assert torch.equal(one, other) and one.grad is None


@pytest.mark.parametrize('replaced', ['net', 'average'])
def test_parameters_that_are_replaced_are_followed(replaced: str) -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 3, 3))
    ours = copy.deepcopy(net)
    average = WeightAverage(net, ours)
    average.update(0.5)
    first = (net if replaced == 'net' else ours)[0]
    first.weight = nn.Parameter(first.weight.detach() + 1)
    average.update(0)
    assert all(map(torch.equal, ours.parameters(), net.parameters()))
