"""Mend: ``filter2D`` on images whose memory is not contiguous."""

from __future__ import annotations

import functools
from types import ModuleType
from typing import Any

from bsr_plugins.host.patches import names_used, replace_function


def mend_filter2d(module: ModuleType) -> bool:
    """Give ``filter2D`` contiguous images: it pads them and then takes a ``view``, which RealESRNet's feed fails at.

    ``RuntimeError: view size is not compatible with input tensor's size and stride``;
    ``basicsr/utils/img_process_util.py``.
    """
    upstream_filter = getattr(module, 'filter2D', None)
    if upstream_filter is None or hasattr(upstream_filter, '__wrapped__'):
        return False
    used = names_used(upstream_filter)
    if 'view' not in used or 'contiguous' in used:
        return False

    @functools.wraps(upstream_filter)
    def filter2D(img: Any, kernel: Any) -> Any:  # noqa: N802
        return upstream_filter(img.contiguous(), kernel.contiguous())

    replace_function(module, 'filter2D', filter2D)
    return True
