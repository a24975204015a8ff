"""A validation that reduces over processes, in a run of one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.distributed

from bsr_plugins.host.mends.single_process_validation import mend_single_process_validation


def fresh() -> Any:
    class NAFNets:
        def dist_validation(self, dataloader: Any, fails: bool = False) -> float:
            metrics = torch.tensor([float(dataloader), 2.0])
            torch.distributed.reduce(metrics, dst=0)
            if fails:
                raise OSError('disk')
            return float(metrics[0] / metrics[1])

        def nondist_validation(self, *args: Any, **kwargs: Any) -> float:
            return self.dist_validation(*args, **kwargs)

    class Restormers:
        def dist_validation(self, dataloader: Any) -> float:
            return self.nondist_validation(dataloader)

        def nondist_validation(self, dataloader: Any) -> float:
            return float(dataloader)

    return SimpleNamespace(NAFNets=NAFNets, Restormers=Restormers, torch=torch)


def test_without_the_mend_a_process_group_is_asked_for() -> None:
    with pytest.raises((RuntimeError, ValueError), match='process group'):
        fresh().NAFNets().nondist_validation(3)


def test_with_the_mend_one_process_is_enough() -> None:
    module, reduce = fresh(), torch.distributed.reduce
    untouched = module.Restormers.nondist_validation
    assert mend_single_process_validation(module) is True
    assert mend_single_process_validation(module) is False
    assert module.NAFNets().nondist_validation(3) == 1.5
    with pytest.raises(OSError, match='disk'):
        module.NAFNets().nondist_validation(3, fails=True)
    assert torch.distributed.reduce is reduce
    assert module.Restormers.nondist_validation is untouched
    with pytest.raises((RuntimeError, ValueError), match='process group'):
        module.NAFNets().dist_validation(3)


def test_in_a_process_group_the_reduction_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    module, asked = fresh(), []
    mend_single_process_validation(module)
    monkeypatch.setattr(torch.distributed, 'is_initialized', lambda: True)
    monkeypatch.setattr(torch.distributed, 'reduce', lambda metrics, dst: asked.append(dst))
    module.NAFNets().nondist_validation(3)
    assert asked == [0]
