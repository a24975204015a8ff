"""The model that the pack's stand on: BasicSR's SRModel, or what forks of the releases before it have in its place."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any, Type

from bsr_plugins.common.errors import DependencyError
from bsr_plugins.host.registries import STOCK_MODELS

ROOT_MODEL = ('basicsr.models.base_model', 'BaseModel')


def stock_model() -> Type[Any]:
    """Return the class; BaseModel where a fork has dropped it (CATANet, FeMaSR), for a base_model_type to stand on it.

    Raises:
        DependencyError: The basicsr that runs has none of them.
    """
    for module_name, name in (*STOCK_MODELS, ROOT_MODEL):
        if importlib.util.find_spec(module_name) is not None:
            found = getattr(importlib.import_module(module_name), name, None)
            if found is not None:
                return found
    raise DependencyError(
        'The basicsr that runs has no model to build on',
        where=importlib.import_module('basicsr').__path__[0],
        expected=', '.join(f'{module}.{name}' for module, name in STOCK_MODELS),
    )


StockModel: Type[Any] = stock_model()
