"""Frozen entries stay bit for bit, whatever the optimizer; all else trains as without them."""

from __future__ import annotations

import copy
import io
import pickle
from typing import Callable, Dict

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bsr_plugins.common.errors import CheckpointError, DataError
from bsr_plugins.optim import frozen_tensor
from bsr_plugins.optim.frozen_entries import FrozenEntries

OPTIMIZERS: Dict[str, Callable] = {
    'adam': lambda p: torch.optim.Adam(p, lr=1e-2),
    'adam_foreach': lambda p: torch.optim.Adam(p, lr=1e-2, foreach=True),
    'adam_decay': lambda p: torch.optim.Adam(p, lr=1e-2, weight_decay=0.1, amsgrad=True),
    'adam_fused': lambda p: torch.optim.Adam(p, lr=1e-2, fused=True),
    'adamw': lambda p: torch.optim.AdamW(p, lr=1e-2, weight_decay=0.5),
    'sgd': lambda p: torch.optim.SGD(p, lr=1e-2, momentum=0.9, weight_decay=0.1, nesterov=True),
    'sgd_foreach': lambda p: torch.optim.SGD(p, lr=1e-2, momentum=0.9, weight_decay=0.1, foreach=True),
    'rmsprop': lambda p: torch.optim.RMSprop(p, lr=1e-2, momentum=0.9),
}


def make_net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.PReLU(), nn.Conv2d(8, 3, 3, padding=1))


def make_masks(net: nn.Module, share: float = 0.2) -> Dict[str, Tensor]:
    generator = torch.Generator().manual_seed(5)
    return {
        name: torch.rand(p.shape, generator=generator) < share for name, p in net.named_parameters() if p.dim() == 4
    }


def train(net: nn.Module, optimizer: torch.optim.Optimizer, steps: int, seed: int = 0) -> None:
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        x = torch.rand(2, 3, 8, 8, generator=generator)
        optimizer.zero_grad()
        F.l1_loss(net(x), x.flip(3)).backward()
        optimizer.step()


def snapshot(net: nn.Module) -> Dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in net.named_parameters()}


def check_frozen(net: nn.Module, before: Dict[str, Tensor], masks: Dict[str, Tensor]) -> None:
    """Frozen entries have the same bits; the others, biases among them, have moved."""
    for name, parameter in net.named_parameters():
        mask = masks.get(name, torch.zeros_like(parameter, dtype=torch.bool))
        same_bits = parameter.detach().view(torch.int32) == before[name].view(torch.int32)
        assert bool(same_bits[mask].all()), name
        assert bool((~same_bits)[~mask].all()), name


