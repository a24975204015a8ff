"""The constant sigma, E|y - mu| over the training set: the baseline row of Table 7 of "Revisiting L1 loss"."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, Tuple

import numpy as np
from tqdm import tqdm

from bsr_plugins.common.builders import build_dataset
from bsr_plugins.common.errors import CheckpointError, DataError, OptionError
from bsr_plugins.common.files import PathLike, write_text
from bsr_plugins.common.naming import plain_name
from bsr_plugins.data.dataset_options import PAIRED_TYPES
from bsr_plugins.data.difficulty.scorers import choose_device
from bsr_plugins.data.images.data_roots import paths_of
from bsr_plugins.data.images.image_store import is_keyed, is_store
from bsr_plugins.data.sampling.pair_reader import PairedImages
from bsr_plugins.models.constant_sigma import constant_sigma_path
from bsr_plugins.options.option_file import read_option_file


def measure_constant_sigma(
    opt: PathLike, weights: PathLike, param_key: str = 'params', device: str = 'auto'
) -> Dict[str, Any]:
    """Measure the mean of |y - mu| over whole images of the training set, and write it beside the weights.

    mu is the image that BasicSR's metrics see: clamped and rounded to 8 bit; all RGB elements of all images count
    alike. The square root of the mean squared error, the best constant in the sense of Eq. 11, is written beside it.

    Args:
        opt: The option file of the training: ``network_g``, ``scale`` and ``datasets.train`` are read.
        weights: ``net_g_*.pth``.
        param_key: ``params`` or ``params_ema``.
        device: ``auto``, ``cpu`` or ``cuda``.

    Returns:
        ``constant_sigma``, ``rmse`` (of images in [0, 1]) and ``images``; the file holds them under ``param_key``.

    Raises:
        OptionError: The option file has no network or no paired training set.
        DataError: The training set is empty, or its images do not fit.
        CheckpointError: There are no such weights.
    """
    from bsr_plugins.models.rebalanced_sr_model import RebalancedSRModel

    options = read_option_file(opt).options
    whole = _whole_images(options, opt)
    # Several roots, and stores, are read by the pack alone.
    roots = paths_of(whole.get('dataroot_gt'))
    images = PairedImages(whole) if len(roots) > 1 or any(is_store(root) for root in roots) else None
    dataset: Any = build_dataset(whole) if images is None else images
    if not len(dataset):
        raise DataError('the training set is empty', where=f'{opt}: datasets.train')
    if not Path(weights).is_file():
        raise CheckpointError('the weights are missing', where=weights, expected='net_g_*.pth of the training')
    model = RebalancedSRModel(
        {
            'is_train': False,
            'dist': False,
            'rank': 0,
            'world_size': 1,
            'val': None,
            'num_gpu': int(choose_device(device).startswith('cuda')),
            'scale': options.get('scale', 1),
            'network_g': options['network_g'],
            'path': {'pretrain_network_g': str(weights), 'param_key_g': param_key, 'strict_load_g': True},
        }
    )
    absolute = squared = 0.0
    count = 0
    for index in tqdm(range(len(dataset)), desc='constant sigma', unit='image', mininterval=1):
        sample = dataset[index] if images is None else images.whole_sample(index)
        absolute_one, squared_one, count_one = _errors(model, sample)
        absolute, squared, count = absolute + absolute_one, squared + squared_one, count + count_one
    result = {'constant_sigma': absolute / count, 'rmse': (squared / count) ** 0.5, 'images': len(dataset)}
    _write(weights, param_key, result)
    return result


def _errors(model: Any, sample: Dict[str, Any]) -> Tuple[float, float, int]:
    from basicsr.utils import tensor2img

    model.feed_data({'lq': sample['lq'].unsqueeze(0), 'gt': sample['gt'].unsqueeze(0)})
    model.test()
    visuals = model.get_current_visuals()
    mu, y = (tensor2img([visuals[key]]).astype(np.float64) / 255 for key in ('result', 'gt'))
    error = np.abs(y - mu)
    return float(error.sum()), float((error**2).sum()), error.size


def _whole_images(options: Dict[str, Any], opt: PathLike) -> Dict[str, Any]:
    train = (options.get('datasets') or {}).get('train') or {}
    kind = plain_name(train.get('type'))
    if kind not in PAIRED_TYPES or not options.get('network_g'):
        raise OptionError(
            'the option file is not of a training on image pairs',
            where=f'{opt}: datasets.train.type',
            expected='network_g and one of ' + ', '.join(PAIRED_TYPES),
            found=repr(train.get('type')),
        )
    kept = ('dataroot_gt', 'dataroot_lq', 'meta_info_file', 'filename_tmpl', 'io_backend', 'mean', 'std', 'color')
    backend = 'lmdb' if all(is_keyed(root) for root in paths_of(train.get('dataroot_gt'))) else 'disk'
    return {
        'io_backend': {'type': backend},
        **{key: train[key] for key in kept if key in train},
        'type': 'PairedImageDataset',
        'name': train.get('name', 'train'),
        'phase': 'val',
        'scale': options.get('scale', 1),
    }


def _write(weights: PathLike, param_key: str, result: Dict[str, Any]) -> None:
    path = constant_sigma_path(weights)
    try:
        record = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError):
        record = {}
    record[param_key] = result
    write_text(path, json.dumps(record, indent=1) + '\n')
