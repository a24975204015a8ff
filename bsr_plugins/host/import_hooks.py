"""Callbacks that run right after a module was imported, and substitutes for modules that nobody else provides.

The pack registers and mends through these two, so that it never imports BasicSR itself and may be imported before,
after or in the midst of it. The tables live on the finders in ``sys.meta_path``: a second import or a reload of this
file finds the first one's finders and goes on with them.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any, Callable, Dict, List, Optional, Sequence, Set

from bsr_plugins.common.errors import BsrPluginsError, HookError

Callback = Callable[[ModuleType], Any]
Builder = Callable[[ModuleType], Any]


def post_import(module_name: str, callback: Callback, label: Optional[str] = None) -> None:
    """Call ``callback(module)`` right after the module ``module_name`` has finished executing.

    A module that is complete already: called at once. One that is being imported at this moment: called when it is
    complete. One that is reloaded later: called again, since a reload undoes what the callback did. The first importer
    waits for the callbacks, so code after ``import module_name`` always sees their effect.

    Args:
        module_name: The full dotted name; a module with a source, extension or built-in loader.
        callback: Takes the module. What it raises goes to the importer, who then sees the import fail.
        label: Names the callback in errors, and identifies it: asked for again under the same label, it replaces the
            earlier one and is not called a second time for the same module. Default: its module and qualified name.

    Raises:
        HookError: The module was complete and the callback failed; names the callback and the module.
    """
    finder = _post_import_finder()
    hooks = finder.hooks.setdefault(module_name, {})
    label = label or f'{callback.__module__}.{callback.__qualname__}'
    if label in hooks:
        hooks[label].callback = callback
    else:
        hooks[label] = _Hook(callback)
    module = sys.modules.get(module_name)
    if module is None or module_name in finder.executing:
        return
    if is_complete(module_name):
        finder.run_hooks(module_name, module, only=label)
    else:
        _call_when_initialised(module.__spec__, finder.run_hooks)


def provide_missing(module_name: str, builder: Builder) -> None:
    """Serve ``module_name`` where no other finder has it: ``builder(module)`` fills the empty module. A real one wins.

    A name that stands before a dot in another provided name (``distutils`` for ``distutils.version``) becomes a
    package. ``*.NAME`` is the module NAME of any package in whose checkout ``setup.py`` makes a version file. Asked for
    again, the later builder replaces the earlier one.
    """
    _fallback_finder().builders[module_name] = builder


def is_complete(module_name: str) -> bool:
    """Return whether the module is imported and has finished executing."""
    module = sys.modules.get(module_name)
    return module is not None and not getattr(getattr(module, '__spec__', None), '_initializing', False)


class _Hook:
    """A callback and the module object for which it ran last."""

    def __init__(self, callback: Callback) -> None:
        self.callback = callback
        self.ran_for: Optional[ModuleType] = None


class PostImportFinder:
    """First in ``sys.meta_path``: lets the other finders find a hooked module and puts its hooks behind its execution.

    The loader is replaced for the time of the search alone: when the module executes, ``__spec__.loader`` and
    ``__loader__`` are the real one's again, so inspect, pickle and importlib.resources see nothing of this.
    """

    identity = 'bsr_plugins.post_import'

    def __init__(self) -> None:
        self.hooks: Dict[str, Dict[str, _Hook]] = {}
        self.executing: Set[str] = set()

    def find_spec(
        self, name: str, path: Optional[Sequence[str]] = None, target: Optional[ModuleType] = None
    ) -> Optional[ModuleSpec]:
        if name not in self.hooks:
            return None
        spec = _find_among(sys.meta_path, name, path, target, leave_out=self)
        if spec is None:
            return None
        if hasattr(spec.loader, 'exec_module'):
            spec.loader = _HookedLoader(spec.loader, self)
        else:
            _call_when_initialised(spec, self.run_hooks)
        return spec

    def run_hooks(self, name: str, module: ModuleType, again: bool = False, only: Optional[str] = None) -> None:
        """Run the hooks of the module in the order in which they were asked for; unless ``again``, the new ones.

        Raises:
            HookError: A callback raised something that is not one of the pack's own errors.
        """
        for label, hook in list(self.hooks.get(name, {}).items()):
            if (hook.ran_for is module and not again) or only not in (None, label):
                continue
            hook.ran_for = module
            try:
                hook.callback(module)
            except Exception as error:
                hook.ran_for = None
                if isinstance(error, BsrPluginsError):
                    raise
                raise HookError(
                    f'{label} failed on the module {name}: {type(error).__name__}: {error}',
                    where=getattr(module, '__file__', None),
                    remedy='the traceback above names the line; the path tells which basicsr this is',
                ) from error


class FallbackFinder:
    """Last in ``sys.meta_path``: serves the provided modules, unless a finder appended later has a real one."""

    identity = 'bsr_plugins.fallback'

    def __init__(self) -> None:
        self.builders: Dict[str, Builder] = {}

    def find_spec(
        self, name: str, path: Optional[Sequence[str]] = None, target: Optional[ModuleType] = None
    ) -> Optional[ModuleSpec]:
        builder = self.builders.get(name)
        if builder is None and path is not None and _makes_version_file(name, path):
            builder = self.builders.get(f'*.{name.rpartition(".")[2]}')
        if builder is None:
            return None
        later = sys.meta_path[sys.meta_path.index(self) + 1 :] if self in sys.meta_path else []
        real = _find_among(later, name, path, target, leave_out=self)
        if real is not None:
            return real
        package = any(other.startswith(f'{name}.') for other in self.builders)
        return ModuleSpec(name, _BuildingLoader(builder), origin=self.identity, is_package=package)


def _makes_version_file(name: str, path: Sequence[str]) -> bool:
    """Return whether ``name`` is a module of a top-level package beside a setup.py of BasicSR's kind."""
    for folder in path if name.count('.') == 1 else ():
        try:
            if b'__gitsha__' in (Path(folder).parent / 'setup.py').read_bytes():
                return True
        except OSError:
            continue
    return False


