"""Which images of a folder are trained on, which are held out, and what each is called."""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

from bsr_plugins.common.errors import DataError
from bsr_plugins.common.files import PathLike
from bsr_plugins.common.naming import without_accents
from bsr_plugins.common.shown import counted
from bsr_plugins.data.images.image_folders import EXTENSIONS, list_images, some_of
from bsr_plugins.data.images.image_reading import read_image
from bsr_plugins.data.own.manifest import Images, Request, Source, stamp_of
from bsr_plugins.data.own.progress import with_bar

#: In LR pixels. Smaller images are left out: below the first where most are larger, below the second always.
USUAL_LEAST, LEAST = 32, 16
#: One image in ten is held out, up to ten of them.
HELD_OUT_SHARE, MOST_HELD_OUT = 10, 10
_WITHOUT_LR = 'leave --lr out: the LR images are then made from the HR ones, by bicubic'


def choose(request: Request, known: Dict[str, Any], progress: bool) -> Tuple[Images, Images, List[str]]:
    """Return the training images, those for validation, and what the user should know of the choice, a line each.

    Keys are the files' names in plain ASCII, which LMDBs and BasicSR's lists take. Images that are held out depend on
    the keys alone, so that runs to be compared hold out the same.

    Args:
        request: The folders.
        known: The manifest of an earlier choice; images that it knows are not decoded again.
        progress: Show a bar on stderr.

    Raises:
        DataError: A folder is missing or has too few images that are large enough, one is damaged, or HR and LR do not
            pair.
    """
    hr, scale, lr, val = request[:4]
    notes: List[str] = []
    files = _listed(hr, notes)
    training = _sources(
        _keys(files), _lr_files(files, lr, scale, notes) if lr is not None else {}, known, scale, progress
    )
    held_out = {} if val is None else _sources(_keys(_listed(val, notes)), {}, known, scale, progress)
    _leave_out_equal(training, held_out, notes)
    if not training:
        raise DataError('No image is left for training', where=hr, remedy='give another folder than --hr to --val')
    _leave_out_small(training, scale, USUAL_LEAST, notes)
    if val is None:
        held_out = {key: training.pop(key) for key in _held_out(training, hr)}
    else:
        _leave_out_small(held_out, scale, LEAST, notes)
    deep = sorted(image.hr.name for image in (*training.values(), *held_out.values()) if image.is_deep)
    if deep:
        notes.append(f'{counted(len(deep), "image", "images")} of 16 bits a channel, rounded to 8: {some_of(deep)}')
    return training, held_out, notes


def _listed(folder: PathLike, notes: List[str]) -> List[Path]:
    try:
        images = list_images(folder)
        entries = sorted(entry for entry in Path(folder).iterdir() if not entry.name.startswith('.'))
        files = [entry for entry in entries if entry.is_file()]
    except OSError as error:
        raise DataError(f'folder {folder} cannot be read', where=folder, found=error) from error
    others = Counter(entry.suffix.lower() or entry.name for entry in files if entry.suffix.lower() not in EXTENSIONS)
    if others:
        shown = some_of(f'{count} {kind}' for kind, count in sorted(others.items()))
        notes.append(f'{folder}: files that are no images of a kind that is read: {shown}')
    folders = [entry.name for entry in entries if entry.is_dir()]
    if folders:
        notes.append(f'{folder}: folders inside it are not looked into: {some_of(folders)}')
    return images


def _keys(paths: Sequence[Path]) -> Dict[str, Path]:
    found: Dict[str, Path] = {}
    for path in paths:
        stem = plain(path.stem) or 'image'
        number, key = 1, stem
        while key in found:
            number += 1
            key = f'{stem}_{number}'
        found[key] = path
    return found


def plain(text: str) -> str:
    """Return ``text`` in ASCII letters, digits, ``-`` and, for all else, ``_``."""
    return re.sub(r'[^A-Za-z0-9-]+', '_', without_accents(text)).strip('_')


