"""What every registered network keeps: built by its name, exact sizes, state dict, determinism, autocast, gradients."""

from __future__ import annotations

import copy
import inspect
import pickle
from typing import Any, Dict

import pytest
import torch

from bsr_plugins.host.registration import TABLE
from cases import case, every
from cpu_autocast import skip_without_autocast

#: What a network needs beside its defaults and the scale, and what makes a large one small.
NEEDED: Dict[str, Dict[str, Any]] = {
    'BicubicResidual': {'base': {'type': 'FSRCNN', 'd': 8, 's': 4, 'm': 1}},
    'BSRNet': {'num_feat': 8, 'num_fmg': 3, 'num_rb': 1},
    'SRResNet': {'num_feat': 8, 'num_block': 2},
    'MSRN': {'num_feat': 8, 'num_block': 2},
    'VDSR': {'num_feat': 8, 'num_layer': 4},
    'IDN': {'num_feat': 16, 'num_block': 1, 'd': 4},
}
NAMES = sorted(TABLE['arch'])


def options(name: str, upscale: int) -> Dict[str, Any]:
    needed = copy.deepcopy(NEEDED.get(name, {}))
    if 'base' in needed:
        needed['base']['upscale'] = upscale
    return {'type': name, 'upscale': upscale, **needed}


def build(name: str, upscale: int = 2, seed: int = 0) -> torch.nn.Module:
    from basicsr.archs import build_network

    torch.manual_seed(seed)
    return build_network(options(name, upscale))


def example(network: torch.nn.Module, height: int = 7, width: int = 5) -> torch.Tensor:
    parameters = inspect.signature(type(network).__init__).parameters
    channels = parameters['num_in_ch'].default if 'num_in_ch' in parameters else 3
    return torch.rand(2, channels, height, width, generator=torch.Generator().manual_seed(1))


@every('upscale', [1, 2, 3, 4])
@every('name', NAMES)
def test_built_by_name_with_exact_sizes(name, upscale):
    given = options(name, upscale)
    before = copy.deepcopy(given)
    from basicsr.archs import build_network

    network = build_network(given)
    assert given == before
    assert type(network).__name__ == name and network.upscale == upscale
    with torch.no_grad():
        assert network(example(network)).shape == (2, 3, 7 * upscale, 5 * upscale)


@pytest.mark.parametrize('name', NAMES)
def test_state_dict_round_trip(name):
    network, other = build(name).eval(), build(name, seed=1).eval()
    inputs = example(network)
    with torch.no_grad():
        assert not torch.equal(network(inputs), other(inputs))
        missing, unexpected = other.load_state_dict(network.state_dict())
        assert (list(missing), list(unexpected)) == ([], [])
        assert torch.equal(network(inputs), other(inputs))
        assert torch.equal(network(inputs), pickle.loads(pickle.dumps(network))(inputs))


@pytest.mark.parametrize('name', NAMES)
def test_the_same_seed_gives_the_same_network_and_a_pass_changes_nothing(name):
    network = build(name).eval()
    assert all(
        torch.equal(one, other) for one, other in zip(network.state_dict().values(), build(name).state_dict().values())
    )
    before = copy.deepcopy(network.state_dict())
    inputs = example(network)
    kept = inputs.clone()
    with torch.no_grad():
        assert torch.equal(network(inputs), network(inputs))
    assert torch.equal(inputs, kept)
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())


@pytest.mark.parametrize('name', NAMES)
def test_each_sample_stands_for_itself(name):
    network = build(name).double().eval()
    inputs = example(network).double()
    with torch.no_grad():
        assert (network(inputs)[1:] - network(inputs[1:])).abs().max() < 1e-12


@pytest.mark.parametrize('name', NAMES)
def test_gradients_reach_every_parameter_and_the_input(name):
    network = build(name)
    inputs = example(network).requires_grad_()
    network(inputs).square().mean().backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in network.parameters())
    assert inputs.grad.abs().sum() > 0


@pytest.mark.parametrize('name', NAMES)
def test_trains_under_bf16_autocast(name):
    skip_without_autocast(torch.bfloat16)
    network = build(name)
    inputs = example(network)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        output = network(inputs)
    output.float().mean().backward()
    assert all(
        parameter.grad.dtype == torch.float32 and parameter.grad.isfinite().all() for parameter in network.parameters()
    )


@every('dtype', [torch.bfloat16, torch.float16])
@every('name', NAMES)
def test_a_network_in_half_precision_is_near_the_whole_one(name, dtype):
    skip_without_autocast(dtype)
    network = build(name).eval()
    inputs = example(network)
    with torch.no_grad():
        exact, output = network(inputs), network.to(dtype)(inputs.to(dtype))
    assert output.dtype == dtype and (output.float() - exact).abs().max() < 0.05 * exact.abs().max() + 0.01


def test_a_mean_is_taken_from_the_input_and_added_to_the_output():
    means = []
    for name in NAMES:
        network, plain = build(name).eval(), build(name).eval()
        if hasattr(network, 'mean'):
            plain.mean.zero_()
            x = example(network)
            with torch.no_grad(), case(name):
                torch.testing.assert_close(network(x), plain(x - network.mean) + network.mean)
            means.append(name)
    assert means == ['BSRNet', 'CARN', 'MSRN']
