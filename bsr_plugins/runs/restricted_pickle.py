"""A pickle module that makes tensors and plain values and calls nothing else: for torch before 2.6.

It has no ``weights_only``, or one that refuses what BasicSR's states are made of: the Counter of a scheduler's
milestones (before 2.4, https://github.com/pytorch/pytorch/issues/98921), numpy's numbers.

``torch.load(path, pickle_module=bsr_plugins.runs.restricted_pickle)``
"""

from __future__ import annotations

import inspect
import pickle
import re
import sys
from typing import Any, Callable, Dict

_ALLOWED = frozenset(
    {
        ('collections', 'OrderedDict'),
        ('collections', 'Counter'),
        ('builtins', 'set'),
        ('__builtin__', 'set'),
        ('_codecs', 'encode'),
        ('torch', 'Size'),
        ('torch', 'device'),
        ('torch._utils', '_rebuild_tensor'),
        ('torch._utils', '_rebuild_tensor_v2'),
        ('torch._utils', '_rebuild_parameter'),
    }
)
# A best metric is one; 'core' was renamed in numpy 2, and a file of either is read with both.
_NUMPY_SCALARS = frozenset({('numpy.core.multiarray', 'scalar'), ('numpy._core.multiarray', 'scalar')})
_OWN_SINCE = (2, 6)
_STORAGE_MODULES = ('torch', 'torch.cuda', 'torch.storage')


class Unpickler(pickle.Unpickler):
    """Refuses every global but those that a state dict or a training state of BasicSR is made of."""

    def find_class(self, module: str, name: str) -> Any:
        """Return a global.

        Raises:
            pickle.UnpicklingError: It is not an allowed one.
        """
        if (module, name) in _ALLOWED or (module in _STORAGE_MODULES and name.endswith('Storage')):
            return super().find_class(module, name)
        if (module, name) in _NUMPY_SCALARS:
            return _numpy_scalar
        if (module, name) == ('numpy', 'dtype'):
            return _numpy_dtype
        raise pickle.UnpicklingError(f'Unsupported global: GLOBAL {module}.{name}')


def load(file: Any, **options: Any) -> Any:
    """Read one pickled object, as ``pickle.load``."""
    return Unpickler(file, **options).load()


def load_options(torch_load: Callable[..., Any]) -> Dict[str, Any]:
    """Return the options with which ``torch_load`` reads tensors and plain values alone: torch's own way, or this one.

    Args:
        torch_load: ``torch.load`` of the torch that is installed.
    """
    import torch

    has_own = 'weights_only' in inspect.signature(inspect.unwrap(torch_load)).parameters
    release = re.match(r'(\d+)\.(\d+)', torch.__version__)
    if has_own and release is not None and tuple(map(int, release.groups())) >= _OWN_SINCE:
        return {'weights_only': True}
    restricted = {'pickle_module': sys.modules[__name__]}
    # Left out, torch 2.4 and 2.5 warn of it.
    return {**restricted, 'weights_only': False} if has_own else restricted


def _numpy_dtype(kind: Any, *flags: Any) -> Any:
    import numpy as np

    return np.dtype(kind, *flags)


def _numpy_scalar(dtype: Any, content: Any) -> Any:
    import numpy as np

    # What a pickle makes of a dtype is its own affair until here; numbers alone hold no pointers.
    if not (isinstance(dtype, np.dtype) and dtype.kind in 'biuf' and isinstance(content, (bytes, str))):
        raise pickle.UnpicklingError('Unsupported global: GLOBAL numpy.core.multiarray.scalar of no number')
    raw = content.encode('latin-1') if isinstance(content, str) else content
    return np.frombuffer(raw, dtype, 1)[0]
