"""Networks with attention windows at any image size: padded to whole windows, as in BasicSR's SwinIRModel."""

from __future__ import annotations

import contextlib
from typing import Any, Iterator, Optional


@contextlib.contextmanager
def whole_windows(model: Any, size: Optional[int]) -> Iterator[None]:
    """Inside the block, which tests ``model``, its ``lq`` is padded to whole windows; its ``output`` is cut afterwards.

    Args:
        model: A BasicSR model with a batch.
        size: Of the windows; None pads nothing.
    """
    if not size:
        yield
        return
    from torch.nn import functional  # the check of an option file asks for the size alone

    given = model.lq
    height, width = given.shape[-2:]
    model.lq = functional.pad(given, (0, -width % size, 0, -height % size), 'reflect')
    try:
        yield
    finally:
        model.lq = given
    scale = model.opt.get('scale', 1)
    model.output = model.output[..., : height * scale, : width * scale]
