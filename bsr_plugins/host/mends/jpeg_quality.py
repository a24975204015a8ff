"""Mend: JPEG compression at a quality that is not a whole number."""

from __future__ import annotations

import functools
from types import ModuleType
from typing import Any

from bsr_plugins.host.patches import replace_function


def mend_jpeg_quality(module: ModuleType) -> bool:
    """Pass ``add_jpg_compression`` a whole quality: OpenCV >= 4.5.4 refuses a float, which the random version draws.

    https://github.com/XPixelGroup/BasicSR/issues/578. OpenCV before took the whole part, and so does this.
    """
    upstream_add = getattr(module, 'add_jpg_compression', None)
    if upstream_add is None or not _refuses_float(module, upstream_add):
        return False

    @functools.wraps(upstream_add)
    def add_jpg_compression(img: Any, quality: Any = 90) -> Any:
        return upstream_add(img, int(quality))

    replace_function(module, 'add_jpg_compression', add_jpg_compression)
    return True


def _refuses_float(module: ModuleType, add_jpg_compression: Any) -> bool:
    try:
        add_jpg_compression(module.np.zeros((8, 8, 3), module.np.float32), 50.5)
    except module.cv2.error:
        return True
    return False
