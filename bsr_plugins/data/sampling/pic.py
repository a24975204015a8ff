"""Patch information capacity (PIC) of one patch and of every window of an image (BSR, Eq. 1 to 3)."""

from __future__ import annotations

import functools
import itertools
from typing import Iterator, List, NamedTuple, Sequence, Tuple

import cv2
import numpy as np

from bsr_plugins.common.errors import DataError, OptionError
from bsr_plugins.common.naming import did_you_mean

PADS = ('reflect', 'replicate', 'valid')
CHANNELS = ('max', 'sum')

_BORDERS = {'reflect': cv2.BORDER_REFLECT_101, 'replicate': cv2.BORDER_REPLICATE, 'valid': cv2.BORDER_REFLECT_101}
_MIN_SIZE = 3

# The steepest pixel of a uint8 image adds 3 * 2 * 4 * 255 (channel: sum); from this side on that may pass 2^31.
_INT32_SIZE = 593


class _Part(NamedTuple):
    """Pixels of a window along one axis: their filters, the first ones (from 0, or before the window's end), how many.

    ``pixels`` 0 stands for all pixels but the first and the last.
    """

    smooth: Tuple[int, int, int]
    differ: Tuple[int, int, int]
    starts: Tuple[int, ...]
    pixels: int


# At the first pixel of a window the weight of the pixel outside is folded onto an inside one, reflect onto the second
# pixel, replicate onto the first; at the last pixel it is the mirror image. Under reflect both are the same sum of two
# neighbours, seen from either of them.
_INSIDE = _Part((1, 2, 1), (-1, 0, 1), (1,), 0)
_PARTS = {
    'valid': (_INSIDE,),
    'reflect': (_INSIDE, _Part((0, 2, 2), (0, 0, 0), (0, -2), 1)),
    'replicate': (_INSIDE, _Part((0, 3, 1), (0, -1, 1), (0,), 1), _Part((1, 3, 0), (-1, 1, 0), (-1,), 1)),
}


def patch_information_capacity(patch: np.ndarray, pad: str = 'reflect', channel: str = 'max') -> float:
    """Return the PIC of a patch (Eq. 1 to 3): ``sum_yx max_ch (|Gx| + |Gy|)``.

    Where: Gx, Gy are the 3 x 3 Sobel derivatives of a channel, of pixels in [0, 1].

    Eq. 1 adds the three channels up, while the text below it takes the largest of the three at each pixel: ``max``
    follows the text, ``sum`` the equation. The paper does not say what lies outside the patch.

    Args:
        patch: (h, w, 3) or (h, w), h and w >= 3; uint8, or float in [0, 1]. The order of the channels is of no account.
        pad: Outside the patch: ``reflect`` mirrors it without repeating the edge, ``replicate`` repeats the edge,
            ``valid`` sums only the pixels whose neighbours all lie inside.
        channel: ``max`` or ``sum``.

    Raises:
        OptionError: ``pad`` or ``channel`` is unknown.
        DataError: The patch is smaller than 3 x 3 or its values are neither uint8 nor float.
    """
    _check_choices(pad, channel)
    _check_array(patch)
    pixels, unit = _pixels(patch)
    derivatives = [cv2.Sobel(pixels, _depth(pixels), *order, borderType=_BORDERS[pad]) for order in ((1, 0), (0, 1))]
    magnitude = _join(cv2.split(_l1(derivatives)), channel)
    if pad == 'valid':
        magnitude = magnitude[1:-1, 1:-1]
    return float(magnitude.sum(dtype=np.float64)) / unit


def window_pic(image: np.ndarray, size: int, pad: str = 'reflect', channel: str = 'max') -> np.ndarray:
    """Return the PIC of every square window of an image, as if each were cut out and measured by itself.

    Equal to :func:`patch_information_capacity` of each window, for uint8 to the last bit.

    Args:
        image: (H, W, 3) or (H, W), uint8, or float in [0, 1].
        size: Side of the windows, >= 3.
        pad, channel: As there; the border rule acts at each window's own border.

    Returns:
        (H - size + 1, W - size + 1) float64; entry (y, x) is the window whose first pixel is (y, x).

    Raises:
        OptionError: ``size``, ``pad`` or ``channel`` is wrong.
        DataError: The image is smaller than the window or its values are neither uint8 nor float.
    """
    return next(window_pic_bands(image, size, pad, channel, max_pixels=image.size))[1]


