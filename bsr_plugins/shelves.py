"""Where BasicSR looks a name up, behind one small interface: what stands there, and how to put something there.

Upstream since 1.3 and its forks have registries. Forks of the releases before look names up by getattr in lists of
modules; a further class here with the same methods, chosen in :func:`find_shelves`, is all that they need.
"""
from __future__ import annotations

import sys
from typing import Any, Callable, Dict, List, Optional

REGISTRIES = {'dataset': 'DATASET_REGISTRY', 'arch': 'ARCH_REGISTRY', 'model': 'MODEL_REGISTRY',
              'loss': 'LOSS_REGISTRY', 'metric': 'METRIC_REGISTRY'}
REGISTRY_MODULE = 'basicsr.utils.registry'
_SAID: List[str] = []


class Shelf:
    """One of BasicSR's registries."""

    def __init__(self, registry: Any) -> None:
        self._registry = registry

    def holder(self, name: str) -> Optional[Any]:
        """Return what is registered under exactly ``name``, or None. (``Registry.get`` prints, and tries suffixes.)"""
        return dict(iter(self._registry)).get(name)

    def keys_held(self, condition: Callable[[Any], bool]) -> List[str]:
        """Return the names whose object fulfils ``condition``."""
        return [name for name, held in self._registry if condition(held)]

    def put(self, key: str, factory: Callable[..., Any]) -> None:
        """Register ``factory`` under ``key``, which is its name, or its name with a suffix."""
        import inspect
        suffix = key[len(factory.__name__) + 1:]
        if not suffix:
            self._registry.register(factory)
        elif 'suffix' in inspect.signature(self._registry.register).parameters:
            self._registry.register(factory, suffix=suffix)
        else:
            # Registries before suffixes: the object's own name is all they go by.
            plain, factory.__name__ = factory.__name__, key
            self._registry.register(factory)
            factory.__name__ = plain

    def yield_to_others(self, is_ours: Callable[[Any], bool], tell: Callable[[str], None]) -> None:
        """Let a class registered later under one of our plain names have it, where upstream would stop at the clash.

        Projects that depend on basicsr (HAT, Real-ESRGAN, ...) register their classes after all of basicsr is imported.
        """
        registry = self._registry
        if 'bsr_plugins_yields' in vars(registry) or not hasattr(registry, '_do_register'):
            return
        upstream_do_register = registry._do_register

        def do_register(name: str, obj: Any, *args: Any, **kwargs: Any) -> Any:
            displaced = not is_ours(obj) and not any(args) and not any(kwargs.values()) and is_ours(self.holder(name))
            if displaced:
                del registry._obj_map[name]
            result = upstream_do_register(name, obj, *args, **kwargs)
            if displaced:
                tell(name)
            return result

        registry._do_register = do_register
        registry.bsr_plugins_yields = True


def find_shelves() -> Dict[str, Shelf]:
    """Return kind -> shelf of the basicsr that is imported; empty where none is, or one that has no registries."""
    module = sys.modules.get(REGISTRY_MODULE)
    if module is None:
        return {}
    found = {kind: getattr(module, name, None) for kind, name in REGISTRIES.items()}
    return {kind: Shelf(registry) for kind, registry in found.items() if registry is not None}


def holder_name(held: Any) -> str:
    """Return ``module.Class`` of a registered object."""
    return f'{getattr(held, "__module__", "?")}.{getattr(held, "__qualname__", repr(held))}'


def say_when_logging(message: str) -> None:
    """Write ``message`` (info) to BasicSR's root logger once, as soon as that logger writes its first info line.

    At import time the logger has no level and no file yet, and asking BasicSR for it would set it up without the file.
    """
    if message in _SAID:
        return
    _SAID.append(message)
    import logging
    logger = logging.getLogger('basicsr')
    unsaid = [message]

    def say_first(record: Any) -> bool:
        if unsaid:
            logger.info(unsaid.pop())
        return True

    logger.addFilter(say_first)