class _HookedLoader:
    """Stands for a module's loader while it is searched and created, and hands over when it executes."""

    def __init__(self, loader: Any, finder: PostImportFinder) -> None:
        self._loader = loader
        self._finder = finder

    def __getattr__(self, name: str) -> Any:
        if name == '_loader':
            raise AttributeError(name)
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> Optional[ModuleType]:
        create = getattr(self._loader, 'create_module', None)
        return create(spec) if create else None

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        name = module.__spec__.name
        self._finder.executing.add(name)
        try:
            self._loader.exec_module(module)
        finally:
            self._finder.executing.discard(name)
        # A module may put another object into sys.modules in its own place; importers get that one.
        self._finder.run_hooks(name, sys.modules.get(name, module), again=True)


class _BuildingLoader:
    """Loads a provided module: empty, then filled by its builder."""

    def __init__(self, builder: Builder) -> None:
        self._builder = builder

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        self._builder(module)


class _WatchedSpec(ModuleSpec):
    """A spec that notices when the import system marks its module as complete: ``_initializing`` becomes False."""

    @property
    def _initializing(self) -> bool:
        return self.__dict__.get('_initializing', False)

    @_initializing.setter
    def _initializing(self, value: bool) -> None:
        self.__dict__['_initializing'] = value
        if value:
            return
        self.__class__ = ModuleSpec
        then = self.__dict__.pop('_bsr_plugins_then')
        # After a failed import the module is no longer there.
        module = sys.modules.get(self.name)
        if module is not None and module.__spec__ is self:
            then(self.name, module)


def _call_when_initialised(spec: ModuleSpec, then: Callable[[str, ModuleType], None]) -> None:
    """Call ``then(name, module)`` when the import that is under way completes the module of ``spec``."""
    if type(spec) is ModuleSpec:
        spec.__dict__['_bsr_plugins_then'] = then
        spec.__class__ = _WatchedSpec


def _find_among(
    finders: Sequence[Any], name: str, path: Optional[Sequence[str]], target: Optional[ModuleType], *, leave_out: Any
) -> Optional[ModuleSpec]:
    for finder in list(finders):
        find_spec = getattr(finder, 'find_spec', None)
        if finder is leave_out or find_spec is None:
            continue
        spec = find_spec(name, path, target)
        if spec is not None:
            return spec
    return None


def _finders_named(identity: str) -> List[Any]:
    return [finder for finder in sys.meta_path if getattr(finder, 'identity', None) == identity]


def _post_import_finder() -> Any:
    present = _finders_named(PostImportFinder.identity)
    finder = present[0] if present else PostImportFinder()
    if sys.meta_path[0] is not finder:
        sys.meta_path[:] = [finder, *(other for other in sys.meta_path if other is not finder)]
    return finder


def _fallback_finder() -> Any:
    present = _finders_named(FallbackFinder.identity)
    if present:
        return present[0]
    finder = FallbackFinder()
    sys.meta_path.append(finder)
    return finder
