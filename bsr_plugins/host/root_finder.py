"""``import basicsr`` gives the package of the checkout that a run was started in, whatever else is installed."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any, List, Optional, Sequence

PACKAGE = 'basicsr'


class RootFinder:
    """At the head of ``sys.meta_path``: finds ``basicsr`` in one checkout, and nothing else.

    A checkout whose ``basicsr`` has no ``__init__.py`` (the Restormer family) is a namespace package; Python's own
    search lets any regular package of that name win over it, wherever it stands on the path.
    """

    identity = 'bsr_plugins.root'

    def __init__(self, package: Path) -> None:
        self.package = package

    def find_spec(
        self, name: str, path: Optional[Sequence[str]] = None, target: Optional[ModuleType] = None
    ) -> Optional[ModuleSpec]:
        if name != PACKAGE:
            return None
        init = self.package / '__init__.py'
        if init.is_file():
            return importlib.util.spec_from_file_location(name, init, submodule_search_locations=[str(self.package)])
        spec = ModuleSpec(name, None, is_package=True)
        spec.submodule_search_locations = [str(self.package)]
        return spec


def use_package(package: Path) -> None:
    """Let ``import basicsr`` give the package in the folder ``package`` from now on, in this process."""
    for finder in _root_finders():
        sys.meta_path.remove(finder)
    sys.meta_path.insert(0, RootFinder(package))
    importlib.invalidate_caches()


def package_in_use() -> Optional[Path]:
    """Return the folder given to :func:`use_package` last, None where there was none."""
    present = _root_finders()
    return present[0].package if present else None


def _root_finders() -> List[Any]:
    return [finder for finder in sys.meta_path if getattr(finder, 'identity', None) == RootFinder.identity]
