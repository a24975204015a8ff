"""What shapes a run, kept in its training states: the options and the training data, compared when it is resumed."""

from __future__ import annotations

import os
import zlib
from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional, Tuple

import numpy as np

from bsr_plugins.runs.data_fingerprint import data_fingerprint

#: Key of a training state, of stock models too; BasicSR ignores it.
RECORD_KEY = 'bsr_plugins_run'

# Sections and keys that change no weight: a key path and all below it, `*` for any one name. Whatever is not here
# counts, whoever reads it.
_WITHOUT_EFFECT = tuple(
    tuple(path.split('.'))
    for path in (
        'name',
        'path',
        'logger',
        'val',
        'is_train',
        'auto_resume',
        'root_path',
        'dist',
        'rank',
        'world_size',
        'dist_params',
        'manual_seed',
        'datasets.train.name',
        'datasets.train.pin_memory',
        'datasets.train.persistent_workers',
        'datasets.train.num_prefetch_queue',
        'datasets.train.use_shuffle',
        'datasets.train.uint8',
        'datasets.train.inverse.uint8',
    )
)
# Of data sets that number their draws: who makes them, and when, is all the same.
_WITHOUT_EFFECT_ON_NUMBERED = frozenset({'datasets.train.num_worker_per_gpu', 'datasets.train.prefetch_mode'})
# Where the length of a run shapes what comes before its end.
_LENGTH, _NEEDS_LENGTH = 'train.total_iter', 'train.bspa.'
_LISTS_OF_NAMES = ('paths', '_gt_paths', '_keys', 'keys')
_OF_VALIDATION_IMAGES = frozenset({'dataroot_gt', 'dataroot_lq', 'dataroot', 'meta_info_file', 'color', 'type'})
_OTHERS = 'are others now'
_LISTS_OF_FILES = ('paths', '_gt_paths', '_lq_paths')


class Difference(NamedTuple):
    """A value that is another one now; ``shapes`` tells whether the weights depend on it."""

    key: str
    before: Any
    now: Any
    shapes: bool

    def __str__(self) -> str:
        if self.now == _OTHERS:
            return f'{self.key} {_OTHERS}'
        return f'{self.key} was {_shown(self.before)} and is {_shown(self.now)} now'


def flat_options(opt: Mapping[str, Any]) -> Dict[str, Any]:
    """Return key path -> plain value of all options that may shape a run."""
    return {
        '.'.join(keys): value
        for keys, value in _leaves(opt, ())
        if not any(keys[: len(path)] == path for path in _WITHOUT_EFFECT)
        and not (keys[0] == 'datasets' and len(keys) > 1 and keys[1] != 'train')
    }


def validation_options(opt: Mapping[str, Any]) -> Dict[str, Any]:
    """Return key path -> plain value of what the values of validations depend on: metrics and images."""
    sets = {key: value for key, value in (opt.get('datasets') or {}).items() if key.split('_')[0] == 'val'}
    metrics = (opt.get('val') or {}).get('metrics') or {}
    return {
        '.'.join(keys): value
        for keys, value in _leaves({'val': {'metrics': metrics}, 'datasets': sets}, ())
        if keys[0] == 'val' or keys[-1] in _OF_VALIDATION_IMAGES
    }


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> List[Difference]:
    """Return what differs between flat options, in the order of the present ones."""
    return [
        Difference(key, before.get(key), now.get(key), True)
        for key in dict.fromkeys([*now, *before])
        if before.get(key) != now.get(key)
    ]


def run_record(options: Mapping[str, Any], data_sets: Mapping[str, Any], length: Optional[int]) -> Dict[str, Any]:
    """Return what a training state keeps: plain values, small, and cheap to make.

    Args:
        options: Of :func:`flat_options`, as they were before a model took anything out of them.
        data_sets: What it is -> training data set.
        length: Samples of one process in an epoch; None where unknown.
    """
    data = {name: _describe(dataset) for name, dataset in data_sets.items() if dataset is not None}
    return {'options': dict(options), 'data': data, 'samples_per_epoch': length}


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> List[Difference]:
    """Return what differs between two records, the options in the order of the present ones."""
    old, new = before['options'], now['options']
    numbered = bool(now['data'].get('train', {}).get('numbered'))
    needs_length = any(key.startswith(_NEEDS_LENGTH) or key == _NEEDS_LENGTH[:-1] for key in new)
    found = [
        each._replace(shapes=each.key != _LENGTH or needs_length)
        for each in changes(old, new)
        if not (numbered and each.key in _WITHOUT_EFFECT_ON_NUMBERED)
    ]
    for name, data in now['data'].items():
        earlier = before['data'].get(name, {})
        what = 'training images' if name == 'train' else f'images of datasets.train.{name}'
        if earlier.get('images') != data['images']:
            found.append(Difference(f'the number of {what}', earlier.get('images'), data['images'], True))
        elif any(earlier[key] != data[key] for key in data if key in earlier):
            found.append(Difference(f'the {what}, or what was measured on them,', _OTHERS, _OTHERS, True))
    return found


def _describe(dataset: Any) -> Dict[str, Any]:
    """Return length, names, files and measurements of a data set, all but the first as checksums."""
    inner = getattr(dataset, 'dataset', dataset)
    parts = [vars(inner), *(vars(getattr(inner, name)) for name in ('images', '_images') if hasattr(inner, name))]
    names = next((part[key] for part in parts for key in _LISTS_OF_NAMES if _is_list(part.get(key))), ())
    files = [entry for part in parts for key in _LISTS_OF_FILES if _is_list(part.get(key)) for entry in part[key]]
    # By convention what a data set has found in its data ends in an underscore (class_thresholds_).
    measured = [part[key] for part in parts for key in sorted(part) if key.endswith('_') and key[0] != '_']
    return {
        'images': len(dataset),
        'names': _checksum(_name(entry) for entry in names),
        'files': data_fingerprint(inner, files),
        'measured': _checksum(array.tobytes() for array in measured if isinstance(array, np.ndarray)),
        'numbered': bool(getattr(dataset, 'draws_by_number', False)),
    }


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple, np.ndarray)) and len(value) > 0


def _name(entry: Any) -> bytes:
    """Return the file name of a path, of a key, or of a pair of paths, without its folder."""
    values = entry.values() if isinstance(entry, Mapping) else [entry]
    return b'|'.join(os.path.basename(value if isinstance(value, bytes) else str(value).encode()) for value in values)


def _checksum(pieces: Iterable[bytes]) -> int:
    total = 0
    for piece in pieces:
        total = zlib.crc32(piece + b'\n', total)
    return total


def _leaves(value: Any, keys: Tuple[str, ...]) -> List[Tuple[Tuple[str, ...], Any]]:
    if isinstance(value, Mapping) and value:
        return [leaf for key in value for leaf in _leaves(value[key], (*keys, str(key)))]
    return [(keys, _plain(value))]


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, (list, tuple)) else str(value)


def _shown(value: Any) -> str:
    text = 'not set' if value is None else str(value)
    return text if len(text) <= 80 else f'{text[:77]}...'
