"""Mend: testing and saving take the averaged (EMA) weights of a run that has none."""

from __future__ import annotations

import functools
from types import ModuleType
from typing import Any, Callable

from bsr_plugins.host.patches import texts_used

ATTRIBUTE = 'ema_decay'


def mend_absent_ema(module: ModuleType) -> bool:
    """Wrap ``SRModel.test`` and ``save`` where they look for ``ema_decay`` and then use ``net_g_ema``.

    The attribute is there, as 0, in every training; without averaged weights they then fail with ``'SRModel' object has
    no attribute 'net_g_ema'``. Where there are none, ``net_g`` is tested and saved. ``basicsr/models/sr_model.py`` of
    release 1.3.2 and of CodeFormer.
    """
    model = getattr(module, 'SRModel', None)
    mended = False
    for name in ('test', 'save'):
        method = vars(model).get(name) if model is not None else None
        if method is None or hasattr(method, '__wrapped__') or ATTRIBUTE not in texts_used(method):
            continue
        setattr(model, name, _without_ema(method))
        mended = True
    return mended


def _without_ema(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def mended(self: Any, *args: Any, **kwargs: Any) -> Any:
        if hasattr(self, 'net_g_ema') or ATTRIBUTE not in vars(self):
            return method(self, *args, **kwargs)
        decay = vars(self).pop(ATTRIBUTE)
        try:
            return method(self, *args, **kwargs)
        finally:
            setattr(self, ATTRIBUTE, decay)

    return mended
