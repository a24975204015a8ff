"""Tests in overlapping windows, their overlaps averaged, as FPL's published code tests SwinIR and 2K images."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Mapping, Optional, Tuple

from bsr_plugins.common.errors import OptionError
from bsr_plugins.common.option import Option, read_section
from bsr_plugins.common.option_kinds import whole
from bsr_plugins.data.subimages.windows import positions

if TYPE_CHECKING:  # the check of an option file asks here, without torch
    from torch import Tensor

#: Of ``val.windows``.
WINDOWS = (
    Option('size', whole(1), 32, 'side of the windows, in LR pixels', "as in FPL's code"),
    Option('step', whole(1), 28, 'from one window to the next; at most size', "as in FPL's code"),
    Option('batch', whole(1), 32, 'windows that go through the network at once; memory grows with it'),
)


@dataclass(frozen=True)
class OverlappingWindows:
    """The windows that an LR image is tested in: every ``step`` pixels, and one that ends with the image.

    Attributes:
        size: Side of a window; an image that is smaller is a window itself.
        step: From one window to the next.
        batch: Windows in one pass.
    """

    size: int
    step: int
    batch: int

    @classmethod
    def from_options(cls, opt: Mapping[str, Any]) -> Optional[OverlappingWindows]:
        """Return what ``val.windows`` asks for; None where it is absent.

        Raises:
            OptionError: An unknown key, a wrong value, or a step that leaves pixels out.
        """
        given = (opt.get('val') or {}).get('windows')
        if given is None:
            return None
        values: Dict[str, Any] = read_section(WINDOWS, given, 'val.windows', 'val.windows.')
        check_step(values)
        return cls(**values)

    def places(self, height: int, width: int) -> List[Tuple[slice, slice]]:
        """Return rows and columns of every window of an LR image, row by row."""
        rows, columns = (
            [slice(start, start + side) for start in positions(length, side, self.step, threshold=0)]
            for length, side in ((each, min(each, self.size)) for each in (height, width))
        )
        return list(itertools.product(rows, columns))


def check_step(windows: Any) -> None:
    """Refuse a ``val.windows`` whose windows leave pixels out; what else is wrong with it is not said here.

    Raises:
        OptionError: ``step`` is larger than ``size``.
    """
    given = windows if isinstance(windows, Mapping) else {}
    size, step = (given.get(option.name, option.default) for option in WINDOWS[:2])
    if isinstance(size, int) and isinstance(step, int) and step > size:
        raise OptionError(
            'pixels between the windows would be left out',
            where='val.windows.step',
            expected=f'at most size, {size}',
            found=step,
        )


class AveragedWindows:
    """An image put together from its windows: the mean where they overlap.

    Args:
        height: Of the LR image that the windows are places in.
        width: Likewise.
    """

    def __init__(self, height: int, width: int) -> None:
        self._sides = (height, width)
        self._sum: Optional[Tensor] = None
        self._count: Optional[Tensor] = None

    def add(self, place: Tuple[slice, slice], output: Tensor) -> None:
        """Add the output of one window (N, C, h, w), upscaled by a whole factor or not at all."""
        rows, columns = place
        scale = output.shape[-1] // (columns.stop - columns.start)
        if self._sum is None or self._count is None:
            shape = (*output.shape[:2], self._sides[0] * scale, self._sides[1] * scale)
            self._sum, self._count = output.new_zeros(shape), output.new_zeros(shape[-2:])
        for image, value in ((self._sum, output), (self._count, 1)):
            image[..., rows.start * scale : rows.stop * scale, columns.start * scale : columns.stop * scale] += value

    def mean(self) -> Optional[Tensor]:
        """Return the image (N, C, H, W); None where nothing was added."""
        return None if self._sum is None or self._count is None else self._sum / self._count


def tested_in_windows(model: Any, windows: OverlappingWindows) -> None:
    """Test ``lq`` of ``model`` window by window; leave ``output`` and the sigma map as a test of the whole would.

    ``batch`` windows go through ``model.test_once()`` at a time, of each image of the batch.
    """
    import torch

    given = model.lq
    height, width = given.shape[-2:]
    output, sigma = AveragedWindows(height, width), AveragedWindows(height, width)
    try:
        for places in _chunks(windows.places(height, width), windows.batch):
            model.lq = torch.cat([given[..., rows, columns] for rows, columns in places])
            model.test_once()
            for image, parts in ((output, model.output), (sigma, model.sigma.map)):
                if parts is not None:
                    for place, part in zip(places, parts.split(len(given))):
                        image.add(place, part)
    finally:
        model.lq = given
    model.output, model.sigma.map = output.mean(), sigma.mean()


def _chunks(places: List[Tuple[slice, slice]], size: int) -> Iterator[List[Tuple[slice, slice]]]:
    for start in range(0, len(places), size):
        yield places[start : start + size]
