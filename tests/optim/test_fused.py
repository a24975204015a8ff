"""Fused Adam: recognised, switched, and made to leave an update out."""

from __future__ import annotations

from typing import Any, Dict, List

import pytest
import torch
from torch import Tensor

from bsr_plugins.optim.frozen_entries import FrozenEntries
from bsr_plugins.optim.fused import is_fused, leaves_out, may_fuse, set_fused, step_unless, takes_fused

CPU = torch.device('cpu')
KINDS = (torch.optim.Adam, torch.optim.AdamW)
needs_fused = pytest.mark.skipif(not leaves_out(torch.optim.Adam, CPU), reason='no fused Adam on this CPU')


def parameter() -> Tensor:
    return torch.linspace(-1, 1, 5).requires_grad_()


def values(optimizer: Any, weight: Tensor) -> List[Tensor]:
    return [weight.detach().clone(), *(value.clone() for _, value in sorted(optimizer.state[weight].items()))]


@pytest.mark.parametrize(
    'given, may', [({}, True), ({'fused': False}, False), ({'foreach': False}, False), ({'capturable': True}, False)]
)
@pytest.mark.parametrize('kind', KINDS)
def test_only_what_says_nothing_may_be_fused(kind: Any, given: Dict[str, bool], may: bool) -> None:
    optimizer = kind([parameter()], lr=0.1, **given)
    assert may_fuse(optimizer) is may and takes_fused(optimizer) and not is_fused(optimizer)


def test_another_optimizer_is_left_alone() -> None:
    class Own(torch.optim.Adam):
        pass

    for optimizer in (torch.optim.SGD([parameter()], lr=0.1), Own([parameter()], lr=0.1)):
        assert not (takes_fused(optimizer) or may_fuse(optimizer) or is_fused(optimizer))


@needs_fused
@pytest.mark.parametrize('options', [{}, {'weight_decay': 0.1, 'amsgrad': True}])
@pytest.mark.parametrize('kind', KINDS)
def test_a_bad_update_is_none(kind: Any, options: Dict[str, Any]) -> None:
    """Good ones are those of a step as ever, with bad ones before, between and behind them."""
    weight, plain = parameter(), parameter()
    optimizer, reference = kind([weight], lr=0.1, fused=True, **options), kind([plain], lr=0.1, fused=True, **options)
    frozen = FrozenEntries(optimizer, {'w': weight})
    frozen.freeze({'w': torch.tensor([True, False, False, False, False])})
    for number, bad in enumerate([1.0, 0.0, 1.0, 0.0, 1.0]):
        weight.grad = torch.full_like(weight, float('nan') if bad else number + 1.0)
        step_unless(optimizer, torch.tensor(bad))
        if not bad:
            plain.grad = torch.full_like(plain, number + 1.0)
            reference.step()
            plain.data[0] = -1  # frozen
    assert all(map(torch.equal, values(optimizer, weight), values(reference, plain)))
    assert float(optimizer.state[weight]['step']) == 2 and not hasattr(optimizer, 'found_inf')


@needs_fused
def test_switched_on_it_is_one_that_was_built_so() -> None:
    weight, plain = parameter(), parameter()
    optimizer, reference = torch.optim.Adam([weight], lr=0.1), torch.optim.Adam([plain], lr=0.1, fused=True)
    set_fused(optimizer, True)
    optimizer.add_param_group({'params': [parameter()]})
    assert is_fused(optimizer) and optimizer._step_supports_amp_scaling
    for one, kind in ((weight, optimizer), (plain, reference)):
        one.grad = torch.ones_like(one)
        kind.step()
    assert all(map(torch.equal, values(optimizer, weight), values(reference, plain)))
    set_fused(optimizer, None, True)
    assert not is_fused(optimizer) and not optimizer._step_supports_amp_scaling
    optimizer.step()
    assert optimizer.param_groups[0]['foreach'] and float(optimizer.state[weight]['step']) == 2


def test_whether_a_torch_leaves_out_is_tried() -> None:
    class Deaf(torch.optim.Adam):
        def step(self, closure: Any = None) -> Any:
            del self.found_inf
            self.found_inf = None
            return super().step(closure)

    assert not leaves_out(Deaf, CPU) and not leaves_out(torch.optim.RMSprop, CPU)
