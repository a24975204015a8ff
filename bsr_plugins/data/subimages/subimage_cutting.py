"""One image, read once, into the encoded HR and LR sub-images of one shrinking factor."""

from __future__ import annotations

from pathlib import Path
from typing import Any, List, NamedTuple, Optional, Tuple

from bsr_plugins.common.errors import DataError
from bsr_plugins.data.images.degradations import BICUBIC, degrade
from bsr_plugins.data.images.image_encoding import Encoder
from bsr_plugins.data.images.image_reading import read_image
from bsr_plugins.data.images.image_resizing import crop_to_multiple, shrink
from bsr_plugins.data.images.resemblance import check_same_way_up
from bsr_plugins.data.subimages.windows import WindowGrid, sub_image_name, windows

Items = List[Tuple[str, Any]]


class SourceImage(NamedTuple):
    """One image at one factor: start of its keys, its files (``lr`` None: made from HR, and how), what is wanted."""

    prefix: str
    hr: Path
    lr: Optional[Path]
    factor: float
    hr_wanted: bool
    lr_wanted: bool
    degradation: str = BICUBIC
    noise_seed: int = 0


class Cut(NamedTuple):
    """(key, encoded bytes) of every window in row order; [] for a side that was not wanted.

    ``prefix`` and ``size`` are those of the image: the start of its keys, its height and width before the crop to
    ``mod``.
    """

    hr: Items
    lr: Items
    prefix: str
    size: Tuple[int, int]


class Whole(NamedTuple):
    """A pair of whole images, (H, W, 3) uint8 BGR; None for a side that was not wanted. And the start of its keys."""

    hr: Any
    lr: Any
    prefix: str


def hr_image(source: SourceImage) -> Any:
    """Return the HR image of ``source``, shrunk by its factor.

    Raises:
        DataError: an unreadable image.
    """
    hr = read_image(source.hr)
    return shrink(hr, source.factor) if source.factor < 1 else hr


def cut(source: SourceImage, grid: WindowGrid, scale: int, mod: int, encode: Encoder) -> Cut:
    """Read, shrink, crop to multiples of ``mod``, make the LR image if none is given, cut and encode.

    Raises:
        DataError: an unreadable image, an LR image whose sides times ``scale`` are not those of the HR image, or an
            image smaller than the window.
    """
    whole, given = _read(source, scale)
    size = whole.shape[:2]
    hr = crop_to_multiple(whole, mod)
    places = _places(source, hr, grid, mod)
    hr_items = _cut_all(hr, places, grid.crop, 1, source.prefix, encode) if source.hr_wanted else []
    if not source.lr_wanted:
        return Cut(hr_items, [], source.prefix, size)
    if given is not None:
        lr = crop_to_multiple(given, mod // scale)
    elif source.degradation == BICUBIC:
        lr = degrade(hr, scale, BICUBIC, source.prefix)
    else:
        # Of the whole image, so that the noise of a pixel is the same for every grid of windows.
        degraded = degrade(crop_to_multiple(whole, scale), scale, source.degradation, source.prefix, source.noise_seed)
        lr = crop_to_multiple(degraded, mod // scale)
    lr_items = _cut_all(lr, places, grid.crop // scale, scale, source.prefix, encode)
    return Cut(hr_items, lr_items, source.prefix, size)


def whole_pair(source: SourceImage, grid: WindowGrid, scale: int, mod: int) -> Whole:
    """Read, shrink, make the LR image if none is given; nothing is cut off but what is no whole LR pixel, of that.

    Raises:
        DataError: As :func:`cut`.
    """
    hr, lr = _read(source, scale)
    _places(source, crop_to_multiple(hr, mod), grid, mod)
    if lr is None and source.lr_wanted:
        lr = degrade(crop_to_multiple(hr, scale), scale, source.degradation, source.prefix, source.noise_seed)
    return Whole(hr if source.hr_wanted else None, lr, source.prefix)


def _read(source: SourceImage, scale: int) -> Tuple[Any, Any]:
    hr = hr_image(source)
    given = read_image(source.lr) if source.lr is not None and source.lr_wanted else None
    if given is not None and source.lr is not None:
        _check_pair(source, hr, given, scale)
        check_same_way_up(hr, given, source.hr, source.lr)
    return hr, given


def _places(source: SourceImage, hr: Any, grid: WindowGrid, mod: int) -> List[Tuple[int, int]]:
    places = windows(hr.shape[0], hr.shape[1], grid)
    if not places:
        made = f' (shrunk by {source.factor:g})' if source.factor < 1 else ''
        raise DataError(
            f'image {source.hr}{made} is smaller than the window',
            where=source.hr,
            expected=f'both sides at least {grid.crop} pixels',
            found=f'{hr.shape[1]}x{hr.shape[0]} after cropping to multiples of {mod}',
            remedy='remove the image, or take a smaller --crop' + (' or fewer --factors' if source.factor < 1 else ''),
        )
    return places


def _cut_all(image: Any, places: List[Tuple[int, int]], side: int, scale: int, prefix: str, encode: Encoder) -> Items:
    encoded = []
    for top, left in places:
        top, left = top // scale, left // scale
        encoded.append(memoryview(encode(image[top : top + side, left : left + side])).cast('B'))
    # One block an image: thousands of small ones of many sizes leave holes that the process never gives back.
    block, items, end = memoryview(b''.join(encoded)), [], 0
    for number, value in enumerate(encoded, 1):
        start, end = end, end + len(value)
        items.append((sub_image_name(prefix, number), block[start:end]))
    return items


def _check_pair(source: SourceImage, hr: Any, lr: Any, scale: int) -> None:
    (height, width), (low_height, low_width) = hr.shape[:2], lr.shape[:2]
    if (height, width) != (low_height * scale, low_width * scale):
        raise DataError(
            f'{source.lr} ({low_width}x{low_height}) is not {source.hr} ({width}x{height}) divided by {scale}',
            where=source.lr,
            expected=f'{width / scale:g}x{height / scale:g}',
            found=f'{low_width}x{low_height}',
            remedy='check --scale and --lr; HR sides must be multiples of the scale (crop them, or omit '
            '--lr: then LR images are made here)',
        )
