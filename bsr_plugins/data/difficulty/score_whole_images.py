"""Difficulty by whole images: one forward pass per image, its squared error summed by windows.

Windows of the published grid overlap fourfold, so a pass over the image costs about a quarter of one over them.
Inside the image a window then sees its true surroundings instead of the network's padding, which the border that
is left out does not fully hide: the order is the same but for near ties.
"""

from __future__ import annotations

from collections import Counter, deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Deque, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.common.files import PathLike
from bsr_plugins.data.difficulty.score_windows import error_maps
from bsr_plugins.data.difficulty.scorers import Scorer
from bsr_plugins.data.images.image_folders import fingerprint, pyramid_prefix, some_of
from bsr_plugins.data.images.image_reading import read_image
from bsr_plugins.data.images.image_resizing import crop_to_multiple, shrink
from bsr_plugins.data.images.luma_error import windows_mse
from bsr_plugins.data.subimages.windows import WindowGrid, sub_image_name, windows

_READ_AHEAD = 2


class WholeImage(NamedTuple):
    """One image at one factor: its files (``lr`` None: made from HR) and the keys of its windows, row by row."""

    hr: Path
    lr: Optional[Path]
    factor: float
    keys: List[str]


def find_whole_images(
    hr_manifest: Mapping[str, Any],
    lr_manifest: Mapping[str, Any],
    keys: Sequence[str],
    hr: Optional[PathLike] = None,
    lr: Optional[PathLike] = None,
) -> List[WholeImage]:
    """Return the images that a pair of sub-image LMDBs was cut from, each with its keys.

    Args:
        hr_manifest: Of the HR LMDB.
        lr_manifest: Of the LR LMDB.
        keys: All keys of the HR LMDB.
        hr: Folder of the HR images; None: where the manifest says.
        lr: Folder of the LR ones; None: where the manifest says.

    Raises:
        OptionError: ``lr`` is given, but the LMDB's LR images were made from the HR ones.
        DataError: A folder or an image is missing, the images are not those of the LMDB, or keys have none.
    """
    if lr is not None and lr_manifest['source'] is None:
        raise OptionError(
            'The LR sub-images were made from the HR images, not from a folder',
            where='--lr',
            found=lr,
            remedy='omit --lr: the LR images are made again in the same way',
        )
    hr_files = _source_files(hr_manifest['source'], hr, '--hr')
    lr_files = None if lr_manifest['source'] is None else _source_files(lr_manifest['source'], lr, '--lr')
    counts = Counter(key.rpartition('_s')[0] for key in keys)
    images = []
    for factor in hr_manifest['factors']:
        for name, path in hr_files.items():
            prefix = pyramid_prefix(name, factor)
            given = None if lr_files is None or factor < 1 else lr_files[name]
            names = [sub_image_name(prefix, number) for number in range(1, counts[prefix] + 1)]
            images.append(WholeImage(path, given, factor, names))
    without_image = sorted(set(keys).difference(*(image.keys for image in images)))
    if without_image:
        raise DataError(
            'Some sub-images belong to no image of the manifest',
            where=hr_manifest['source']['folder'],
            found=some_of(without_image),
            remedy='make the LMDBs again, or score without --whole-image',
        )
    return images


def score_whole_images(
    images: Sequence[WholeImage], scorer: Scorer, scale: int, border: int, grid: WindowGrid, mod: int
) -> Iterator[Tuple[List[str], np.ndarray]]:
    """Yield the keys of each image's windows and their MSE, (len(keys),) float64; the next are read meanwhile.

    Args:
        images: What to score.
        scorer: The reference super-resolution.
        scale: Upscaling factor.
        border: HR pixels left out along each side of a *window*.
        grid: The windows of the LMDB.
        mod: HR images are cropped to multiples of it first.

    Raises:
        DataError: An image is unreadable, or does not have the windows that the LMDB has of it.
    """
    waiting: Deque[Tuple[WholeImage, Future]] = deque()
    left = iter(images)
    with ThreadPoolExecutor(_READ_AHEAD) as pool:
        while True:
            for image in left:
                waiting.append((image, pool.submit(load_pair, image, scale, mod)))
                if len(waiting) > _READ_AHEAD:
                    break
            if not waiting:
                return
            image, pair = waiting.popleft()
            yield image.keys, _score(image, *pair.result(), scorer=scorer, scale=scale, border=border, grid=grid)


def load_pair(image: WholeImage, scale: int, mod: int) -> Tuple[np.ndarray, np.ndarray]:
    """Return HR (H, W, 3) and LR (H / scale, W / scale, 3), uint8, RGB, as the LMDB's windows were cut from them.

    Raises:
        DataError: A file is unreadable, or the LR image is not the HR one's size divided by ``scale``.
    """
    hr = read_image(image.hr)
    if image.factor < 1:
        hr = shrink(hr, image.factor)
    if image.lr is None:
        hr = crop_to_multiple(hr, mod)
        lr = shrink(hr, 1 / scale) if scale > 1 else hr
    else:
        lr = read_image(image.lr)
        if hr.shape[:2] != (lr.shape[0] * scale, lr.shape[1] * scale):
            raise DataError(
                f'{image.lr} is not {image.hr} divided by {scale}',
                where=image.lr,
                expected=f'{hr.shape[1] / scale:g}x{hr.shape[0] / scale:g}',
                found=f'{lr.shape[1]}x{lr.shape[0]}',
                remedy='check --scale and --lr',
            )
        hr, lr = crop_to_multiple(hr, mod), crop_to_multiple(lr, mod // scale)
    return np.ascontiguousarray(hr[..., ::-1]), np.ascontiguousarray(lr[..., ::-1])


def _score(
    image: WholeImage, hr: np.ndarray, lr: np.ndarray, *, scorer: Scorer, scale: int, border: int, grid: WindowGrid
) -> np.ndarray:
    places = windows(hr.shape[0], hr.shape[1], grid)
    if len(places) != len(image.keys):
        raise DataError(
            f'The LMDB does not hold the windows of {image.hr}',
            where=image.hr,
            expected=f'{len(places)} sub-images',
            found=len(image.keys),
            remedy='make the LMDBs again, or score without --whole-image',
        )
    error = error_maps(hr[None], lr[None], scorer, scale)[0].cpu().numpy()
    return windows_mse(error, places, grid.crop, border)


def _source_files(source: Mapping[str, Any], folder: Optional[PathLike], option: str) -> Dict[str, Path]:
    places = [Path(folder)] if folder is not None else [Path(source['resolved']), Path(source['folder'])]
    there = next((place for place in places if place.is_dir()), None)
    if there is None:
        raise DataError(
            'The images that the LMDB was made from are missing',
            where=places[0],
            expected='the folder of the images',
            remedy=f'give their folder by {option}, or score without --whole-image',
        )
    files = {key: there / name for key, name in source['images'].items()}
    missing = [path.name for path in files.values() if not path.is_file()]
    if missing:
        raise DataError(
            f'{len(missing)} images that the LMDB was made from are not in the folder',
            where=there,
            found=f'missing: {some_of(missing)}',
            remedy=f'give their folder by {option}, or score without --whole-image',
        )
    if fingerprint(files) != source['fingerprint']:
        raise DataError(
            'The images are not those that the LMDB was made from',
            where=there,
            expected=f'fingerprint {source["fingerprint"]}',
            found='files with the same names but different content',
            remedy='make the LMDBs again, or score without --whole-image',
        )
    return files
