"""The windows of one's own images: large ones that patches are drawn from, small ones that BSPA's classes are of."""

from __future__ import annotations

import contextlib
import shutil
from typing import NamedTuple, Tuple

from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.common.files import PathLike
from bsr_plugins.data.images.degradations import BICUBIC
from bsr_plugins.data.own.folders import OwnImages, writing_into
from bsr_plugins.data.sampling.sampling_options import NUM_CLASSES
from bsr_plugins.data.subimages.windows import WindowGrid, default_grid, modulus, windows

#: How the folders of the two kinds of windows begin.
UNIFORM, CLASSES = 'windows', 'sub'
#: Side of the large windows, as BasicSR cuts DIV2K.
LARGE = 480
#: Overlapping windows hold every pixel four times. Above so many pixels they do not overlap.
MOST_OVERLAPPING = 700_000_000
_BYTES_A_PIXEL = 3


class Windows(NamedTuple):
    """The folders of the LMDBs, and side and number of the small windows.

    ``classes`` is '', and the last two are 0, where there are no small ones.
    """

    uniform: str
    classes: str = ''
    crop: int = 0
    class_count: int = 0


def large_grid(images: OwnImages, scale: int) -> WindowGrid:
    """Return windows of 480 pixels, or of the side of the smallest image, half over each other where that is small.

    They leave no pixel out: no rest is too short for a window, and the step is such that sides are cropped to multiples
    of the scale alone (``modulus``).
    """
    side = min(LARGE // scale * scale, images.smallest)
    pixels = sum(image.height * image.width for image in images.training.values())
    grid = WindowGrid(side, side if pixels > MOST_OVERLAPPING else _multiple(side // 2, scale), 0)
    while modulus(grid, scale) > scale:
        grid = grid._replace(step=grid.step - scale)
    return grid


def small_grid(images: OwnImages, scale: int) -> WindowGrid:
    """Return the published windows, or in their proportions those of the smallest image's side."""
    published = default_grid(scale)
    if images.smallest >= published.crop:
        return published
    side = images.smallest
    return WindowGrid(side, _multiple(side // 2, scale), _multiple(side * 3 // 8, scale, 0))


def make_windows(
    images: OwnImages, scale: int, with_classes: bool, progress: bool = True, degradation: str = BICUBIC
) -> Windows:
    """Make the LMDBs that are missing, and the difficulty file where ``with_classes``.

    Raises:
        DataError: There is no room for them, or an image is damaged.
    """
    from bsr_plugins.data.difficulty.scorers import bicubic_scorer, choose_device
    from bsr_plugins.data.difficulty.scoring import score_difficulty

    grid = large_grid(images, scale)
    # Beside each other where there are many pixels: another choice than where there are few, and another folder.
    apart = '' if 2 * grid.step <= grid.crop else '_apart'
    uniform, _ = _cut(images, scale, f'{UNIFORM}_{grid.crop}{apart}', grid, 'bmp', degradation, progress)
    if not with_classes:
        return Windows(uniform)
    grid = small_grid(images, scale)
    folder, count = _cut(images, scale, f'{CLASSES}_{grid.crop}', grid, 'png-fast', degradation, progress)
    hr, lr = f'{folder}/HR_sub.lmdb', f'{folder}/LR_sub_x{scale}.lmdb'
    with writing_into(images.folder):
        score_difficulty(hr, lr, scale, bicubic_scorer(scale, choose_device('auto')), progress=progress)
    return Windows(uniform, folder, grid.crop, count)


def _cut(
    images: OwnImages, scale: int, name: str, grid: WindowGrid, encoding: str, degradation: str, progress: bool
) -> Tuple[str, int]:
    from bsr_plugins.data.subimages.subimage_lmdb import create_subimage_lmdbs

    out = images.folder / name
    if not (out / 'HR_sub.lmdb').is_dir():
        _check_room(images, scale, grid, out)
    has_lr = any(image.lr is not None for image in images.training.values())
    with writing_into(out):
        created = create_subimage_lmdbs(
            images.folder / 'train_HR',
            out,
            scale,
            lr=images.folder / 'train_LR' if has_lr else None,
            grid=grid,
            encoding=encoding,
            lr_template='{}' if has_lr else None,
            progress=progress,
            degradation=degradation,
        )
    return out.as_posix(), created.sub_images


def _check_room(images: OwnImages, scale: int, grid: WindowGrid, out: PathLike) -> None:
    count = sum(len(windows(*image.cropped(scale), grid)) for image in images.training.values())
    needed = int(count * grid.crop**2 * _BYTES_A_PIXEL * (1 + 1 / scale**2))
    free = shutil.disk_usage(images.folder).free
    if needed > free:
        raise DataError(
            'There is no room for the sub-images',
            where=out,
            expected=f'{needed / 1e9:.1f} GB',
            found=f'{free / 1e9:.1f} GB free',
            remedy='make room, or work in another folder; the same command then continues',
        )


def _multiple(value: int, scale: int, least: int = 1) -> int:
    """Return the multiple of ``scale`` at or below ``value``."""
    return max(value // scale, least) * scale


def classes_for(count: int) -> int:
    """Return how many difficulty classes ``count`` sub-images are enough for, each with at least one: at most 10."""
    from bsr_plugins.data.sampling.long_tail import class_counts

    for number in range(NUM_CLASSES.default, 1, -1):
        with contextlib.suppress(OptionError):
            class_counts(count, number)
            return number
    return 1
