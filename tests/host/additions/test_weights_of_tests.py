"""A test of random weights is refused; networks without weights, and weights from elsewhere, are tested."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Callable

import pytest

from bsr_plugins.common.errors import OptionError
from bsr_plugins.host.additions.weights_of_tests import refuse_random_tests

torch = pytest.importorskip('torch')


def base_model() -> Any:
    class BaseModel:
        def __init__(self, net: Any, is_train: bool = False) -> None:
            self.net_g, self.opt = net, {'is_train': is_train, 'path': {'pretrain_network_g': None}}

        def get_bare_model(self, net: Any) -> Any:
            return net

        def validation(self) -> str:
            return 'tested'

    assert refuse_random_tests(SimpleNamespace(BaseModel=BaseModel))
    assert not refuse_random_tests(SimpleNamespace(BaseModel=BaseModel))
    return BaseModel


def network() -> Any:
    return torch.nn.Sequential(torch.nn.Conv2d(3, 3, 1), torch.nn.Conv2d(3, 3, 1))


def loaded_whole(net: Any) -> None:
    net.load_state_dict(network().state_dict())


def loaded_in_part(net: Any) -> None:
    net[0].load_state_dict(network()[0].state_dict())


def frozen(net: Any) -> None:
    net.requires_grad_(False)


@pytest.mark.parametrize('change', [loaded_whole, loaded_in_part, frozen])
def test_what_is_tested(change: Callable[[Any], None]) -> None:
    model = base_model()
    net = network()
    change(net)
    assert model(net).validation() == 'tested'


def test_a_network_without_weights_and_a_training_are_let_be() -> None:
    model = base_model()
    assert model(torch.nn.Upsample(scale_factor=2)).validation() == 'tested'
    assert model(network(), is_train=True).validation() == 'tested'


def test_random_weights_are_refused(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    model = base_model()
    net = network()
    with pytest.raises(OptionError, match='0 of 24 weights of Sequential were loaded'):
        model(net).validation()
    net.load_state_dict({'x': torch.zeros(1)}, strict=False)
    with pytest.raises(OptionError, match='train the network first'):
        model(net).validation()
