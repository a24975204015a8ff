"""Data sets, networks and losses built by the names of option files, in BasicSR and in forks without registries."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from copy import deepcopy
from types import ModuleType
from typing import Any, Mapping, Optional

REGISTRY_MODULE = 'basicsr.utils.registry'


def has_registries() -> bool:
    """Return whether the basicsr that runs has registries (releases before 1.3 do not); imports it for it."""
    import basicsr.utils  # noqa: F401

    return REGISTRY_MODULE in sys.modules or importlib.util.find_spec(REGISTRY_MODULE) is not None


def build_dataset(options: Mapping[str, Any]) -> Any:
    """Build the data set of ``options``, which are left as they are, by the function of the basicsr that runs."""
    from basicsr import data

    build = data.build_dataset if has_registries() else data.create_dataset
    return build(deepcopy(dict(options)))


def build_network(options: Mapping[str, Any]) -> Any:
    """Build the network of ``options``, which are left as they are."""
    if has_registries():
        from basicsr.archs import build_network as build
    else:
        from basicsr.models.archs import define_network as build
    return build(deepcopy(dict(options)))


def window_size(network: Mapping[str, Any]) -> Optional[int]:
    """Return the ``window_size`` of ``network_g``, or of its base (BicubicResidual); None where it has no windows."""
    while isinstance(network.get('base'), Mapping):
        network = network['base']
    return network.get('window_size')


def arch_util() -> ModuleType:
    """Return BasicSR's module of network parts (``Upsample``, ``ResidualBlockNoBN``, ...)."""
    return importlib.import_module('basicsr.archs.arch_util' if has_registries() else 'basicsr.models.archs.arch_util')


def build_loss(options: Mapping[str, Any]) -> Any:
    """Build the loss of ``options``, which are left as they are.

    Raises:
        AttributeError: A fork without registries has no loss of that type.
    """
    own = deepcopy(dict(options))
    if has_registries():
        from basicsr.losses import build_loss as build

        return build(own)
    from basicsr.models import losses

    return getattr(losses, own.pop('type'))(**own)
