"""Batches of bytes (``uint8: true`` of a data set) as the floats that they stand for, made on the device."""

from __future__ import annotations

from typing import Any, Dict, Mapping

import torch
from torch import Tensor

_IMAGES = ('lq', 'gt', 'saliency')


def float_batch(batch: Mapping[str, Any], device: torch.device) -> Dict[str, Any]:
    """Return a batch of bytes as the floats that the data set would have given, to the bit; any other as it is.

    ``lq`` and ``gt`` (N, C, h, w) become ``(x / 255 - mean) / std``, float32, with ``mean`` and ``std`` (N, C) of the
    batch where it has them; ``saliency`` (N, 1, h, w) becomes ``x / 255``. All are on ``device`` then, where a byte
    takes a quarter of the way of a float.

    Args:
        batch: Of a data set of the pack.
        device: Where the model is.
    """
    found = dict(batch)
    names = [name for name in _IMAGES if isinstance(batch.get(name), Tensor) and batch[name].dtype == torch.uint8]
    if not names:
        return found
    # Of tensors, since CUDA multiplies by the rounded reciprocal of a plain number.
    levels = torch.full((1,), 255.0, device=device)
    shift = [
        found.pop(name).to(device, non_blocking=True)[..., None, None] for name in ('mean', 'std') if name in found
    ]
    for name in names:
        images = batch[name].to(device, non_blocking=True).to(torch.float32).div_(levels)
        if shift and name != 'saliency':
            images.sub_(shift[0]).div_(shift[1])
        found[name] = images
    return found
