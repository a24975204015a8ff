"""Sigma maps of validations and tests: as pictures, and in the data of the metrics ("Revisiting L1 loss", Table 7)."""

from __future__ import annotations

import contextlib
import os
from typing import Any, Callable, Dict, Iterator, Mapping, Optional

import numpy as np
import torch
from basicsr.utils import get_root_logger
from torch import Tensor

from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.common.files import replacing
from bsr_plugins.common.naming import plain_name
from bsr_plugins.models.constant_sigma import measuring_command, read_constant_sigma
from bsr_plugins.models.stock_model import StockModel

#: Pictures show sigma times this, so that white is a sigma of 0.1: fixed, to compare pictures by eye.
PICTURE_GAIN = 10
#: Metrics that take sigma; each gets a row for the constant sigma beside its own.
SIGMA_METRICS = ('calculate_pll', 'calculate_sigma_psnr')
_ROW = '_constant'


class SigmaMaps:
    """Mixin over :class:`SigmaTraining`: ``val.sigma: true`` computes the sigma map of each output.

    - Metrics are given it as ``sigma`` beside BasicSR's ``img`` and ``img2``.
    - Where pictures are saved, ``<result>_sigma.png`` stands beside them: 8 bit, sigma times 10, RGB as the image.
    - In a test, each metric of the sigma branch has a row ``<name>_constant`` beside it, for the constant sigma that
      ``basicsr sigma`` left beside the weights of net_g. Training has none: its weights change.

    Without ``val.sigma`` nothing of this is built or run.
    """

    def __init__(self, opt: Dict[str, Any]) -> None:
        self._write_map: Optional[Callable[[], None]] = None
        if wants_sigma(opt) and StockModel.__name__ != 'SRModel':
            raise OptionError(
                f'the validation of {StockModel.__name__} (releases of BasicSR before 1.3) hands its '
                'metrics two images and nothing else',
                where='val.sigma',
                expected='false',
                found='true',
                remedy='look at the sigma maps in a BasicSR >= 1.3: net_sigma_*.pth loads there',
            )
        super().__init__(opt)
        if not self.is_train and wants_sigma(self.opt):
            self._build_sigma()
            self.net_sigma.eval()
            self._add_constant_rows()

    def _add_constant_rows(self) -> None:
        metrics = (self.opt['val'] or {}).get('metrics') or {}
        taking = [
            name
            for name, metric in metrics.items()
            if plain_name(metric.get('type')) in SIGMA_METRICS and 'constant_sigma' not in metric
        ]
        path = self.opt['path']
        if not taking or not path.get('pretrain_network_g'):
            return
        constant = read_constant_sigma(path['pretrain_network_g'], path.get('param_key_g') or 'params')
        if constant is None:
            get_root_logger().warning(
                'No constant sigma was measured for these weights, so nothing stands beside '
                f'{", ".join(taking)}. It is made by: '
                f'{measuring_command(path["pretrain_network_g"])}'
            )
            return
        get_root_logger().info(f'Rows {_ROW[1:]}: the constant sigma {constant:.6f}.')
        rows: Dict[str, Any] = {}
        for name, metric in metrics.items():
            rows[name] = metric
            if name in taking:
                rows[name + _ROW] = {**metric, 'constant_sigma': constant}
        self.opt['val']['metrics'] = rows

    def test(self) -> None:
        """Super-resolve ``lq``; where ``val.sigma`` asks for it, leave the sigma map of the output in ``sigma``."""
        if self.net_sigma is None or not wants_sigma(self.opt):
            super().test()
            return
        net, tap = self.net_sigma, self.tap
        if hasattr(self, 'net_sigma_ema'):
            net, tap = self.net_sigma_ema, self.tap_ema
        with tap:
            super().test()
        with torch.no_grad():
            sigma = self.get_bare_model(net)(tap.take())
        # Networks with windows are tested on padded images.
        self.sigma = sigma[..., : self.output.shape[-2], : self.output.shape[-1]]
        if self._write_map is not None:
            self._write_map()

    def validation(self, dataloader: Any, current_iter: int, tb_logger: Any, *args: Any, **kwargs: Any) -> Any:
        """Validate as BasicSR does, with sigma maps where they are asked for."""
        if self.net_sigma is None or not wants_sigma(self.opt):
            return super().validation(dataloader, current_iter, tb_logger, *args, **kwargs)
        if args[0] if args else kwargs.get('save_img', False):
            name = dataloader.dataset.opt['name']
            self._write_map = lambda: write_sigma_map(self._map_path(name, current_iter), self.sigma)
        try:
            with more_metric_data(type(self).nondist_validation, lambda: {'sigma': sigma_array(self.sigma)}):
                return super().validation(dataloader, current_iter, tb_logger, *args, **kwargs)
        finally:
            self._write_map = self.sigma = None

    def _map_path(self, dataset: str, current_iter: Any) -> str:
        """Return where the map goes: beside the picture that BasicSR writes."""
        image = os.path.splitext(os.path.basename(self._files[0]))[0]
        if self.is_train:
            parts = (image, f'{image}_{current_iter}_sigma.png')
        else:
            parts = (dataset, f'{image}_{self.opt["val"].get("suffix") or self.opt["name"]}_sigma.png')
        return os.path.join(self.opt['path']['visualization'], *parts)


def wants_sigma(opt: Mapping[str, Any]) -> bool:
    """Tell whether ``val.sigma`` asks for sigma maps of a run that has the branch."""
    return bool((opt.get('val') or {}).get('sigma') and opt.get('network_sigma'))


def sigma_array(sigma: Tensor) -> np.ndarray:
    """Return (1, C, H, W) as float32 (H, W, C), the channels in the order of BasicSR's pictures: BGR."""
    array = sigma[0].detach().float().cpu().numpy().transpose(1, 2, 0)
    return array[..., ::-1] if array.shape[-1] == 3 else array


def write_sigma_map(path: str, sigma: Tensor) -> None:
    """Write a sigma map (1, C, H, W) in (0, 1) as an 8-bit picture, white where sigma is 0.1 or more.

    Raises:
        DataError: The picture could not be written.
    """
    import cv2

    picture = np.round(np.clip(sigma_array(sigma) * PICTURE_GAIN, 0, 1) * 255).astype(np.uint8)
    with replacing(path) as temporary:
        if not cv2.imwrite(str(temporary), picture):
            raise DataError('a sigma map could not be written', where=path)


@contextlib.contextmanager
def more_metric_data(validate: Callable[..., Any], more: Callable[[], Dict[str, Any]]) -> Iterator[None]:
    """Add ``more()`` to what a model's validation hands to its metrics, inside the block.

    BasicSR's loop calls ``calculate_metric`` with data that it makes itself; in its module, or that of the fork's model
    which overrides the loop, the name stands for a function that adds to them.
    """
    names = validate.__globals__
    original = names.get('calculate_metric')
    if original is None:
        get_root_logger().warning(
            f'The metrics of {validate.__module__} get no sigma map: it does not use calculate_metric.'
        )
        yield
        return
    names['calculate_metric'] = lambda data, opt: original({**data, **more()}, opt)
    try:
        yield
    finally:
        names['calculate_metric'] = original
