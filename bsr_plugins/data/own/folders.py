"""The chosen images in folders of their own: linked to where they can be used as they are, else written as PNGs."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

from bsr_plugins.common.errors import DataError
from bsr_plugins.common.files import PathLike, replacing, write_text
from bsr_plugins.data.images.degradations import BICUBIC, degrade
from bsr_plugins.data.images.image_folders import some_of
from bsr_plugins.data.images.image_reading import read_image
from bsr_plugins.data.images.image_resizing import crop_to_multiple
from bsr_plugins.data.own.choosing import choose, plain
from bsr_plugins.data.own.manifest import (
    MANIFEST,
    Images,
    Request,
    Source,
    made_of,
    manifest,
    outputs,
    read_manifest,
)
from bsr_plugins.data.own.progress import with_bar

#: The middle of larger images is held out, so that a validation fits into memory: HR pixels.
LARGEST_HELD_OUT = 1020
_FOLDERS = ('train_HR', 'train_LR', 'val_HR', 'val_LR')


class OwnImages(NamedTuple):
    """What was made.

    Attributes:
        folder: Where everything lies.
        training: Key -> image, the names in ``train_HR``, and in ``train_LR`` where LR images were given.
        held_out: Key -> image, the names in ``val_HR`` and ``val_LR``.
        smallest: The shorter side of the smallest training image, a multiple of the scale.
        notes: What the user should know of the choice, a line each.
    """

    folder: Path
    training: Images
    held_out: Images
    smallest: int
    notes: List[str]


def prepare_own_images(request: Request, out: PathLike, progress: bool = True) -> OwnImages:
    """Make ``train_HR``, ``val_HR`` and ``val_LR``, and ``train_LR`` where LR images are given, in the folder ``out``.

    What is there already and is still right stays; what was made of an image that has changed is made again, and
    sub-images of such images are removed. ``images.json`` says which images these are. Interrupted at any moment, the
    same call continues.

    Raises:
        DataError: As :func:`bsr_plugins.data.own.choosing.choose`; or nothing can be written.
    """
    out = Path(out)
    known = read_manifest(out)
    training, held_out, notes = choose(request, known, progress)
    scale = request.scale
    with writing_into(out):
        _remove_outdated(out, known.get('made', {}), made_of(training, held_out), notes)
        write_text(out / MANIFEST, manifest(request, training, held_out))
        for key, image in with_bar(training.items(), 'training images', progress):
            _write_training(out, key, image, request)
        largest = LARGEST_HELD_OUT // scale if request.val is None else None
        for key, image in with_bar(held_out.items(), 'validation images', progress):
            _write_held_out(out, key, image, request, largest)
    smallest = min(min(image.cropped(scale)) for image in training.values())
    return OwnImages(out, training, held_out, smallest, notes)


def folder_for(request: Request, root: PathLike) -> Path:
    """Return ``<root>/<name of the HR folder>_x<scale>``, with a number where there is something else of that name."""
    how = '' if request.degradation == BICUBIC else f'_{request.degradation}'
    name = f'{plain(Path(request.hr).resolve().name) or "images"}{how}_x{request.scale}'
    number, folder = 1, Path(root) / name
    while os.path.lexists(folder) and read_manifest(folder).get('request') != request.content():
        number += 1
        folder = Path(root) / f'{name}_{number}'
    return folder


@contextlib.contextmanager
def writing_into(folder: Path) -> Iterator[None]:
    """Turn what the system says of writing into a message that names the folder."""
    try:
        yield
    except OSError as error:
        raise DataError(
            'Images made ready for training cannot be written',
            where=folder,
            found=error,
            remedy='make room, or work in another folder; the same command then continues',
        ) from error


def _write_training(out: Path, key: str, image: Source, request: Request) -> None:
    targets = [out / folder / file for folder, file in outputs(key, image, False)]
    if all(target.exists() for target in targets):
        return
    if image.as_it_is:
        for source, target in zip((image.hr, image.lr), targets):
            if source is not None:
                _link(source, target)
    else:
        for target, pixels in zip(targets, _pair(key, image, request)):
            _write_png(target, pixels)


def _write_held_out(out: Path, key: str, image: Source, request: Request, largest: Optional[int]) -> None:
    targets = [out / folder / file for folder, file in outputs(key, image, True)]
    if all(target.exists() for target in targets):
        return
    scale = request.scale
    hr, lr = _pair(key, image, request)
    if largest is not None:
        top, left = (max(0, side - largest) // 2 for side in lr.shape[:2])
        lr = lr[top : top + largest, left : left + largest]
        hr = hr[top * scale : (top + largest) * scale, left * scale : (left + largest) * scale]
    for target, pixels in zip(targets, (hr, lr)):
        _write_png(target, pixels)


def _pair(key: str, image: Source, request: Request) -> Tuple[Any, Any]:
    """Return HR and LR, the first ``scale`` times as large as the second."""
    scale = request.scale
    hr = read_image(image.hr, reduce_depth=True)
    if image.lr is None:
        hr = crop_to_multiple(hr, scale)
        return hr, degrade(hr, scale, request.degradation, key)
    height, width = image.cropped(scale)
    lr = read_image(image.lr, reduce_depth=True)
    return hr[:height, :width], lr[: height // scale, : width // scale]


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if os.path.lexists(target):
        target.unlink()
    try:
        target.symlink_to(source.resolve())
    except OSError:  # a file system without links
        with replacing(target) as temporary:
            shutil.copyfile(source, temporary)


def _write_png(path: Path, image: Any) -> None:
    import cv2
    import numpy as np

    with replacing(path) as temporary:
        temporary.write_bytes(cv2.imencode('.png', np.ascontiguousarray(image))[1].tobytes())


def _remove_outdated(out: Path, before: Dict[str, str], now: Dict[str, str], notes: List[str]) -> None:
    for folder in _FOLDERS:
        for path in (out / folder).iterdir() if (out / folder).is_dir() else ():
            file = f'{folder}/{path.name}'
            if file not in now or before.get(file) != now[file]:
                path.unlink()
    trained_before, trained_now = (
        {(file, stamp) for file, stamp in made.items() if file.startswith('train_')} for made in (before, now)
    )
    if trained_before and trained_before != trained_now:
        differing = sorted({file.partition('/')[2] for file, _ in trained_before ^ trained_now})
        notes.append(f'the training images have changed, sub-images are made anew: {some_of(differing)}')
        for pattern in ('windows_*', 'sub_*'):
            for path in out.glob(pattern):
                shutil.rmtree(path)
