"""Sigma maps of validations and tests: as images, and in the options of metrics ("Revisiting L1 loss", Table 7)."""

from __future__ import annotations

import contextlib
import errno
import inspect
import os
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence

import numpy as np
from basicsr.utils import get_root_logger
from torch import Tensor

from bsr_plugins.common.errors import OptionError
from bsr_plugins.common.files import replacing
from bsr_plugins.common.naming import plain_name
from bsr_plugins.host.registries import find_registries
from bsr_plugins.models.constant_sigma import measuring_command, read_constant_sigma
from bsr_plugins.models.stock_model import StockModel
from bsr_plugins.runs.reports import only_a_report

#: Images show sigma times this, so that white is a sigma of 0.1: fixed, to compare them by eye.
IMAGE_GAIN = 10
#: The pack's metrics that take sigma; each gets a row for the constant sigma beside its own.
SIGMA_METRICS = ('calculate_pll', 'calculate_sigma_psnr')
_ROW = '_constant'


class SigmaMaps:
    """What ``val.sigma: true`` adds to validations and tests.

    - Metrics that take ``sigma`` are given the map of the image beside BasicSR's ``img`` and ``img2``.
    - Where images are saved, ``<result>_sigma.png`` stands beside them: 8 bit, sigma times 10, RGB as the image.
    - In a test, each metric of the sigma branch has a row ``<name>_constant`` beside it, for the constant sigma that
      ``basicsr sigma`` left beside the weights of net_g. Training has none: its weights change.

    Args:
        opt: BasicSR's options, the model's own copy: ``val.metrics`` is completed.
        present: Returns the sigma map of the image at hand, (1, C, H, W); None where there is none.
    """

    def __init__(self, opt: Dict[str, Any], present: Callable[[], Optional[Tensor]]) -> None:
        self._opt = opt
        self._present = present
        self._path: Optional[Callable[[str], str]] = None
        metrics = (opt.get('val') or {}).get('metrics')
        if metrics:
            for metric in metrics.values():
                if takes_sigma(metric):
                    metric['sigma'] = PresentMap(present)
            if not opt['is_train']:
                opt['val']['metrics'] = with_constant_rows(metrics, opt['path'])

    @contextlib.contextmanager
    def written(self, dataset: str, iteration: Any, save_images: bool) -> Iterator[None]:
        """Inside the block each map is written beside the image that BasicSR writes; without images, none is."""
        if save_images:
            self._path = lambda image: self._beside(image, dataset, iteration)
        try:
            yield
        finally:
            self._path = None

    def write(self, files: Sequence[str]) -> None:
        """Write the map of the image at hand, which was read from ``files``, where maps are to be written."""
        sigma = self._present()
        if self._path is not None and sigma is not None:
            path = self._path(os.path.splitext(os.path.basename(files[0]))[0])
            in_training = only_a_report('A picture of a validation')
            with in_training if self._opt['is_train'] else contextlib.nullcontext():
                write_sigma_map(path, sigma)

    def _beside(self, image: str, dataset: str, iteration: Any) -> str:
        opt = self._opt
        if opt['is_train']:
            parts = [image, f'{image}_{iteration}_sigma.png']
        else:
            parts = [dataset, f'{image}_{opt["val"].get("suffix") or opt["name"]}_sigma.png']
        return os.path.join(opt['path']['visualization'], *parts)


class PresentMap:
    """Stands in the options of a metric for the sigma map of the image at hand.

    BasicSR's ``calculate_metric`` makes a deep copy of the options at each call and hands them over as keywords: the
    copy of this object is the map, float32 (H, W, C).
    """

    def __init__(self, present: Callable[[], Optional[Tensor]]) -> None:
        self._present = present

    def __deepcopy__(self, memo: Dict[int, Any]) -> Optional[np.ndarray]:
        sigma = self._present()
        return None if sigma is None else sigma_array(sigma)

    def __repr__(self) -> str:
        return 'the sigma map of the image'


def wants_sigma(opt: Mapping[str, Any]) -> bool:
    """Tell whether ``val.sigma`` asks for sigma maps of a run that has the branch."""
    return bool((opt.get('val') or {}).get('sigma') and opt.get('network_sigma'))


def check_validation_takes_maps(opt: Mapping[str, Any]) -> None:
    """Refuse ``val.sigma`` where the validation of the basicsr that runs hands no map on.

    Raises:
        OptionError: A release before 1.3.
    """
    if wants_sigma(opt) and StockModel.__name__ != 'SRModel':
        raise OptionError(
            f'the validation of {StockModel.__name__} (releases of BasicSR before 1.3) passes its '
            'metrics only two images',
            where='val.sigma',
            expected='false',
            found='true',
            remedy='use a BasicSR >= 1.3 for sigma maps: net_sigma_*.pth loads there',
        )


def takes_sigma(metric: Mapping[str, Any]) -> bool:
    """Tell whether the metric of these options is one of the pack's that take sigma, or has a parameter ``sigma``."""
    name = str(metric.get('type'))
    if plain_name(name) in SIGMA_METRICS:
        return True
    registry = find_registries().get('metric')
    function = registry.find(name) or registry.find(f'{name}_basicsr') if registry is not None else None
    return callable(function) and 'sigma' in inspect.signature(function).parameters


def with_constant_rows(metrics: Mapping[str, Any], path: Mapping[str, Any]) -> Dict[str, Any]:
    """Return ``val.metrics`` with a row for the constant sigma behind each metric of the sigma branch.

    Args:
        metrics: ``val.metrics``.
        path: The options ``path``: the weights of net_g, beside which the constant sigma is kept.
    """
    rows = dict(metrics)
    taking: List[str] = [
        name
        for name, metric in metrics.items()
        if plain_name(metric.get('type')) in SIGMA_METRICS and 'constant_sigma' not in metric
    ]
    weights = path.get('pretrain_network_g')
    if not taking or not weights:
        return rows
    constant = read_constant_sigma(weights, path.get('param_key_g') or 'params')
    if constant is None:
        get_root_logger().warning(
            'No constant sigma was measured for these weights, so there is no row of a constant sigma beside '
            f'{", ".join(taking)}. To measure it: {measuring_command(weights)}'
        )
        return rows
    get_root_logger().info(f'Rows {_ROW[1:]}: the constant sigma {constant:.6f}.')
    rows = {}
    for name, metric in metrics.items():
        rows[name] = metric
        if name in taking:
            rows[name + _ROW] = {**metric, 'constant_sigma': constant}
    return rows


def sigma_array(sigma: Tensor) -> np.ndarray:
    """Return (1, C, H, W) as float32 (H, W, C), the channels in the order of BasicSR's images: BGR."""
    array = sigma[0].detach().float().cpu().numpy().transpose(1, 2, 0)
    return array[..., ::-1] if array.shape[-1] == 3 else array


def write_sigma_map(path: str, sigma: Tensor) -> None:
    """Write a sigma map (1, C, H, W) in (0, 1) as an 8-bit image, white where sigma is 0.1 or more.

    Raises:
        OSError: The image could not be written.
    """
    import cv2

    image = np.round(np.clip(sigma_array(sigma) * IMAGE_GAIN, 0, 1) * 255).astype(np.uint8)
    with replacing(path) as temporary:
        if not cv2.imwrite(str(temporary), image):
            raise OSError(errno.EIO, os.strerror(errno.EIO), path)
