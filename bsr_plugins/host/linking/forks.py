"""What kind of fork a checkout is: which package holds its classes, and how BasicSR finds them there."""

from __future__ import annotations

from pathlib import Path
from typing import List, NamedTuple

from bsr_plugins.common.errors import LinkError
from bsr_plugins.host.scripts.fork_scripts import find_script
from bsr_plugins.host.source_names import has_registries

REGISTRY, LEGACY, DEPENDENT = 'registry', 'legacy', 'dependent'

# Subpackage -> how the names of the files end that its __init__ imports, in the order in which the packages are
# imported. Losses are scanned by some releases alone and hold no place for a stub.
_FILES = {'archs': '_arch.py', 'data': '_dataset.py', 'losses': '_loss.py', 'metrics': '.py', 'models': '_model.py'}
_ORDER = {
    REGISTRY: ('archs', 'data', 'losses', 'metrics', 'models'),
    DEPENDENT: ('archs', 'data', 'losses', 'models'),
    LEGACY: ('data', 'models'),
}
# A legacy script imports data first; a stub in models/ is where a reader looks for it.
_PLACES = {REGISTRY: ('archs', 'data', 'models'), DEPENDENT: ('archs', 'data', 'models'), LEGACY: ('models', 'data')}


class Fork(NamedTuple):
    """A checkout.

    Attributes:
        root: The checkout's root.
        package: The folder with the fork's archs, data and models: ``root/basicsr``, or its own (``root/hat``).
        kind: ``registry``, ``legacy`` (names are looked up by getattr) or ``dependent`` (on an installed basicsr).
    """

    root: Path
    package: Path
    kind: str

    @property
    def is_namespace(self) -> bool:
        """Whether ``basicsr`` has no ``__init__.py``: any other basicsr on the path then wins."""
        return self.kind != DEPENDENT and not (self.package / '__init__.py').is_file()

    @property
    def script(self) -> Path:
        """The training script."""
        return self.package / 'train.py'

    def places(self) -> List[Path]:
        """Return the files that a stub may be, the best first; whether it works there is another question."""
        return [self.package / name / f'bsr_plugins{_FILES[name]}' for name in _PLACES[self.kind]]

    def imported_by(self, place: Path) -> List[Path]:
        """Return the files that are imported before or beside a stub in ``place``, without those that they import."""
        order = _ORDER[self.kind]
        files: List[Path] = []
        for name in order[: order.index(place.parent.name) + 1]:
            folder = self.package / name
            files += [folder / '__init__.py', *sorted(folder.glob(f'*{_FILES[name]}'))]
        return [path for path in files if path.is_file() and path != place]


def is_scanned(place: Path) -> bool:
    """Return whether the package of ``place`` imports every file of such a name (``*_arch.py``), a stub too."""
    try:
        text = (place.parent / '__init__.py').read_text(encoding='utf-8', errors='replace')
    except OSError:
        return False
    suffix = _FILES[place.parent.name]
    return any(f'{quote}{suffix}{quote}' in text for quote in '\'"') and 'import_module' in text


def find_fork(folder: Path) -> Fork:
    """Return what ``folder`` is the root of.

    Raises:
        LinkError: It is no folder, or no checkout of BasicSR, of a fork of it, or of a project that depends on it.
        DependencyError: Several packages in it have a training script.
    """
    if not folder.is_dir():
        raise LinkError(
            'The folder does not exist',
            where=folder,
            remedy='give the root of the checkout: the folder with basicsr/ in it',
        )
    root = folder.resolve()
    package = root / 'basicsr'
    if (package / 'train.py').is_file():
        return Fork(root, package, REGISTRY if has_registries(package) else LEGACY)
    is_package = root.name == 'basicsr' or (root / '__init__.py').is_file()
    script = None if is_package else find_script(root, 'train')
    if script is not None and any((script.parent / name).is_dir() for name in _PLACES[DEPENDENT]):
        return Fork(root, script.parent, DEPENDENT)
    raise LinkError(
        'This is no checkout of BasicSR or of a fork of it',
        where=root,
        expected='basicsr/train.py, or a package whose train.py imports basicsr',
        found=_listed(root),
        remedy=f'give the folder above: {root.parent}'
        if is_package and (root / 'train.py').is_file()
        else 'give the root of the checkout: the folder with basicsr/ in it',
    )


def _listed(root: Path) -> str:
    names = sorted(entry.name for entry in root.iterdir() if not entry.name.startswith('.'))
    return ', '.join(names[:8]) + (', ...' if len(names) > 8 else '') if names else 'an empty folder'
