"""Mend: a resumed run looks for networks that it reads and does not train among the files that it saved."""

from __future__ import annotations

import functools
from pathlib import Path
from types import ModuleType
from typing import Any

from bsr_plugins.host.patches import replace_function

_MARK = 'leaves_frozen_networks'
_PREFIXES = ('pretrain_network_', 'param_key_')


def mend_frozen_networks(module: ModuleType) -> bool:
    """Wrap ``check_resume``: what ``path`` says of a network stays, where the run has never saved that network.

    Upstream points ``pretrain_network_X`` of every section ``network_X`` to ``models/net_X_N.pth``, and every
    ``param_key_X: params_ema`` to ``params``. Of a network that is frozen, as that of ``saliency: cam`` or that of
    UDN's first step, there is no such file, and its own file keeps its keys.

    ``basicsr/utils/misc.py``; https://github.com/XPixelGroup/BasicSR/blob/master/basicsr/utils/misc.py
    """
    upstream = getattr(module, 'check_resume', None)
    if upstream is None or hasattr(upstream, _MARK):
        return False

    @functools.wraps(upstream)
    def check_resume(opt: Any, *args: Any, **kwargs: Any) -> Any:
        before = dict(opt['path'])
        result = upstream(opt, *args, **kwargs)
        for prefix in _PREFIXES:
            for key in [key for key in opt['path'] if key.startswith(prefix)]:
                name = key[len(prefix) :]
                if key in before and name != 'g' and not any(Path(opt['path']['models']).glob(f'net_{name}_*.pth')):
                    opt['path'][key] = before[key]
        return result

    setattr(check_resume, _MARK, True)
    replace_function(module, 'check_resume', check_resume)
    return True
