"""A test and a save of a model without averaged weights."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from bsr_plugins.host.mends.absent_ema import mend_absent_ema


def fresh() -> Any:
    class SRModel:
        def test(self) -> None:
            self.output = self.net_g_ema if hasattr(self, 'ema_decay') else self.net_g

        def save(self, epoch: int, current_iter: int) -> None:
            self.saved = self.net_g_ema if hasattr(self, 'ema_decay') else self.net_g

    return SimpleNamespace(SRModel=SRModel)


def model_of(module: Any, **attributes: Any) -> Any:
    model = module.SRModel()
    vars(model).update(net_g='weights', **attributes)
    return model


def test_without_the_mend_they_are_asked_for() -> None:
    with pytest.raises(AttributeError, match='net_g_ema'):
        model_of(fresh(), ema_decay=0).test()
    with pytest.raises(AttributeError, match='net_g_ema'):
        model_of(fresh(), ema_decay=0).save(1, 2)


@pytest.mark.parametrize(
    'attributes, output',
    [({'ema_decay': 0}, 'weights'), ({}, 'weights'), ({'ema_decay': 0.9, 'net_g_ema': 'averages'}, 'averages')],
)
def test_with_the_mend_the_weights_there_are_tested(attributes: Any, output: str) -> None:
    module = fresh()
    assert mend_absent_ema(module) is True
    assert mend_absent_ema(module) is False
    model = model_of(module, **attributes)
    model.test()
    model.save(1, current_iter=2)
    assert model.output == model.saved == output
    assert {key: vars(model)[key] for key in attributes} == attributes


def test_upstream_has_no_such_defect() -> None:
    from basicsr.models import sr_model

    assert mend_absent_ema(sr_model) is False
    assert mend_absent_ema(SimpleNamespace()) is False
