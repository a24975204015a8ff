"""torchvision.transforms.functional_tensor."""

from __future__ import annotations

import importlib
import sys

import pytest

from bsr_plugins.host import import_hooks

NAME = 'torchvision.transforms.functional_tensor'


@pytest.fixture
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    torchvision = pytest.importorskip('torchvision')
    if tuple(int(part) for part in torchvision.__version__.split('.')[:2]) < (0, 17):
        pytest.skip('this torchvision has the module')
    monkeypatch.delitem(sys.modules, NAME, raising=False)


def test_without_the_mend_it_is_missing(forgotten: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(import_hooks._fallback_finder().builders, NAME)
    with pytest.raises(ModuleNotFoundError, match='functional_tensor'):
        importlib.import_module(NAME)


def test_with_the_mend_it_has_what_basicsr_takes(forgotten: None) -> None:
    import torch

    module = importlib.import_module(NAME)
    gray = module.rgb_to_grayscale(torch.tensor([1.0, 2.0, 3.0]).reshape(1, 3, 1, 1), num_output_channels=1)
    assert gray.shape == (1, 1, 1, 1)
    assert gray.item() == pytest.approx(0.2989 * 1 + 0.587 * 2 + 0.114 * 3, abs=1e-5)


def test_torchvision_itself_missing_stays_an_error(forgotten: None) -> None:
    with pytest.raises(ModuleNotFoundError, match='no_torchvision'):
        importlib.import_module('no_torchvision.transforms.functional_tensor')
