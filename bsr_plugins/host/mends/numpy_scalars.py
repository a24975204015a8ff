"""Mend: training states with numpy scalars in them, which torch >= 2.6 refuses to load."""

from __future__ import annotations

from types import ModuleType

from bsr_plugins.host.patches import texts_used


def mend_numpy_scalars(module: ModuleType) -> bool:
    """Declare numpy's float scalars safe to load where ``BaseModel.save_training_state`` puts a best metric beside.

    Retinexformer saves ``best_metric`` as ``np.float64``; ``torch.load`` with ``weights_only``, the default of torch
    2.6, fails there: ``WeightsUnpickler error: Unsupported global``. Nothing that could run code becomes loadable.
    ``basicsr/models/base_model.py`` of that fork.
    """
    import torch

    method = getattr(getattr(module, 'BaseModel', None), 'save_training_state', None)
    declare = getattr(torch.serialization, 'add_safe_globals', None)
    if method is None or declare is None or 'best_metric' not in texts_used(method):
        return False
    import numpy as np

    # numpy 2 moved it to a private package.
    multiarray = getattr(np, '_core', None) or np.core
    scalars = [multiarray.multiarray.scalar, np.dtype, type(np.dtype('f8')), type(np.dtype('f4'))]
    if set(scalars) <= set(torch.serialization.get_safe_globals()):
        return False
    declare(scalars)
    return True
