"""Mend: the colour conversions that BasicSR 1.4 moved from ``matlab_functions`` to ``color_util``."""

from __future__ import annotations

import importlib
from types import ModuleType

NAMES = ('rgb2ycbcr', 'bgr2ycbcr', 'ycbcr2rgb', 'ycbcr2bgr')


def mend_matlab_color(module: ModuleType) -> bool:
    """Offer the moved functions in their old place too, where HAT looks for them.

    ``ImportError: cannot import name 'rgb2ycbcr'``; https://github.com/XPixelGroup/HAT/issues/8.
    """
    missing = [name for name in NAMES if not hasattr(module, name)]
    if not missing:
        return False
    color_util = importlib.import_module(f'{module.__name__.rpartition(".")[0]}.color_util')
    for name in missing:
        setattr(module, name, getattr(color_util, name))
    return True
