"""BasicSR's registries behind one small interface, and the same for forks that have none: find a name, add a name.

Upstream since 1.3 and its forks have registries (:class:`NamedRegistry`). Forks of the releases before (Restormer,
NAFNet, ...) look names up by getattr in a list of modules (:class:`ModuleRegistry`).
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any, Callable, Dict, List, Optional, Union

from bsr_plugins.common.builders import REGISTRY_MODULE

REGISTRIES = {
    'dataset': 'DATASET_REGISTRY',
    'arch': 'ARCH_REGISTRY',
    'model': 'MODEL_REGISTRY',
    'loss': 'LOSS_REGISTRY',
    'metric': 'METRIC_REGISTRY',
}
# kind -> where forks without registries look its names up: a module, and the list of modules in it (None: in itself).
LEGACY_PLACES = {
    'dataset': ('basicsr.data', '_dataset_modules'),
    'arch': ('basicsr.models.archs', '_arch_modules'),
    'model': ('basicsr.models', '_model_modules'),
    'loss': ('basicsr.models.losses', None),
    'metric': ('basicsr.metrics', None),
}
_LEGACY_MODEL = 'basicsr.models.image_restoration_model'
# What our models stand on, module and class, the first that is there: BasicSR; the Restormer family; NAFNet.
STOCK_MODELS = (
    ('basicsr.models.sr_model', 'SRModel'),
    (_LEGACY_MODEL, 'ImageCleanModel'),
    (_LEGACY_MODEL, 'ImageRestorationModel'),
)
OWN_MODULE = 'bsr_plugins.registered'


class NamedRegistry:
    """One of BasicSR's registries."""

    def __init__(self, registry: Any) -> None:
        self._registry = registry

    def find(self, name: str) -> Optional[Any]:
        """Return what is registered under exactly ``name``, or None. (``Registry.get`` prints, and tries suffixes.)"""
        return dict(iter(self._registry)).get(name)

    def names_where(self, condition: Callable[[Any], bool]) -> List[str]:
        """Return the names whose object fulfils ``condition``."""
        return [name for name, held in self._registry if condition(held)]

    def put(self, key: str, factory: Callable[..., Any]) -> None:
        """Register ``factory`` under ``key``, which is its name, or its name with a suffix."""
        import inspect

        suffix = key[len(factory.__name__) + 1 :]
        if not suffix:
            self._registry.register(factory)
        elif 'suffix' in inspect.signature(self._registry.register).parameters:
            self._registry.register(factory, suffix=suffix)
        else:
            # Registries before suffixes: the object's own name is all they go by.
            plain, factory.__name__ = factory.__name__, key
            self._registry.register(factory)
            factory.__name__ = plain

    def let_later_classes_win(self, is_ours: Callable[[Any], bool], report: Callable[[str], None]) -> None:
        """Let a class registered later under one of our plain names have it, where upstream would stop at the clash.

        Projects that depend on basicsr (HAT, Real-ESRGAN, ...) register their classes after all of basicsr is imported.
        """
        registry = self._registry
        if 'bsr_plugins_gives_way' in vars(registry) or not hasattr(registry, '_do_register'):
            return
        upstream_do_register = registry._do_register

        def do_register(name: str, obj: Any, *args: Any, **kwargs: Any) -> Any:
            displaced = not is_ours(obj) and not any(args) and not any(kwargs.values()) and is_ours(self.find(name))
            if displaced:
                del registry._obj_map[name]
            result = upstream_do_register(name, obj, *args, **kwargs)
            if displaced:
                report(name)
            return result

        registry._do_register = do_register
        registry.bsr_plugins_gives_way = True


class ModuleRegistry:
    """What forks without registries have in their place: modules that are searched in turn, the first with a name wins.

    Args:
        modules: The fork's own list, to which a module of the pack is appended; the pack's names never hide the fork's.
        place: The module searched, where there is one and no list; names are set in it.
    """

    def __init__(self, modules: Optional[List[ModuleType]] = None, place: Optional[ModuleType] = None) -> None:
        self._modules = modules if modules is not None else [place] if place is not None else []
        self._own_module = place

    def find(self, name: str) -> Optional[Any]:
        """Return what a look-up of exactly ``name`` finds, or None."""
        return next(
            (held for held in (getattr(module, name, None) for module in self._modules) if held is not None), None
        )

    def names_where(self, condition: Callable[[Any], bool]) -> List[str]:
        """Return the names whose object fulfils ``condition``."""
        names = dict.fromkeys(name for module in self._modules for name in vars(module) if not name.startswith('_'))
        return [name for name in names if condition(self.find(name))]

    def put(self, key: str, factory: Callable[..., Any]) -> None:
        """Let ``key`` find ``factory`` where nothing else of the fork has that name."""
        if self._own_module is None:
            self._own_module = next((module for module in self._modules if module.__name__ == OWN_MODULE), None)
        if self._own_module is None:
            self._own_module = ModuleType(OWN_MODULE)
            self._modules.append(self._own_module)
        setattr(self._own_module, key, factory)

    def let_later_classes_win(self, is_ours: Callable[[Any], bool], report: Callable[[str], None]) -> None:
        """Do nothing: the fork's modules are searched first."""


AnyRegistry = Union[NamedRegistry, ModuleRegistry]


def find_registries() -> Dict[str, AnyRegistry]:
    """Return kind -> registry of the basicsr that is imported; where it has no registries, as far as it is imported."""
    registries = sys.modules.get(REGISTRY_MODULE)
    found: Dict[str, AnyRegistry] = {}
    for kind, name in REGISTRIES.items():
        registry = getattr(registries, name, None)
        registry = NamedRegistry(registry) if registry is not None else None
        if registries is None:
            registry = _module_registry(*LEGACY_PLACES[kind])
        if registry is not None:
            found[kind] = registry
    return found


def _module_registry(module_name: str, list_name: Optional[str]) -> Optional[ModuleRegistry]:
    module = sys.modules.get(module_name)
    if module is None:
        return None
    if list_name is None:
        return ModuleRegistry(place=module)
    # It stands there as soon as all its modules are imported; names of a module that is half imported go to the fork.
    modules = getattr(module, list_name, None)
    return ModuleRegistry(modules) if isinstance(modules, list) else None


def qualified_name(found: Any) -> str:
    """Return ``module.Class`` of a registered object."""
    return f'{getattr(found, "__module__", "?")}.{getattr(found, "__qualname__", repr(found))}'
