"""Sigma maps as arrays in the order of BasicSR's images, as images, and in the options of metrics."""

from __future__ import annotations

from pathlib import Path
from typing import Any, List

import numpy as np
import pytest
import torch

from bsr_plugins.models.sigma_maps import SigmaMaps, sigma_array, takes_sigma, wants_sigma, write_sigma_map

SIGMA = torch.tensor([0.02, 0.05, 0.5]).view(1, 3, 1, 1).expand(1, 3, 4, 6)


def test_channels_are_ordered_as_tensor2img_orders_them() -> None:
    from basicsr.utils import tensor2img

    array = sigma_array(SIGMA)
    assert array.shape == (4, 6, 3) and array.dtype == np.float32
    assert np.allclose(array[0, 0], [0.5, 0.05, 0.02])
    assert np.abs(array * 255 - tensor2img(SIGMA.clone())).max() <= 0.51
    assert sigma_array(SIGMA[:, :1]).shape == (4, 6, 1)


def test_images_are_white_from_a_tenth_on(tmp_path: Path) -> None:
    import cv2

    path = tmp_path / 'set' / 'image_sigma.png'
    write_sigma_map(str(path), SIGMA)
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert image.shape == (4, 6, 3) and image[0, 0].tolist() == [255, 128, 51]
    assert list(path.parent.iterdir()) == [path]


@pytest.fixture
def metrics() -> Any:
    """A metric that takes sigma and one that takes everything but, registered in BasicSR."""
    from basicsr.utils.registry import METRIC_REGISTRY

    def probe_sigma_metric(img: Any, img2: Any, sigma: Any = None, **kwargs: Any) -> float:
        return float(sigma.mean())

    def probe_plain_metric(img: Any, img2: Any, **kwargs: Any) -> float:
        return float('sigma' in kwargs)

    for probe in (probe_sigma_metric, probe_plain_metric):
        if probe.__name__ not in METRIC_REGISTRY:
            METRIC_REGISTRY.register(probe)
    return {'mean': {'type': 'probe_sigma_metric'}, 'plain': {'type': 'probe_plain_metric'}}


def test_metrics_that_take_sigma_get_the_map_of_the_image_at_hand(metrics: Any) -> None:
    from basicsr.metrics import calculate_metric

    present = [torch.full((1, 3, 4, 6), 0.25)]
    opt = {'is_train': True, 'path': {}, 'val': {'sigma': True, 'metrics': metrics}}
    SigmaMaps(opt, lambda: present[0])
    data = {'img': np.zeros((4, 6, 3), np.uint8), 'img2': np.zeros((4, 6, 3), np.uint8)}

    def values() -> List[float]:
        return [calculate_metric(data, metric) for metric in opt['val']['metrics'].values()]

    assert values() == [0.25, 0.0]
    present[0] = present[0] * 2
    assert values() == [0.5, 0.0], 'each image has its own map'


def test_the_pack_s_metrics_take_sigma_and_basicsr_s_do_not() -> None:
    import basicsr.metrics  # noqa: F401  (fills the registry)

    for name, takes in (('calculate_pll', True), ('calculate_sigma_psnr_bsrp', True), ('calculate_psnr', False)):
        assert takes_sigma({'type': name}) is takes
    assert not takes_sigma({'type': 'no_such_metric'})


@pytest.mark.parametrize(
    'opt, wanted',
    [
        ({'val': {'sigma': True}, 'network_sigma': {'type': 'SigmaBranch'}}, True),
        ({'val': {'sigma': True}}, False),
        ({'val': {'sigma': False}, 'network_sigma': {'type': 'SigmaBranch'}}, False),
        ({'val': None, 'network_sigma': {'type': 'SigmaBranch'}}, False),
    ],
)
def test_maps_are_made_where_they_are_asked_for(opt: dict, wanted: bool) -> None:
    assert wants_sigma(opt) is wanted
