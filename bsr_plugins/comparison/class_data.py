"""Makes what methods with difficulty classes train on: scored sub-images of the base's training images."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Callable, Mapping, Optional, Tuple

from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.common.files import replacing
from bsr_plugins.common.locks import HeldFile, Holder, hold
from bsr_plugins.data.images.image_store import is_keyed
from bsr_plugins.data.images.name_lists import key_in, read_lines
from bsr_plugins.options.templates.setting import OwnData

_WAIT = 2.0
_HEAD = 1 << 16
_ROOTS = ('dataroot_gt', 'dataroot_lq')
_REMEDY = 'or name scored sub-images in the base: datasets.train.inverse, with dataroot_gt and dataroot_lq'


def make_classes(options: Mapping[str, Any], out: Path, root: Path, progress: bool = True) -> OwnData:
    """Make the sub-images of the training images of ``options`` and their difficulty by bicubic, and return them.

    What is there already, and is of these images, stays; interrupted at any moment, the same call continues.

    Args:
        options: The base's options.
        out: Folder for what is made; the caller holds it (:func:`held_by_one`).
        root: The folder that relative paths start from.
        progress: Show bars on stderr.

    Raises:
        DataError: The training set holds no images that could be cut, or there is no room.
    """
    from bsr_plugins.data.difficulty.scorers import bicubic_scorer, choose_device
    from bsr_plugins.data.difficulty.scoring import score_difficulty
    from bsr_plugins.data.own.windows import classes_for
    from bsr_plugins.data.subimages.subimage_lmdb import create_subimage_lmdbs
    from bsr_plugins.data.subimages.windows import WindowGrid, default_grid

    train, scale = options['datasets']['train'], options['scale']
    hr, lr, template = _folders(train, out, root)
    smallest = _smallest_side(hr, scale)
    grid = default_grid(scale)
    if smallest < grid.crop:
        half = max(scale, smallest // 2 // scale * scale)
        grid = WindowGrid(smallest, half, smallest * 3 // 8 // scale * scale)
    folder = out / f'sub_{grid.crop}'
    created = create_subimage_lmdbs(hr, folder, scale, lr=lr, grid=grid, lr_template=template, progress=progress)
    score_difficulty(created.hr, created.lr, scale, bicubic_scorer(scale, choose_device('auto')), progress=progress)
    return OwnData(
        name=str(train.get('name', 'train')),
        source=str(hr),
        uniform=str(train['dataroot_gt']),
        count=created.sub_images,
        smallest=smallest,
        val_hr='',
        val_lr='',
        classes=folder.as_posix(),
        crop=grid.crop,
        num_classes=classes_for(created.sub_images),
    )


def held_by_one(path: Path, say: Callable[[str], None]) -> Optional[HeldFile]:
    """Hold the lock ``path``, and wait for whoever holds it; None where the file system has no locks."""
    path.parent.mkdir(parents=True, exist_ok=True)
    told = False
    while True:
        try:
            return hold(path)
        except Holder as holder:
            if not told:
                say(f'waiting for {holder}')
            told = True
            time.sleep(_WAIT)


def _folders(train: Mapping[str, Any], out: Path, root: Path) -> Tuple[Path, Optional[Path], Optional[str]]:
    """Return the folders of HR and LR images, and the template of the LR names; images of LMDBs are written out."""
    gt, lq = (None if not train.get(key) else root / Path(str(train[key])).expanduser() for key in _ROOTS)
    if gt is None or not gt.is_dir():
        raise DataError(
            'There are no training images to cut sub-images from',
            where='datasets.train.dataroot_gt',
            found=str(train.get('dataroot_gt')),
            remedy=f'name a folder of images or an LMDB there, {_REMEDY}',
        )
    if not is_keyed(gt):
        return gt, lq, train.get('filename_tmpl') if lq is not None else None
    if lq is None or not is_keyed(lq):
        raise OptionError(
            'The training images are an LMDB, their LR images are none',
            where='datasets.train.dataroot_lq',
            found=str(train.get('dataroot_lq')),
            remedy=f'name an LMDB there, {_REMEDY}',
        )
    return _written_out(gt, out / 'images' / 'HR'), _written_out(lq, out / 'images' / 'LR'), '{}'


def _written_out(lmdb: Path, folder: Path) -> Path:
    """Write the images of an LMDB as PNGs; those that are there are kept."""
    import cv2

    from bsr_plugins.data.images.lmdb_reader import open_reader

    reader = open_reader(lmdb)
    for line in read_lines(lmdb / 'meta_info.txt'):
        key = key_in(line)
        target = folder / f'{key}.png'
        if target.is_file():
            continue
        image = (reader.image(key) * 255).round().astype('uint8')
        with replacing(target) as temporary:
            temporary.write_bytes(cv2.imencode('.png', image)[1].tobytes())
    return folder


def _smallest_side(folder: Path, scale: int) -> int:
    """Return the shorter side of the smallest image, a multiple of the scale, from the files' headers."""
    from bsr_plugins.data.images.declared_size import declared_size
    from bsr_plugins.data.images.image_folders import list_images
    from bsr_plugins.data.images.image_reading import read_image

    sides = []
    for path in list_images(folder):
        with open(path, 'rb') as file:
            declared = declared_size(file.read(_HEAD))
        sides.append(min(declared[:2]) if declared is not None else min(read_image(path).shape[:2]))
    return min(sides) // scale * scale
