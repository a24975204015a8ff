"""``val.per_class``: PSNR of each difficulty class, and of the hardest tenth, at every validation."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Set, Tuple

import numpy as np
import torch
from basicsr.utils import get_root_logger
from torch import Tensor

from bsr_plugins.common.commands import command
from bsr_plugins.common.errors import OptionError
from bsr_plugins.data.difficulty.scorers import Scorer, bicubic_scorer, network_scorer, parse_name
from bsr_plugins.data.images.luma_error import LUMA_WEIGHTS, windows_mse_by_cells
from bsr_plugins.data.sampling.class_psnr import psnr_of
from bsr_plugins.data.sampling.long_tail import classify_by_thresholds
from bsr_plugins.data.sampling.training_classes import (
    TrainingClasses,
    check_scorer_name,
    read_training_classes,
    window_difficulty,
)
from bsr_plugins.data.subimages.windows import windows
from bsr_plugins.models.part import Part


class _HeldOut(NamedTuple):
    """Windows of an image: top and left of each, its difficulty and its class."""

    corners: List[Tuple[int, int]]
    difficulty: np.ndarray
    class_index: np.ndarray


class PerClass(Part):
    """Measures the windows of validation images by the classes of the training set's windows.

    The windows of each image are scored once, when it is validated first, by the scorer of the training set, and kept.
    After that a validation costs one map of squared errors an image and its means over the windows.

    Luma, 8 bit, the border of the scorer left out along each side of a window; the PSNR of a class is that of the mean
    MSE over its windows, ``-10 log10(mean MSE)``. Images of one channel (``color: y``) count as luma; a network of RGB
    images cannot score them.

    Raises:
        OptionError, DataError: See :func:`bsr_plugins.data.sampling.training_classes.read_training_classes`; or the
            scorer is a network whose weights are not found, or that is to score luma alone.
    """

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        self._classes: Optional[TrainingClasses] = None
        self._scorer: Optional[Scorer] = None
        self._held_out: Dict[Tuple[str, str], _HeldOut] = {}
        self._dataset: Optional[str] = None
        self._mse: List[Tuple[_HeldOut, np.ndarray]] = []
        self._told: Set[str] = set()

    def build(self) -> None:
        """Read the classes."""
        opt = self.model.opt
        asked = (opt.get('val') or {}).get('per_class')
        if not asked:
            return
        classes = read_training_classes(asked, opt['datasets'].get('train'), opt['scale'])
        if classes.scorer != 'bicubic':
            _check_rgb(opt['datasets'], classes.scorer)
        self._scorer = check_scorer_name(classes, self._found_scorer(classes.scorer, classes.scale))
        self._classes = classes

    def _found_scorer(self, name: str, scale: int) -> Optional[Scorer]:
        device = str(self.model.device)
        if name == 'bicubic':
            return bicubic_scorer(scale, device)
        digest, precision = parse_name(name)
        for weights in sorted(Path(self.model.opt['root_path'], 'experiments').glob('*/models/net_g_*.pth')):
            option_files = sorted(weights.parents[1].glob('*.yml'))
            if option_files and hashlib.sha256(weights.read_bytes()).hexdigest().startswith(digest):
                return network_scorer(option_files[-1], weights, scale, device, precision)
        return None

    # ------------------------------------------------------------------ a validation
    def begin(self, dataset: str) -> None:
        """Begin to measure the images of a validation set."""
        if self._classes is not None:
            self._dataset, self._mse = dataset, []

    def measure(self) -> None:
        """Measure the images that were tested just now."""
        if self._classes is None or self._dataset is None:
            return
        model = self.model
        if not model.batch_has_gt or model.output.shape != model.gt.shape:
            if self._dataset not in self._told:
                self._told.add(self._dataset)
                get_root_logger().warning(
                    f'val.per_class: {self._dataset} has no HR images of the size of the results, so nothing is '
                    'measured by class there.'
                )
            return
        error = squared_error(model.output, model.gt).cpu().numpy()
        for index in range(len(error)):
            name = f'{model.batch_files[0] if model.batch_files else len(self._mse)}#{index}'
            held_out = self._windows((self._dataset, name), model.gt[index], model.lq[index], self._classes)
            border = self._classes.border
            mse = windows_mse_by_cells(error[index], held_out.corners, self._classes.grid.crop, border)
            self._mse.append((held_out, mse))

    def end(self, iteration: Any, tb_logger: Any) -> None:
        """Log what was measured."""
        dataset, self._dataset = self._dataset, None
        if dataset is None or not self._mse:
            return
        values = self.values()
        lines = ''.join(f'\t # {name}: {value:.4f}\n' for name, value in values.items())
        get_root_logger().info(f'Validation {dataset}\n{lines}')
        if tb_logger:
            for name, value in values.items():
                tb_logger.add_scalar(f'metrics/{dataset}/{name}', value, iteration)

    def values(self) -> Dict[str, float]:
        """Return log name -> PSNR (dB) of each class that has windows, class 0 the easiest, and of the worst decile.

        The worst decile are the windows harder than nine tenths of the training windows.
        """
        classes = self._classes
        if classes is None or not self._mse:
            return {}
        mse = np.concatenate([found for _, found in self._mse])
        index = np.concatenate([held_out.class_index for held_out, _ in self._mse])
        worst = np.concatenate([held_out.difficulty for held_out, _ in self._mse]) > classes.worst
        found = {f'psnr_class_{k}': psnr_of(mse[index == k]) for k in range(len(classes.thresholds))}
        found['psnr_worst_decile'] = psnr_of(mse[worst])
        return {name: value for name, value in found.items() if value is not None}

    def _windows(self, key: Tuple[str, str], truth: Tensor, lq: Tensor, classes: TrainingClasses) -> _HeldOut:
        scorer = self._scorer
        if key not in self._held_out and scorer is not None:
            hr, lr = (_image_array(_rgb_bytes(image)) for image in (truth, lq))
            corners = windows(hr.shape[0], hr.shape[1], classes.grid)
            difficulty = window_difficulty(hr, lr, corners, classes, scorer)
            if truth.shape[0] != len(LUMA_WEIGHTS):
                difficulty /= (
                    sum(LUMA_WEIGHTS) ** 2
                )  # scored as a grey RGB image, whose luma spans less than its values
            self._held_out[key] = _HeldOut(corners, difficulty, classify_by_thresholds(difficulty, classes.thresholds))
        return self._held_out[key]


def squared_error(sr: Tensor, truth: Tensor) -> Tensor:
    """Return the squared luma error of each pixel, 8-bit images in units of 255: (N, C, H, W) -> (N, H, W) float32.

    Three channels are RGB, as in :mod:`bsr_plugins.data.images.luma_error`; one is luma itself.
    """
    difference = (sr.detach().float().clamp(0, 1) * 255).round_().sub_(truth.float() * 255).div_(255)
    weights = LUMA_WEIGHTS if sr.shape[1] == len(LUMA_WEIGHTS) else [1 / sr.shape[1]] * sr.shape[1]
    luma = torch.tensordot(difference, difference.new_tensor(weights), dims=([1], [0]))
    return luma.square_()


def _check_rgb(datasets: Mapping[str, Any], scorer: str) -> None:
    for phase, options in datasets.items():
        if not phase.startswith('train') and isinstance(options, Mapping) and options.get('color') == 'y':
            raise OptionError(
                f'the windows of {phase} are to be scored by the network {scorer}, which takes RGB images',
                where='val.per_class',
                expected='a difficulty file scored by bicubic, for images of one channel',
                found=f'datasets.{phase}.color: y',
                remedy=f'score the LMDB by --scorer bicubic to another --out, and name that file: {command("score")}',
            )


def _rgb_bytes(images: Tensor) -> Tensor:
    return (images.detach().clamp(0, 1) * 255).round().to(torch.uint8)


def _image_array(image: Tensor) -> np.ndarray:
    array = image.cpu().numpy().transpose(1, 2, 0)
    return np.ascontiguousarray(array if array.shape[2] == 3 else np.repeat(array[..., :1], 3, axis=2))
