"""What LAM attributes: how much gradient an SR image has in a window (CVPR 2021), or everywhere (ADD's detector)."""

from __future__ import annotations

from typing import Any, Optional, Tuple

import torch
from torch import Tensor

from bsr_plugins.common.errors import OptionError
from bsr_plugins.common.option import REQUIRED, Option
from bsr_plugins.common.option_kinds import list_of, whole

#: Left column, top row and side of a square, in SR pixels.
Window = Tuple[int, int, int]
_WINDOW = Option('window', list_of(whole(), 3), REQUIRED, 'left column, top row and side in SR pixels')


def gradient_magnitude(sr: Tensor) -> Tensor:
    r"""Return :math:`\sqrt{(I_{y,x} - I_{y+1,x})^2 + (I_{y,x} - I_{y,x+1})^2}` of each channel.

    Its derivative is 0 where the magnitude is. There LAM's code has NaN, which spreads through the network's backward
    pass; it sets what is NaN in the gradient of the LR image to 0. So the two are equal but for images with pixels of
    exactly no gradient, around which LAM's code leaves a hole as large as the network's receptive field.

    Args:
        sr: (N, C, H, W).

    Returns:
        (N, C, H - 1, W - 1), >= 0.
    """
    down = sr[..., :-1, :-1] - sr[..., 1:, :-1]
    right = sr[..., :-1, :-1] - sr[..., :-1, 1:]
    squares = down**2 + right**2
    is_flat = squares == 0
    return torch.where(
        is_flat, torch.zeros_like(squares), torch.where(is_flat, torch.ones_like(squares), squares).sqrt()
    )


def gradient_detector(sr: Tensor, window: Optional[Window] = None) -> Tensor:
    """Return the sum (N,) of the gradient magnitudes of each image over its channels and a window.

    Args:
        sr: (N, C, H, W).
        window: (x, y, size) in SR pixels; None: everywhere. In a window at the right or lower border the last column or
            row has no neighbour and adds nothing, as in LAM's code.

    Raises:
        OptionError: The window does not lie in the image, or has no pixel with neighbours below and to the right.
    """
    if window is None:
        return gradient_magnitude(sr).flatten(1).sum(1)
    check_window(window, sr.shape[-1], sr.shape[-2])
    x, y, size = window
    # One row and one column more, whose differences the last ones of the window need.
    return gradient_magnitude(sr[..., y : y + size + 1, x : x + size + 1]).flatten(1).sum(1)


def check_window_given(window: Any) -> None:
    """Check that a window is x, y and size, wherever it lies.

    Raises:
        OptionError: It is not, or there is none.
    """
    _WINDOW.checked(window, 'window')


def check_window(window: Window, width: int, height: int) -> None:
    """Check that a window lies in an SR image of ``width`` x ``height`` pixels.

    Raises:
        OptionError: As of :func:`gradient_detector`.
    """
    check_window_given(window)
    x, y, size = window
    if size < 1 or min(x, y) < 0 or max(x + size - width, y + size - height) > 0 or x + 1 >= width or y + 1 >= height:
        raise OptionError(
            'The window does not lie in the SR image',
            where='window',
            expected=f'x, y and size inside {width} x {height} pixels',
            found=f'x {x}, y {y}, size {size}',
        )
