"""Training states with numpy scalars."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, Iterator

import numpy as np
import pytest

from bsr_plugins.host.mends.numpy_scalars import mend_numpy_scalars


class Retinexformers:
    def save_training_state(self, epoch: int, current_iter: int, **kwargs: Any) -> dict:
        return {'iter': current_iter, 'best_metric': kwargs['best_metric']}


class Upstreams:
    def save_training_state(self, epoch: int, current_iter: int) -> dict:
        return {'iter': current_iter}


@pytest.fixture
def torch() -> Iterator[Any]:
    import torch

    if not hasattr(torch.serialization, 'add_safe_globals'):
        pytest.skip('this torch has no weights_only default')
    before = torch.serialization.get_safe_globals()
    torch.serialization.clear_safe_globals()
    yield torch
    torch.serialization.clear_safe_globals()
    torch.serialization.add_safe_globals(before)


def test_a_state_with_a_best_metric_loads(torch: Any, tmp_path: Path) -> None:
    path = tmp_path / '6.state'
    torch.save({'best_metric': {'psnr': np.float64(27.5), 'ssim': np.float32(0.5), 'iter': 6}}, path)
    with pytest.raises(Exception, match='numpy'):
        torch.load(path, weights_only=True)
    module = SimpleNamespace(BaseModel=Retinexformers)
    assert mend_numpy_scalars(module) is True
    assert mend_numpy_scalars(module) is False
    assert torch.load(path, weights_only=True)['best_metric'] == {'psnr': 27.5, 'ssim': 0.5, 'iter': 6}


@pytest.mark.parametrize('module', [SimpleNamespace(BaseModel=Upstreams), SimpleNamespace()])
def test_nothing_is_declared_where_no_such_state_is_saved(torch: Any, module: Any) -> None:
    assert mend_numpy_scalars(module) is False
    assert torch.serialization.get_safe_globals() == []
