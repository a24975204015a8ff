"""The points of the Riemann sums, and a network that walks the path and comes back untouched."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from bsr_plugins.attribution.parameter_path import ParameterPath, path_points
from bsr_plugins.common.errors import CheckpointError, OptionError
from cases import every


@every('steps', [1, 2, 7, 100])
@every('rule', ['left', 'right', 'midpoint', 'trapezoid'])
def test_points_are_inside_ascending_and_their_weights_sum_to_one(rule: str, steps: int) -> None:
    points = path_points(rule, steps)
    alphas = [alpha for alpha, _ in points]
    assert alphas == sorted(set(alphas)) and alphas[0] >= 0 and alphas[-1] <= 1
    assert sum(weight for _, weight in points) == pytest.approx(1)
    assert len(points) == steps + (rule == 'trapezoid')


def test_points_by_hand() -> None:
    assert path_points('left', 4) == [(0, 0.25), (0.25, 0.25), (0.5, 0.25), (0.75, 0.25)]
    assert path_points('right', 4) == [(0.25, 0.25), (0.5, 0.25), (0.75, 0.25), (1, 0.25)]
    assert path_points('midpoint', 2) == [(0.25, 0.5), (0.75, 0.5)]
    assert path_points('trapezoid', 2) == [(0, 0.25), (0.5, 0.5), (1, 0.25)]


@pytest.mark.parametrize('rule, exact_degree', [('left', 0), ('right', 0), ('midpoint', 1), ('trapezoid', 1)])
def test_each_rule_integrates_its_degree_exactly(rule: str, exact_degree: int) -> None:
    def integral(degree: int) -> float:
        return sum(weight * alpha**degree for alpha, weight in path_points(rule, 5))

    assert integral(exact_degree) == pytest.approx(1 / (exact_degree + 1))
    assert integral(exact_degree + 1) != pytest.approx(1 / (exact_degree + 2))


def test_a_misspelled_rule_names_the_closest() -> None:
    with pytest.raises(OptionError, match="did you mean 'midpoint'"):
        path_points('midpont', 8)


@pytest.mark.parametrize('steps', [0, -1, 2.5, True])
def test_no_step_is_refused(steps: object) -> None:
    with pytest.raises(OptionError, match='whole number >= 1'):
        path_points('left', steps)


def small_net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.PReLU(), nn.Conv2d(4, 3, 3))


def states(net: nn.Module) -> tuple:
    baseline = {name: value.clone() for name, value in net.state_dict().items()}
    target = {name: value + 1 if value.is_floating_point() else value + 5 for name, value in baseline.items()}
    return baseline, target


def test_the_path_starts_at_the_baseline_and_ends_at_the_target() -> None:
    net = small_net()
    baseline, target = states(net)
    path = ParameterPath(net, baseline, target)
    with path.walking():
        for alpha in (0.0, 0.25, 1.0):
            path.move_to(alpha)
            for name, parameter in net.named_parameters():
                torch.testing.assert_close(parameter.detach(), baseline[name] + alpha)
            # Buffers, counters too, are the target's all along the path.
            assert torch.equal(net[1].running_mean, target['1.running_mean'])
            assert net[1].num_batches_tracked == target['1.num_batches_tracked']


@pytest.mark.parametrize('fails', [False, True])
def test_the_network_comes_back_untouched(fails: bool) -> None:
    net = small_net()
    net.train()
    net[1].eval()
    net[3].bias.requires_grad_(False)
    net[0].weight.grad = torch.ones_like(net[0].weight)
    grad = net[0].weight.grad
    before = {name: value.clone() for name, value in net.state_dict().items()}
    addresses = [p.data_ptr() for p in net.parameters()]
    path = ParameterPath(net, *states(net))
    try:
        with path.walking():
            path.move_to(0.5)
            assert not any(module.training for module in net.modules())
            assert all(p.requires_grad for p in net.parameters())
            net(torch.rand(1, 3, 8, 8)).sum()
            if fails:
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        assert fails
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert [p.data_ptr() for p in net.parameters()] == addresses
    assert [module.training for module in net] == [True, False, True, True] and net.training
    assert [p.requires_grad for p in net.parameters()] == [True] * 6 + [False]
    assert net[0].weight.grad is grad and torch.equal(grad, torch.ones_like(grad))


def test_a_shared_parameter_stands_once() -> None:
    net = small_net()
    net.add_module('twin', net[0])
    path = ParameterPath(net, *states(net))
    assert path.names == [name for name, _ in small_net().named_parameters()]


def test_a_state_that_lacks_a_parameter_is_refused() -> None:
    net = small_net()
    baseline, target = states(net)
    del baseline['3.bias']
    with pytest.raises(CheckpointError, match=r'baseline of the attribution lacks(.|\n)*3\.bias'):
        ParameterPath(net, baseline, target)


def test_a_state_of_another_shape_is_refused() -> None:
    net = small_net()
    baseline, target = states(net)
    target['0.weight'] = target['0.weight'][:2]
    with pytest.raises(CheckpointError, match=r'target of the attribution(.|\n)*0\.weight(.|\n)*\(2, 3, 3, 3\)'):
        ParameterPath(net, baseline, target)


def test_half_precision_is_refused() -> None:
    net = small_net().to(torch.bfloat16)
    with pytest.raises(OptionError, match='bfloat16'):
        ParameterPath(net, net.state_dict(), net.state_dict())
