"""The exact commands that make the LMDBs and the difficulty file an option file asks for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

from bsr_plugins.common.commands import command, program
from bsr_plugins.common.errors import DataError
from bsr_plugins.common.shown import Lines
from bsr_plugins.data.images.image_store import is_keyed, is_store
from bsr_plugins.data.subimages.layouts import IMAGES, LMDB, names_of
from bsr_plugins.data.subimages.lmdb_manifest import read_manifest

INVERSE_TYPES = ('InverseSampledLMDBDataset', 'InverseSampledLMDBDataset_bsrp')
_UNIFORM_WINDOWS = ['--crop', '480', '--step', '240', '--thresh', '0', '--encoding', 'bmp']
_MADE_BY = '# Made by basicsr'
_HR_FOLDER, _LR_FOLDER = 'HR_FOLDER', 'LR_FOLDER'


def difficulty_path(dataset: Dict[str, Any], scale: Any) -> Optional[str]:
    """Return the difficulty file of an inverse-sampled set: its own, else ``<dataroot_gt>/difficulty_x<scale>.txt``."""
    stated = dataset.get('difficulty')
    if stated is not None:
        return str(stated)
    folder = dataset.get('dataroot_gt')
    if not isinstance(folder, (str, os.PathLike)) or scale is None:
        return None
    return str(Path(folder) / f'difficulty_x{scale}.txt')


def own_images_command(option_file: str) -> Optional[str]:
    """Return the command that stands in an option file made by `basicsr option --hr`: it makes the data, too."""
    try:
        with open(option_file, encoding='utf-8') as stream:
            line = stream.readline().rstrip('\n')
    except (OSError, ValueError):
        return None
    before, _, made_by = line.partition(_MADE_BY)
    return program() + made_by if not before and ' --hr ' in made_by else None


def lmdb_command(dataset: Dict[str, Any], uniform: Optional[Dict[str, Any]], scale: Any, root: Path) -> str:
    """Return the command that makes the LMDBs of ``dataset``, and where its names differ from the tool's, says so.

    Args:
        dataset: A data set whose ``dataroot_gt`` or ``dataroot_lq`` is one of LMDBs, or a raw image store.
        uniform: The uniform set around an inverse-sampled one, whose images that is cut from; None where there is none.
        scale: The scale factor.
        root: The working directory.
    """
    hr_lmdb, lr_lmdb = _path(dataset, 'dataroot_gt'), _path(dataset, 'dataroot_lq')
    out = (hr_lmdb or lr_lmdb or Path('.')).parent
    hr, lr = _sources(uniform or {}, root)
    arguments = [
        '--hr',
        hr,
        *([] if lr is None else ['--lr', lr]),
        '--scale',
        str(scale),
        '--out',
        str(out),
    ]
    # A set that is read uniformly needs no windows as small as the classes'; large ones are read fastest.
    windows = [] if dataset.get('type') in INVERSE_TYPES else _UNIFORM_WINDOWS
    if _layout_of(hr_lmdb or lr_lmdb) == IMAGES:
        windows = ['--layout', IMAGES]
    notes = _naming_notes(hr_lmdb, lr_lmdb, scale, out)
    if _HR_FOLDER in arguments:
        notes.insert(0, f'{_HR_FOLDER} and {_LR_FOLDER} stand for the folders of whole images')
    return Lines(''.join([command('subimages', *arguments, *windows), *(f'\n            {note}' for note in notes)]))


def difficulty_command(dataset: Dict[str, Any], scale: Any) -> str:
    """Return the command that scores the sub-images of an inverse-sampled set."""
    arguments = [
        '--hr-lmdb',
        str(_path(dataset, 'dataroot_gt')),
        '--lr-lmdb',
        str(_path(dataset, 'dataroot_lq')),
        '--scale',
        str(scale),
    ]
    stated, default = dataset.get('difficulty'), difficulty_path({**dataset, 'difficulty': None}, scale)
    if stated is not None and default is not None and Path(str(stated)) != Path(default):
        arguments += ['--out', str(stated)]
    return command('score', *arguments)


def _sources(uniform: Dict[str, Any], root: Path) -> Tuple[str, Optional[str]]:
    """Return the folders of whole images: the uniform set's, or those its LMDBs were made from, else placeholders.

    None for LR images that were made from the HR ones.
    """
    hr, lr = _path(uniform, 'dataroot_gt'), _path(uniform, 'dataroot_lq')
    return _source(hr, root, _HR_FOLDER) or _HR_FOLDER, _source(lr, root, _LR_FOLDER)


def _source(path: Optional[Path], root: Path, placeholder: str) -> Optional[str]:
    if path is None:
        return placeholder
    if not is_keyed(path):
        return str(path)
    try:
        source = read_manifest(root / path).get('source', {})
    except DataError:
        return placeholder
    return None if source is None else source.get('folder', placeholder)


def _naming_notes(hr_lmdb: Optional[Path], lr_lmdb: Optional[Path], scale: Any, out: Path) -> List[str]:
    notes, names = [], names_of(_layout_of(hr_lmdb or lr_lmdb), scale)
    for key, path, name in zip(('dataroot_gt', 'dataroot_lq'), (hr_lmdb, lr_lmdb), names):
        if path is not None and is_keyed(path) and path != out / name:
            notes.append(f'it writes {out / name}: set `{key}` to that')
    return notes


def _layout_of(path: Optional[Path]) -> str:
    return IMAGES if path is not None and is_store(path) else LMDB


def _path(dataset: Dict[str, Any], key: str) -> Optional[Path]:
    value = dataset.get(key)
    return Path(value).expanduser() if isinstance(value, str) else None
