"""Sigma maps as arrays in the order of BasicSR's pictures, as pictures, and in the data of metrics."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from bsr_plugins.models.sigma_maps import more_metric_data, sigma_array, wants_sigma, write_sigma_map

SIGMA = torch.tensor([0.02, 0.05, 0.5]).view(1, 3, 1, 1).expand(1, 3, 4, 6)


def test_channels_are_ordered_as_tensor2img_orders_them() -> None:
    from basicsr.utils import tensor2img

    array = sigma_array(SIGMA)
    assert array.shape == (4, 6, 3) and array.dtype == np.float32
    assert np.allclose(array[0, 0], [0.5, 0.05, 0.02])
    assert np.abs(array * 255 - tensor2img(SIGMA.clone())).max() <= 0.51
    assert sigma_array(SIGMA[:, :1]).shape == (4, 6, 1)


def test_pictures_are_white_from_a_tenth_on(tmp_path: Path) -> None:
    import cv2

    path = tmp_path / 'set' / 'image_sigma.png'
    write_sigma_map(str(path), SIGMA)
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert picture.shape == (4, 6, 3) and picture[0, 0].tolist() == [255, 128, 51]
    assert list(path.parent.iterdir()) == [path]


def test_metrics_get_more_data_inside_the_block_alone() -> None:
    names = {}
    exec(
        'def calculate_metric(data, opt):\n    return data, opt\n'  # a module of its own, as a fork's is
        'def validate():\n    return calculate_metric({"img": 1}, 2)\n',
        names,
    )
    original = names['calculate_metric']
    with pytest.raises(KeyError), more_metric_data(names['validate'], lambda: {'sigma': 3}):
        assert names['validate']() == ({'img': 1, 'sigma': 3}, 2)
        raise KeyError('a metric fails')
    assert names['calculate_metric'] is original


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
