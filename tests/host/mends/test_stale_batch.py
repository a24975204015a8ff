"""Nothing of a training batch is left in a validation; a metric without an HR image is NaN, and said."""

from __future__ import annotations

import logging
import math
from types import SimpleNamespace
from typing import Any, Dict

import pytest

from bsr_plugins.host.mends import stale_batch


class Model:
    def feed_data(self, data: Dict[str, Any]) -> None:
        self.lq = data['lq']
        if 'gt' in data:
            self.gt = data['gt']

    def validation(self, data: Dict[str, Any]) -> bool:
        self.feed_data(data)
        return hasattr(self, 'gt')


class Masked(Model):
    def feed_data(self, data: Dict[str, Any]) -> None:
        super().feed_data(data)
        if 'mask' in data:
            self.mask = data['mask']


def test_what_a_batch_left_is_forgotten() -> None:
    base = type('BaseModel', (Model,), {'validation': Model.validation})
    assert stale_batch.mend_stale_batch(SimpleNamespace(BaseModel=base))
    assert not stale_batch.mend_stale_batch(SimpleNamespace(BaseModel=base))
    model = type('Derived', (base, Masked), {'feed_data': Masked.feed_data})()
    model.kept = 3
    model.feed_data({'lq': 1, 'gt': 2, 'mask': 4})
    assert model.validation({'lq': 5}) is False
    assert vars(model) == {'kept': 3, 'lq': 5}
    assert model.validation({'lq': 5, 'gt': 6}) is True


def test_a_metric_without_an_hr_image(caplog: pytest.LogCaptureFixture) -> None:
    import numpy as np

    def psnr(img: Any, img2: Any, crop_border: int) -> float:
        return float('nan') if crop_border else 3.0

    def niqe(img: Any) -> float:
        return 5.0

    metrics = {'psnr': psnr, 'niqe': niqe}

    def calculate_metric(data: Dict[str, Any], opt: Dict[str, Any]) -> float:
        return metrics[opt['type']](**data, **{key: value for key, value in opt.items() if key != 'type'})

    module = SimpleNamespace(calculate_metric=calculate_metric, METRIC_REGISTRY=SimpleNamespace(get=metrics.get))
    assert stale_batch.mend_metric_without_gt(module)
    stale_batch._say_once.cache_clear()
    image = np.zeros((4, 4, 3))
    with caplog.at_level(logging.WARNING, 'basicsr'):
        assert math.isnan(module.calculate_metric({'img': image}, {'type': 'psnr', 'crop_border': 0}))
        assert math.isnan(module.calculate_metric({'img': image}, {'type': 'psnr', 'crop_border': 0}))
        assert module.calculate_metric({'img': image}, {'type': 'niqe'}) == 5.0
        assert module.calculate_metric({'img': image, 'img2': image}, {'type': 'psnr', 'crop_border': 0}) == 3.0
        assert math.isnan(module.calculate_metric({'img': image, 'img2': image}, {'type': 'psnr', 'crop_border': 2}))
    assert [record.message.split(': ')[1][:20] for record in caplog.records] == [
        'the set that is test',
        'of an image of 4 x 4',
    ]
