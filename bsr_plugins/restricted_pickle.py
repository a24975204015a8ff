"""A pickle module that makes tensors and plain values and calls nothing else: for torch that has no ``weights_only``.

``torch.load(path, pickle_module=bsr_plugins.restricted_pickle)``
"""
from __future__ import annotations

import pickle
from typing import Any

_ALLOWED = frozenset({
    ('collections', 'OrderedDict'), ('collections', 'Counter'), ('builtins', 'set'), ('__builtin__', 'set'),
    ('_codecs', 'encode'), ('torch', 'Size'), ('torch', 'device'), ('torch._utils', '_rebuild_tensor'),
    ('torch._utils', '_rebuild_tensor_v2'), ('torch._utils', '_rebuild_parameter')})
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
        raise pickle.UnpicklingError(f'Unsupported global: GLOBAL {module}.{name}')


def load(file: Any, **options: Any) -> Any:
    """Read one pickled object, as ``pickle.load``."""
    return Unpickler(file, **options).load()
