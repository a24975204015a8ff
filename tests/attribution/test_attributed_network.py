"""A network is attributed frozen and in eval mode, and is afterwards as it was."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from bsr_plugins.attribution.attributed_network import InputFormat, WholeWindows, frozen_in_eval, place_of
from bsr_plugins.common.errors import OptionError


def test_modes_flags_and_random_state_come_back_after_an_exception_too() -> None:
    net = nn.Sequential(nn.Conv2d(1, 1, 1), nn.Dropout(), nn.BatchNorm2d(1))
    net[1].eval()
    net[0].bias.requires_grad_(False)
    modes = [module.training for module in net.modules()]
    flags = [each.requires_grad for each in net.parameters()]
    state = torch.get_rng_state()
    with pytest.raises(KeyError), torch.no_grad(), frozen_in_eval(net, torch.device('cpu')) as inner:
        assert torch.is_grad_enabled()
        assert not any(module.training for module in inner.modules())
        assert not any(each.requires_grad for each in inner.parameters())
        torch.rand(3)
        raise KeyError
    assert [module.training for module in net.modules()] == modes
    assert [each.requires_grad for each in net.parameters()] == flags
    assert torch.equal(torch.get_rng_state(), state)


def test_precision_is_the_networks() -> None:
    lq = torch.zeros(1, dtype=torch.float16)
    assert place_of(nn.Conv2d(1, 1, 1).double(), lq)[1] == torch.float64
    assert place_of(nn.Conv2d(1, 1, 1), lq.double())[1] == torch.float32
    assert place_of(torch.neg, lq)[1] == torch.float32
    assert place_of(nn.Identity(), lq.double())[1] == torch.float64
    with pytest.raises(OptionError, match='full precision'):
        place_of(nn.Conv2d(1, 1, 1).half(), lq)


class NeedsWindows(nn.Module):
    def forward(self, lq: torch.Tensor) -> torch.Tensor:
        assert not any(side % 4 for side in lq.shape[-2:])
        return lq.repeat_interleave(2, -1).repeat_interleave(2, -2)


@pytest.mark.parametrize('sides', [(4, 8), (5, 6), (1, 3)])
def test_whole_windows_at_any_size(sides: tuple) -> None:
    lq = torch.rand(2, 3, *sides)
    assert torch.equal(WholeWindows(NeedsWindows(), 4)(lq), lq.repeat_interleave(2, -1).repeat_interleave(2, -2))


def test_a_network_that_needs_its_memory_in_order_gets_it_so() -> None:
    seen = []

    def network(images: torch.Tensor) -> torch.Tensor:
        seen.append(images.is_contiguous())
        return images.view(len(images), -1)

    feed = InputFormat(network, torch.device('cpu'))
    images = torch.rand(2, 3, 4, 4)
    assert torch.equal(feed(images), images.flatten(1))
    feed(images)
    assert seen == [False, True, True]
    with pytest.raises(RuntimeError, match='other'):
        InputFormat(_broken, torch.device('cpu'))(images)


def _broken(images: torch.Tensor) -> torch.Tensor:
    raise RuntimeError('other')