@pytest.fixture(params=['hooks', 'wrapped step'])
def torch_age(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways of following the optimizer: hooks, and what stands in for them on torch < 2.0."""
    if request.param == 'wrapped step':
        monkeypatch.delattr(torch.optim.Optimizer, 'register_step_post_hook', raising=False)
    return request.param


def build(kind: str, parameters: object) -> torch.optim.Optimizer:
    try:
        return OPTIMIZERS[kind](parameters)
    except (RuntimeError, TypeError) as error:
        pytest.skip(f'this torch has no {kind} here: {error}')


@pytest.mark.parametrize('kind', list(OPTIMIZERS))
def test_bit_exact_with_momentum_from_before(kind: str, torch_age: str) -> None:
    net, masks = make_net(), make_masks(make_net())
    optimizer = build(kind, net.parameters())
    frozen = FrozenEntries(optimizer, dict(net.named_parameters()))
    train(net, optimizer, 5)
    frozen.freeze(masks)
    before = snapshot(net)
    for _ in range(3):
        train(net, optimizer, 4)
        check_frozen(net, before, masks)
    frozen.release()
    train(net, optimizer, 1)
    after = snapshot(net)
    assert all(bool((after[name] != before[name])[mask].all()) for name, mask in masks.items())


@pytest.mark.parametrize('kind', ['adam', 'adamw', 'sgd'])
def test_the_other_entries_step_as_without_it(kind: str, torch_age: str) -> None:
    plain, held = make_net(), make_net()
    optimizers = [build(kind, net.parameters()) for net in (plain, held)]
    masks = make_masks(held)
    FrozenEntries(optimizers[1], dict(held.named_parameters())).freeze(masks)
    for net, optimizer in zip((plain, held), optimizers):
        train(net, optimizer, 1)
    for (name, p), q in zip(plain.named_parameters(), held.parameters()):
        mask = masks.get(name, torch.zeros_like(p, dtype=torch.bool))
        assert torch.equal(p[~mask], q[~mask])


def test_odd_values_are_held_bit_for_bit() -> None:
    """Minus zero, infinities, NaN and denormal numbers."""
    parameter = nn.Parameter(torch.tensor([-0.0, float('inf'), float('nan'), 1e-42, 1.0]))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    frozen = FrozenEntries(optimizer, {'p': parameter})
    frozen.freeze({'p': torch.tensor([True, True, True, True, False])})
    before = parameter.detach().clone().view(torch.int32)
    parameter.grad = torch.ones(5)
    optimizer.step()
    assert (parameter.detach().view(torch.int32) == before).tolist() == [True, True, True, True, False]


@pytest.mark.parametrize('scheduler_first', [True, False])
def test_schedulers_live_beside_it(scheduler_first: bool, torch_age: str, recwarn: pytest.WarningsRecorder) -> None:
    net, masks = make_net(), make_masks(make_net())
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    if scheduler_first:
        scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [2], 0.5)
    frozen = FrozenEntries(optimizer, dict(net.named_parameters()))
    if not scheduler_first:
        scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [2], 0.5)
    frozen.freeze(masks)
    before = snapshot(net)
    for _ in range(3):
        train(net, optimizer, 1)
        scheduler.step()
    check_frozen(net, before, masks)
    assert optimizer.param_groups[0]['lr'] == 5e-3
    assert not [w for w in recwarn if 'optimizer.step' in str(w.message)]


def test_a_closure_and_its_result_pass_through(torch_age: str) -> None:
    parameter = nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([parameter], lr=0.5)
    FrozenEntries(optimizer, {'p': parameter}).freeze({'p': torch.tensor([True, False])})

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = parameter.sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 2
    assert parameter.tolist() == [1, 0.5]


@pytest.mark.skipif(
    not hasattr(torch, 'amp') or not hasattr(torch.amp, 'GradScaler'), reason='this torch has no CPU GradScaler'
)
@pytest.mark.parametrize('overflow', [True, False])
def test_a_grad_scaler_that_skips(overflow: bool) -> None:
    net, masks = make_net(), make_masks(make_net())
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    FrozenEntries(optimizer, dict(net.named_parameters())).freeze(masks)
    scaler = torch.amp.GradScaler('cpu', init_scale=8.0)
    before = snapshot(net)
    x = torch.rand(1, 3, 8, 8)
    scaler.scale(net(x).abs().mean()).backward()
    if overflow:
        net[0].bias.grad[0] = float('inf')
    scaler.step(optimizer)
    scaler.update()
    if overflow:
        assert all(torch.equal(value, before[name]) for name, value in snapshot(net).items())
    else:
        check_frozen(net, before, masks)


def test_removed_it_holds_nothing(torch_age: str) -> None:
    net, masks = make_net(), make_masks(make_net())
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    frozen = FrozenEntries(optimizer, dict(net.named_parameters()))
    frozen.freeze(masks)
    frozen.remove()
    frozen.remove()
    before = snapshot(net)
    train(net, optimizer, 1)
    check_frozen(net, before, {})
    assert 'step' not in vars(optimizer)


def test_removed_under_another_wrapper_it_holds_nothing(torch_age: str) -> None:
    net, masks = make_net(), make_masks(make_net())
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    frozen = FrozenEntries(optimizer, dict(net.named_parameters()))
    frozen.freeze(masks)
    torch.optim.lr_scheduler.MultiStepLR(optimizer, [2], 0.5)
    frozen.remove()
    before = snapshot(net)
    train(net, optimizer, 1)
    check_frozen(net, before, {})


def test_copies_and_pickles_of_the_optimizer_work(torch_age: str) -> None:
    net, masks = make_net(), make_masks(make_net())
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    FrozenEntries(optimizer, dict(net.named_parameters())).freeze(masks)
    train(net, optimizer, 1)
    for twin in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        parameter = twin.param_groups[0]['params'][0]
        parameter.grad = torch.ones_like(parameter)
        before = parameter.detach().clone()
        twin.step()
        assert bool((parameter != before).all())
    before = snapshot(net)
    train(net, optimizer, 1)
    check_frozen(net, before, masks)


def test_two_on_one_optimizer_hold_both_sets(torch_age: str) -> None:
    net = make_net()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    masks = make_masks(net)
    names = list(masks)
    first, second = (FrozenEntries(optimizer, dict(net.named_parameters())) for _ in range(2))
    first.freeze({names[0]: masks[names[0]]})
    second.freeze({names[1]: masks[names[1]]})
    before = snapshot(net)
    train(net, optimizer, 3)
    check_frozen(net, before, masks)
    first.remove()
    train(net, optimizer, 1)
    check_frozen(net, before, {names[1]: masks[names[1]]})


def test_paused_everything_moves_and_is_then_held_where_it_is() -> None:
    net, masks = make_net(), make_masks(make_net())
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    frozen = FrozenEntries(optimizer, dict(net.named_parameters()))
    frozen.freeze(masks)
    before = snapshot(net)
    with frozen.paused():
        assert not frozen.enabled
        train(net, optimizer, 2)
    check_frozen(net, before, {})
    assert frozen.enabled
    after = snapshot(net)
    train(net, optimizer, 2)
    check_frozen(net, after, masks)


def test_a_pause_inside_a_pause_stays_paused() -> None:
    net = make_net()
    frozen = FrozenEntries(torch.optim.Adam(net.parameters()), dict(net.named_parameters()))
    frozen.enabled = False
    with frozen.paused():
        pass
    assert not frozen.enabled


@pytest.mark.parametrize('channels_last', [False, True])
def test_memory_format_storage_and_precision_may_change(channels_last: bool) -> None:
    net, masks = make_net(), make_masks(make_net())
    if channels_last:
        net = net.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-2)
    frozen = FrozenEntries(optimizer, dict(net.named_parameters()))
    frozen.freeze(masks)
    before = snapshot(net)
    train(net, optimizer, 1)
    check_frozen(net, before, masks)
    net.to(memory_format=torch.contiguous_format if channels_last else torch.channels_last)
    assert all(torch.equal(frozen.masks()[name], mask) for name, mask in masks.items())
    train(net, optimizer, 1)
    check_frozen(net, before, masks)
    assert all(torch.equal(frozen.masks()[name], mask) for name, mask in masks.items())
    for parameter in net.parameters():
        parameter.data = parameter.data.clone()
    train(net, optimizer, 1)
    check_frozen(net, before, masks)


def test_a_changed_shape_is_refused() -> None:
    parameter = nn.Parameter(torch.ones(4))
    optimizer = torch.optim.SGD([parameter], lr=0.5)
    FrozenEntries(optimizer, {'head.weight': parameter}).freeze({'head.weight': torch.ones(4, dtype=torch.bool)})
    parameter.data = torch.ones(6)
    parameter.grad = torch.ones(6)
    with pytest.raises(DataError, match=r'head\.weight(.|\n)*\(4,\)(.|\n)*\(6,\)'):
        optimizer.step()


def test_gradients_flow_after_a_step() -> None:
    """The values are written back as an optimizer writes: no error of autograd, and one where there should be one."""
    net, masks = make_net(), make_masks(make_net())
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-2)
    FrozenEntries(optimizer, dict(net.named_parameters())).freeze(masks)
    train(net, optimizer, 1)
    assert all(p.requires_grad and p.is_leaf for p in net.parameters())
    train(net, optimizer, 1)


@pytest.mark.parametrize('paused', [False, True])
def test_resumed_it_goes_on_bit_for_bit(paused: bool) -> None:
    def start() -> tuple:
        net = make_net()
        optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
        return net, optimizer, FrozenEntries(optimizer, dict(net.named_parameters()))

    net, optimizer, frozen = start()
    masks = make_masks(net)
    frozen.freeze(masks)
    frozen.enabled = not paused
    train(net, optimizer, 3)
    file = io.BytesIO()
    torch.save({'net': net.state_dict(), 'optimizer': optimizer.state_dict(), 'frozen': frozen.state_dict()}, file)
    file.seek(0)
    saved = torch.load(file, weights_only=True)

    again, second, resumed = start()
    resumed.load_state_dict(saved['frozen'])
    again.load_state_dict(saved['net'])
    second.load_state_dict(saved['optimizer'])
    assert resumed.enabled is not paused and resumed.count == frozen.count > 0
    for one, two, holder in ((net, optimizer, frozen), (again, second, resumed)):
        train(one, two, 3, seed=1)
        holder.enabled = True
        train(one, two, 3, seed=2)
    assert all(torch.equal(p, q) for p, q in zip(net.parameters(), again.parameters()))
    assert all(torch.equal(mask, resumed.masks()[name]) for name, mask in masks.items())


def test_counts_and_masks() -> None:
    net, masks = make_net(), make_masks(make_net())
    frozen = FrozenEntries(torch.optim.Adam(net.parameters()), dict(net.named_parameters()))
    assert (frozen.count, frozen.share) == (0, 0)
    frozen.freeze(masks)
    total = sum(p.numel() for p in net.parameters())
    assert frozen.count == sum(int(mask.sum()) for mask in masks.values())
    assert frozen.share == frozen.count / total
    found = frozen.masks()
    assert list(found) == [name for name, _ in net.named_parameters()]
    assert all(torch.equal(found[name], masks.get(name, torch.zeros_like(found[name]))) for name in found)
    frozen.freeze({})
    assert frozen.count == 0


def test_the_state_of_a_channels_last_net_fits_a_contiguous_one() -> None:
    masks = make_masks(make_net())
    states = []
    for layout in (torch.channels_last, torch.contiguous_format):
        net = make_net().to(memory_format=layout)
        frozen = FrozenEntries(torch.optim.Adam(net.parameters()), dict(net.named_parameters()))
        frozen.freeze(masks)
        states.append(frozen.state_dict()['tensors'])
    for name in masks:
        assert torch.equal(states[0][name]['index'], states[1][name]['index'])
        assert torch.equal(states[0][name]['values'], states[1][name]['values'])


@pytest.mark.parametrize('share', [0.0125, 0.1, 0.25])
def test_indices_take_at_most_a_byte_a_parameter(share: float) -> None:
    if share > 0.125 and not frozen_tensor._scatters_by_int32('cpu'):
        pytest.skip('this torch scatters by int64 alone: a byte a parameter reaches to a share of an eighth')
    parameter = nn.Parameter(torch.zeros(64, 64, 3, 3))
    frozen = FrozenEntries(torch.optim.SGD([parameter], lr=1.0), {'w': parameter})
    mask = torch.zeros(parameter.numel(), dtype=torch.bool)
    mask[: int(share * mask.numel())] = True
    frozen.freeze({'w': mask.view(parameter.shape)})
    assert 0 < frozen.index_bytes <= parameter.numel()


def test_few_entries_are_held_whichever_way_torch_may_write_them() -> None:
    net = make_net()
    masks = make_masks(net, share=0.05)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    frozen = FrozenEntries(optimizer, dict(net.named_parameters()))
    frozen.freeze(masks)
    assert all(entry.writer().func.__name__ == 'put_' for entry in frozen._frozen.values())
    before = snapshot(net)
    train(net, optimizer, 2)
    torch.use_deterministic_algorithms(True)
    try:
        train(net, optimizer, 2)
        assert all(write.func.__name__ == 'scatter_' for write in frozen._writers)
    finally:
        torch.use_deterministic_algorithms(False)
    check_frozen(net, before, masks)


def test_indices_are_wide_where_torch_cannot_scatter_by_narrow_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frozen_tensor, '_scatters_by_int32', lambda device: False)
    net, masks = make_net(), make_masks(make_net(), share=0.9)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    frozen = FrozenEntries(optimizer, dict(net.named_parameters()))
    frozen.freeze(masks)
    assert all(entry.index.dtype == torch.int64 for entry in frozen._frozen.values())
    before = snapshot(net)
    train(net, optimizer, 2)
    check_frozen(net, before, masks)


@pytest.mark.parametrize(
    'masks, words',
    [
        ({'nowhere': torch.ones(2, dtype=torch.bool)}, 'belongs to no parameter'),
        ({'0.bias': torch.ones(8)}, 'bool of shape'),
        ({'0.bias': torch.ones(7, dtype=torch.bool)}, r'\(8,\)(.|\n)*\(7,\)'),
    ],
)
def test_masks_that_do_not_fit_change_nothing(masks: dict, words: str) -> None:
    net = make_net()
    frozen = FrozenEntries(torch.optim.Adam(net.parameters()), dict(net.named_parameters()))
    frozen.freeze(make_masks(net))
    count = frozen.count
    with pytest.raises(DataError, match=words):
        frozen.freeze(masks)
    assert frozen.count == count


def bad_state(change: str) -> dict:
    entry = {'shape': [8], 'index': torch.tensor([0, 7], dtype=torch.int32), 'values': torch.zeros(2)}
    state = {'version': 1, 'enabled': True, 'tensors': {'0.bias': entry}}
    if change == 'version':
        state['version'] = 9
    elif change == 'name':
        state['tensors'] = {'tail.bias': entry}
    elif change == 'shape':
        entry['shape'] = [9]
    elif change == 'range':
        entry['index'] = torch.tensor([0, 8], dtype=torch.int32)
    elif change == 'length':
        entry['values'] = torch.zeros(3)
    elif change == 'no values':
        del entry['values']
    return state


@pytest.mark.parametrize(
    'change, words',
    [
        ('version', 'version 1'),
        ('name', r'lacks(.|\n)*tail\.bias'),
        ('shape', r'another shape(.|\n)*\(8,\)(.|\n)*\(9,\)'),
        ('range', r'damaged(.|\n)*0 \.\. 7'),
        ('length', r'damaged(.|\n)*2,\) indices, \(3,\) values'),
        ('no values', 'damaged'),
    ],
)
def test_states_of_another_run_are_refused_and_change_nothing(change: str, words: str) -> None:
    net = make_net()
    frozen = FrozenEntries(torch.optim.Adam(net.parameters()), dict(net.named_parameters()))
    frozen.load_state_dict(bad_state('none'))
    assert frozen.count == 2
    with pytest.raises(CheckpointError, match=words):
        frozen.load_state_dict(bad_state(change))
    assert frozen.count == 2
