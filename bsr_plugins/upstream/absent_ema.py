"""Mend: a test that takes the averaged weights of a run that has none."""
from __future__ import annotations

import functools
from types import ModuleType
from typing import Any

from bsr_plugins.upstream.mend import texts_used

ATTRIBUTE = 'ema_decay'


def mend_absent_ema(module: ModuleType) -> bool:
    """Wrap ``SRModel.test`` where it looks for ``ema_decay`` and uses ``net_g_ema``: without it, ``net_g`` is tested.

    The attribute is there, as 0, in every training; CodeFormer's validation then fails with ``'SRModel' object has no
    attribute 'net_g_ema'``. ``basicsr/models/sr_model.py`` of release 1.3.2 and of CodeFormer.
    """
    model = getattr(module, 'SRModel', None)
    upstream_test = vars(model).get('test') if model is not None else None
    if upstream_test is None or hasattr(upstream_test, '__wrapped__') or ATTRIBUTE not in texts_used(upstream_test):
        return False

    @functools.wraps(upstream_test)
    def test(self: Any, *args: Any, **kwargs: Any) -> Any:
        if hasattr(self, 'net_g_ema') or ATTRIBUTE not in vars(self):
            return upstream_test(self, *args, **kwargs)
        decay = vars(self).pop(ATTRIBUTE)
        try:
            return upstream_test(self, *args, **kwargs)
        finally:
            setattr(self, ATTRIBUTE, decay)

    model.test = test
    return True
