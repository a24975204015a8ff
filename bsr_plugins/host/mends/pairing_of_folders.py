"""Mend: pairing the images of two folders takes time that grows with the square of their number.

``paired_paths_from_folder`` looks each name up in a list, and asks for the relative path of each file: 41 s for the
85,000 images of LSDIR. The code is basicsr/data/data_util.py.
"""

from __future__ import annotations

import functools
import os
from types import ModuleType
from typing import Any, Dict, List, Sequence

from bsr_plugins.host.patches import names_used, replace_function, texts_used

_MARK = 'mended_by_bsr_plugins'
_NAME = 'paired_paths_from_folder'
# What upstream's code refers to and says; a fork's other way of pairing is left alone.
_NAMES = {'list', 'scandir', 'len', 'osp', 'splitext', 'basename', 'format', 'join', 'append', 'dict'}
_TEXTS = {' is not in ', '_paths.', ' datasets have different number of images: '}


def mend_pairing_of_folders(module: ModuleType) -> bool:
    """Look names up in a set: the same pairs in the same order, the same errors.

    Returns:
        True where the function was mended, False where it was already, or is not upstream's.
    """
    upstream = getattr(module, _NAME, None)
    if upstream is None or hasattr(upstream, _MARK):
        return False
    if set(names_used(upstream)) - {'AssertionError'} != _NAMES or not set(texts_used(upstream)) >= _TEXTS:
        return False

    @functools.wraps(upstream)
    def paired_paths_from_folder(
        folders: Sequence[Any], keys: Sequence[str], filename_tmpl: str
    ) -> List[Dict[str, str]]:
        if len(folders) != 2 or len(keys) != 2:
            return upstream(folders, keys, filename_tmpl)
        return _pairs(folders, keys, filename_tmpl)

    setattr(paired_paths_from_folder, _MARK, True)
    replace_function(module, _NAME, paired_paths_from_folder)
    return True


def _pairs(folders: Sequence[Any], keys: Sequence[str], filename_tmpl: str) -> List[Dict[str, str]]:
    (input_folder, gt_folder), (input_key, gt_key) = folders, keys
    input_names, gt_names = _files(input_folder), _files(gt_folder)
    if len(input_names) != len(gt_names):
        raise AssertionError(
            f'{input_key} and {gt_key} datasets have different number of images: {len(input_names)}, {len(gt_names)}.'
        )
    known = set(input_names)
    paths = []
    for gt_name in gt_names:
        basename, ext = os.path.splitext(gt_name)
        input_name = f'{filename_tmpl.format(basename)}{ext}'
        if input_name not in known:
            raise AssertionError(f'{input_name} is not in {input_key}_paths.')
        paths.append(
            {
                f'{input_key}_path': os.path.join(input_folder, input_name),
                f'{gt_key}_path': os.path.join(gt_folder, gt_name),
            }
        )
    return paths


def _files(folder: Any) -> List[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries if not entry.name.startswith('.') and entry.is_file()]
