"""Why a stub in a fork's file would come too late, or not at all: checked before it is written."""

from __future__ import annotations

import importlib.machinery
import sys
from pathlib import Path
from typing import Dict, List, Optional

from bsr_plugins.common.commands import command
from bsr_plugins.common.errors import LinkError
from bsr_plugins.host.import_hooks import FallbackFinder
from bsr_plugins.host.linking.forks import DEPENDENT, REGISTRY, Fork, find_fork, is_scanned
from bsr_plugins.host.linking.imports import imported_modules
from bsr_plugins.host.linking.stub import stub_version

FUNCTIONAL_TENSOR = 'torchvision.transforms.functional_tensor'
_WHY_MISSING = {
    FUNCTIONAL_TENSOR: 'torchvision >= 0.17 no longer has it',
    'distutils': 'Python >= 3.12 no longer has it, and setuptools is not installed',
}


def place_for(folder: Path) -> Path:
    """Return the file that a stub in the checkout ``folder`` is to be; what stands there, if anything, is a stub.

    Raises:
        LinkError: ``folder`` is no checkout of a fork, or a stub would not work there.
    """
    fork = find_fork(folder)
    check_not_shadowed(fork)
    missing = missing_modules()
    refusals: List[LinkError] = []
    for place in fork.places():
        refusal = refusal_of(fork, place, missing)
        if refusal is None:
            return place
        refusals.append(refusal)
    raise max(refusals, key=lambda refusal: refusal.found is not None)


def refusal_of(fork: Fork, place: Path, missing: Dict[str, str]) -> Optional[LinkError]:
    """Return why a stub that is the file ``place`` would not be imported, or too late; None where it works."""
    if not is_scanned(place):
        return LinkError(
            f'{place.parent.name}/__init__.py of this fork does not import every file of a folder, so a '
            'stub would not be imported',
            where=place.parent,
            expected=f'a scan for {place.name.replace("bsr_plugins", "*")}',
            remedy=_remedy(fork),
        )
    too_late = first_missing(fork, place, missing)
    if too_late is not None:
        return too_late
    if place.is_symlink() or (place.exists() and stub_version(place) is None):
        return LinkError(
            "Another file has the stub's name",
            where=place,
            expected='no file, or a stub of bsr_plugins',
            found='a file that bsr_plugins did not write',
            remedy=f'rename it, or {_remedy(fork)}',
        )
    return None


def first_missing(fork: Fork, place: Path, missing: Dict[str, str]) -> Optional[LinkError]:
    """Return the refusal where a module that the pack would serve is imported before a stub in ``place`` can run."""
    imported = imported_modules(fork.imported_by(place), fork.package)
    if fork.kind == DEPENDENT:
        installed = installed_package('basicsr', fork.root)
        if installed is not None:
            # A project that depends on basicsr imports all of it first.
            whole = Fork(installed.parent, installed, REGISTRY)
            files = [installed / '__init__.py', *whole.imported_by(installed / 'models' / place.name)]
            imported = {**imported_modules(files, installed), **imported}
    for name, why in missing.items():
        found = next((module for module in imported if module == name or module.startswith(f'{name}.')), None)
        if found is not None:
            importer = '/'.join(imported[found].parts[-2:])
            return LinkError(
                f'A stub would come too late: {importer} imports {name} before',
                where=place,
                expected=f'a module {name}',
                found=f'none: {why}',
                remedy=_remedy(fork),
            )
    return None


def check_not_shadowed(fork: Fork) -> None:
    """Make sure that the fork's own scripts find the fork's basicsr.

    Raises:
        LinkError: The fork's has no ``__init__.py`` and another one is installed, which wins.
    """
    other = installed_package('basicsr', fork.root) if fork.is_namespace else None
    if other is not None:
        raise LinkError(
            "Another basicsr hides this fork's, which has no __init__.py: its own scripts do not find it",
            where=fork.package,
            expected='no other basicsr',
            found=other,
            remedy=f'{_remedy(fork)}; or uninstall the other one (pip uninstall basicsr)',
        )


def missing_modules() -> Dict[str, str]:
    """Return module -> why it is missing here, of those that BasicSR imports and the pack serves in their absence."""
    missing = []
    torchvision = installed_package('torchvision')
    if torchvision is not None and not (torchvision / 'transforms' / 'functional_tensor.py').is_file():
        missing.append(FUNCTIONAL_TENSOR)
    if not any(_finds(finder, 'distutils') for finder in sys.meta_path):
        missing.append('distutils')
    return {name: _WHY_MISSING[name] for name in missing}


def _finds(finder: object, name: str) -> bool:
    find_spec = getattr(finder, 'find_spec', None)
    is_ours = getattr(finder, 'identity', None) == FallbackFinder.identity
    return find_spec is not None and not is_ours and find_spec(name, None) is not None


def installed_package(name: str, *not_in: Path) -> Optional[Path]:
    """Return the folder of the regular package ``name`` on the import path, without importing it."""
    left_out = {Path.cwd(), *not_in}
    paths = [entry for entry in sys.path if entry and Path(entry).resolve() not in left_out]
    spec = importlib.machinery.PathFinder.find_spec(name, paths)
    return Path(spec.origin).parent if spec is not None and spec.origin else None


def _remedy(fork: Fork) -> str:
    return f'run `{command("train", "-opt", "X.yml")}` in {fork.root}, which needs no stub'
