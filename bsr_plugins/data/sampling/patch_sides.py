"""The least side of a crop, so that something of its patch is left to measure: pure arithmetic."""

from __future__ import annotations

from bsr_plugins.common.errors import OptionError

#: What SamplingAug leaves out along each side, beside ``scale`` pixels.
SHAVED_BESIDE_SCALE = 6
_LEAST_OF_SOBEL = 3


def inner_side(gt_size: int, scale: int) -> int:
    """Return the side of what SamplingAug compares of a patch: ``gt_size - 2 * (scale + 6)``.

    Raises:
        OptionError: Nothing is left.
    """
    shaved = scale + SHAVED_BESIDE_SCALE
    inner = gt_size - 2 * shaved
    if inner < 1:
        raise OptionError(
            'gt_size leaves nothing of a patch to compare',
            where='gt_size',
            expected=f'more than {2 * shaved}: {shaved} pixels are left out along each side at scale {scale}',
            found=gt_size,
        )
    return inner


def pic_side(gt_size: int, scale: int) -> int:
    """Return the side of the LR patch whose information capacity RFS measures: ``gt_size / scale``.

    Raises:
        OptionError: It is smaller than a Sobel filter.
    """
    side = gt_size // scale
    if side < _LEAST_OF_SOBEL:
        raise OptionError(
            f'gt_size is too small: PIC is of LR patches of {_LEAST_OF_SOBEL} x {_LEAST_OF_SOBEL} or more',
            where='gt_size',
            expected=f'at least {_LEAST_OF_SOBEL * scale}',
            found=gt_size,
        )
    return side