def _lr_files(hr_files: Sequence[Path], lr: PathLike, scale: int, notes: List[str]) -> Dict[Path, Path]:
    """Return HR file -> LR file, by name."""
    stems: Dict[str, List[Path]] = {}
    for path in _listed(lr, notes):
        stems.setdefault(path.stem, []).append(path)
    pairs, wrong = {}, []
    for path in hr_files:
        candidates = [each for stem in (f'{path.stem}x{scale}', path.stem) for each in stems.pop(stem, [])]
        if len(candidates) == 1:
            pairs[path] = candidates[0]
        else:
            wrong.append(path.name)
    if wrong:
        raise DataError(
            f'HR images without an LR image of their own: {some_of(wrong)}',
            where=lr,
            expected=f'one for each, named <name>x{scale} or as the HR image',
            remedy=_WITHOUT_LR,
        )
    if stems:
        notes.append(f'{lr}: LR images without an HR image are not taken: {some_of(sorted(stems))}')
    return pairs


def _sources(keys: Dict[str, Path], lr: Dict[Path, Path], known: Dict[str, Any], scale: int, progress: bool) -> Images:
    """Return what each image is; one that is not known yet is decoded."""
    images = {}
    for key, path in with_bar(keys.items(), 'images read', progress):
        low = lr.get(path)
        stamp = stamp_of(path) + ('' if low is None else stamp_of(low))
        measured = known.get('measured', {}).get(stamp)
        if not (isinstance(measured, list) and len(measured) == 4):
            measured = _measure(path, low, scale)
        images[key] = Source(path, low, stamp, *measured)
    return images


def _measure(path: Path, lr: Any, scale: int) -> Tuple[int, int, bool, bool]:
    (height, width), is_deep = _size(path)
    if lr is None:
        return height, width, is_deep, not is_deep
    (low_height, low_width), low_is_deep = _size(lr)
    if max(abs(height / scale - low_height), abs(width / scale - low_width)) >= 1:
        raise DataError(
            f'{lr} ({low_width}x{low_height}) is not {path} ({width}x{height}) divided by {scale}',
            where=lr,
            expected=f'{width / scale:g}x{height / scale:g}',
            found=f'{low_width}x{low_height}',
            remedy=_WITHOUT_LR,
        )
    is_deep = is_deep or low_is_deep
    is_exact = (height, width) == (low_height * scale, low_width * scale)
    reach = min(height, low_height * scale), min(width, low_width * scale)
    return (*reach, is_deep, is_exact and not is_deep)


def _size(path: Path) -> Tuple[Tuple[int, int], bool]:
    try:
        return read_image(path).shape[:2], False
    except DataError as error:
        if error.found != 'uint16':
            raise
    return read_image(path, reduce_depth=True).shape[:2], True


def _leave_out_equal(training: Images, held_out: Images, notes: List[str]) -> None:
    """Keep one of images whose files are equal: a copy in the other set would be trained on and measured with."""
    seen: Dict[str, List[Path]] = {}
    for image in held_out.values():
        seen.setdefault(image.content, []).append(image.hr)
    copies = []
    for key, image in list(training.items()):
        same = seen.setdefault(image.content, [])
        if any(other.read_bytes() == image.hr.read_bytes() for other in same):
            copies.append(image.hr.name)
            del training[key]
        same.append(image.hr)
    if copies:
        notes.append(
            f'{counted(len(copies), "image is a copy", "images are copies")} of others, or in --val too, left out: '
            + some_of(copies)
        )


def _leave_out_small(images: Images, scale: int, usual: int, notes: List[str]) -> None:
    sides = {key: min(image.height, image.width) for key, image in images.items()}
    large = sum(side >= usual * scale for side in sides.values())
    least = (usual if 2 * large >= len(sides) else LEAST) * scale
    small = [key for key, side in sides.items() if side < least]
    if len(small) == len(sides):
        raise DataError(
            'The images are too small',
            where=next(iter(images.values())).hr.parent,
            expected=f'both sides at least {least} pixels, for scale {scale}',
            found=f'shorter sides up to {max(sides.values())} pixels',
        )
    if small:
        names = some_of(images[key].hr.name for key in small)
        notes.append(
            f'{counted(len(small), "image has", "images have")} a side below {least} pixels, left out: {names}'
        )
    for key in small:
        del images[key]


def _held_out(training: Images, hr: PathLike) -> List[str]:
    """Return the keys whose hash comes first, so that new images change little of the choice."""
    if len(training) < 2:
        raise DataError(
            'One image is not enough to train on and to validate with',
            where=hr,
            expected='at least 2 images',
            found=len(training),
            remedy='add images, or give a folder of others for validation: --val DIR',
        )
    count = min(MOST_HELD_OUT, math.ceil(len(training) / HELD_OUT_SHARE))
    return sorted(sorted(training, key=lambda key: hashlib.sha256(key.encode()).digest())[:count])