def window_pic_bands(
    image: np.ndarray, size: int, pad: str = 'reflect', channel: str = 'max', max_pixels: int = 2**19
) -> Iterator[Tuple[int, np.ndarray]]:
    """Yield :func:`window_pic` in bands of rows: the first row of each and its values, (rows, W - size + 1).

    Args:
        image, size, pad, channel: As there.
        max_pixels: How many pixels of the image are at work at once, though never fewer than ``2 * size`` rows.

    Raises:
        OptionError, DataError: As there.
    """
    _check_choices(pad, channel)
    if size < _MIN_SIZE:
        raise OptionError(
            'The windows are too small for the Sobel filter', where='size', expected=f'>= {_MIN_SIZE}', found=size
        )
    _check_array(image)
    height, width = image.shape[:2]
    if min(height, width) < size:
        raise DataError(
            'The image is smaller than the window', expected=f'at least {size} x {size}', found=f'{height} x {width}'
        )
    rows = max(size, max_pixels // width - size + 1)
    for first in range(0, height - size + 1, rows):
        pixels, unit = _pixels(image[first : first + rows + size - 1])
        yield first, _window_sums(cv2.split(pixels), size, pad, channel) / unit


def _window_sums(planes: Sequence[np.ndarray], size: int, pad: str, channel: str) -> np.ndarray:
    # One map of the gradient for the inside of the windows, and one for each side and corner.
    rows, columns = planes[0].shape[0] - size + 1, planes[0].shape[1] - size + 1
    # Integers are exact in int32 and, where windows are too large for that, in float64.
    dtype = np.int32 if planes[0].dtype == np.uint8 and size < _INT32_SIZE else np.float64
    total = np.zeros((rows, columns), dtype)
    for along_y, along_x, kernels in _gradient_maps(pad):
        magnitude = _join([_l1([_correlate(plane, kernel) for kernel in kernels]) for plane in planes], channel)
        sums = _box_sums(magnitude, along_y.pixels or size - 2, along_x.pixels or size - 2, dtype)
        for top, left in itertools.product(along_y.starts, along_x.starts):
            top, left = top % size, left % size
            total += sums[top : top + rows, left : left + columns]
    return total


@functools.lru_cache(maxsize=None)
def _gradient_maps(pad: str) -> List[Tuple[_Part, _Part, List[np.ndarray]]]:
    """Return which part each map is for, along y and along x, and its kernels; those that are zero are left out."""
    maps = []
    for along_y, along_x in itertools.product(_PARTS[pad], repeat=2):
        kernels = [np.outer(along_y.smooth, along_x.differ), np.outer(along_y.differ, along_x.smooth)]
        maps.append((along_y, along_x, [kernel.astype(np.float64) for kernel in kernels if kernel.any()]))
    return [each for each in maps if each[2]]


def _correlate(plane: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    # What lies outside the image is of no account: no window reads it. cv2.sepFilter2D would be three times slower
    # where the filter along y is lopsided.
    return cv2.filter2D(plane, _depth(plane), kernel, borderType=cv2.BORDER_REPLICATE)


def _l1(derivatives: Sequence[np.ndarray]) -> np.ndarray:
    """Return Eq. 3, in the memory of the derivatives."""
    total = np.abs(derivatives[0], out=derivatives[0])
    for derivative in derivatives[1:]:
        total += np.abs(derivative, out=derivative)
    return total


def _join(planes: Sequence[np.ndarray], channel: str) -> np.ndarray:
    join = np.maximum if channel == 'max' else np.add
    joined = planes[0]
    for plane in planes[1:]:
        joined = join(joined, plane)
    return joined


def _box_sums(values: np.ndarray, height: int, width: int, dtype: type) -> np.ndarray:
    """Return the sum of each box by its first pixel; the last rows and columns, where boxes do not fit, are idle."""
    if height == width == 1:
        return values
    values = np.ascontiguousarray(values) if dtype is np.int32 else values.astype(np.float64)
    depth = cv2.CV_32S if dtype is np.int32 else cv2.CV_64F
    return cv2.boxFilter(
        values, depth, (width, height), anchor=(0, 0), normalize=False, borderType=cv2.BORDER_REPLICATE
    )


def _depth(pixels: np.ndarray) -> int:
    return cv2.CV_16S if pixels.dtype == np.uint8 else cv2.CV_64F


def _pixels(image: np.ndarray) -> Tuple[np.ndarray, float]:
    """Return the pixels, uint8 or float64, and what their PIC is to be divided by."""
    return (image, 255.0) if image.dtype == np.uint8 else (image.astype(np.float64), 1.0)


def _check_array(image: np.ndarray) -> None:
    if image.ndim not in (2, 3) or min(image.shape[:2]) < _MIN_SIZE or image.shape[2:] not in ((), (1,), (3,)):
        raise DataError(
            'PIC is not defined for this array',
            found=f'shape {image.shape}',
            expected=f'(h, w, 3) or (h, w), h and w >= {_MIN_SIZE}',
        )
    if image.dtype != np.uint8 and not np.issubdtype(image.dtype, np.floating):
        raise DataError(
            'PIC is defined for uint8 or float pixels',
            expected='uint8, or float in [0, 1]',
            found=str(image.dtype),
            remedy='convert the image to 8 bit',
        )


def _check_choices(pad: str, channel: str) -> None:
    for name, value, known in (('pad', pad, PADS), ('channel', channel, CHANNELS)):
        if value not in known:
            raise OptionError(
                f'unknown {name} of PIC',
                where=name,
                expected=' | '.join(known),
                found=repr(value),
                remedy=did_you_mean(str(value), known),
            )
