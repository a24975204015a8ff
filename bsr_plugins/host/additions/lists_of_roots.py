"""Addition: ``dataroot_gt`` and ``dataroot_lq`` may be lists, for the data sets of the pack that read several."""

from __future__ import annotations

import os
from types import ModuleType
from typing import Any


def take_lists_of_roots(module: ModuleType) -> bool:
    """Let ``parse_options`` resolve ``~`` in each path of a list; upstream takes one path, or stops with a TypeError.

    ``basicsr/utils/options.py``, whose name for ``os.path`` is ``osp``.

    Returns:
        True where it is changed now.
    """
    if getattr(module, 'osp', None) is not os.path:
        return False
    module.osp = _Paths()  # type: ignore[attr-defined]
    return True


class _Paths:
    """``os.path`` but for its ``expanduser``."""

    def __getattr__(self, name: str) -> Any:
        return getattr(os.path, name)

    @staticmethod
    def expanduser(path: Any) -> Any:
        if isinstance(path, (list, tuple)):
            return [os.path.expanduser(each) for each in path]
        return os.path.expanduser(path)
