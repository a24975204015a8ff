"""Which packages are installed, in which version and from where; read from their metadata, nothing is imported."""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import sys
from importlib import metadata
from pathlib import Path
from typing import List, NamedTuple, Optional, Sequence, Tuple

from bsr_plugins.common.findings import ERROR, WARNING, Finding
from bsr_plugins.host.source_names import basicsr_folder, checkout_of

# What is imported, and the distributions that bring it.
PACKAGES: Tuple[Tuple[str, Tuple[str, ...]], ...] = (
    ('torch', ('torch',)),
    ('torchvision', ('torchvision',)),
    ('numpy', ('numpy',)),
    ('cv2', ('opencv-python', 'opencv-python-headless', 'opencv-contrib-python', 'opencv-contrib-python-headless')),
    ('lmdb', ('lmdb',)),
)
UNKNOWN = 'version unknown'
_VERSION_LINE = re.compile(r'^__version__\s*=\s*[\'"]([^\'"]+)', re.MULTILINE)


class Package(NamedTuple):
    """A package as it is found.

    Attributes:
        name: What is imported.
        version: Of the first distribution that brings it, or ``version unknown``; None where it is not there at all.
        folder: Where it lies.
        distributions: All that bring it.
    """

    name: str
    version: Optional[str]
    folder: Optional[Path]
    distributions: Tuple[str, ...] = ()

    def row(self) -> Tuple[str, str]:
        """Return the package's line of the report."""
        if self.version is None:
            return self.name, 'not installed'
        names = [name for name in self.distributions if name != self.name]
        shown = f' ({", ".join(names)})' if names else ''
        return self.name, f'{self.version}{shown}  {self.folder or ""}'.rstrip()


def python_row() -> Tuple[str, str]:
    """Return the line of the interpreter and the system."""
    return 'python', f'{platform.python_version()} on {platform.platform()}  {sys.executable}'


def find_package(name: str, distributions: Sequence[str]) -> Package:
    """Return what is known of a package without importing it."""
    found = [
        (distribution, version)
        for distribution in distributions
        for version in [_installed_version(distribution)]
        if version
    ]
    folder = _folder(name)
    if folder is None and not found:
        return Package(name, None, None)
    return Package(name, found[0][1] if found else UNKNOWN, folder, tuple(distribution for distribution, _ in found))


def find_packages() -> List[Package]:
    """Return what is known of torch, torchvision, numpy, OpenCV and lmdb."""
    return [find_package(name, distributions) for name, distributions in PACKAGES]


def package_findings(packages: Sequence[Package]) -> List[Finding]:
    """Return what is wrong with ``packages``: absent ones, and several builds of OpenCV in one place."""
    findings = []
    for package in packages:
        brings = dict(PACKAGES)[package.name]
        if package.version is None:
            findings.append(
                Finding(ERROR, f'{package.name} is not installed', sys.prefix, remedy=f'pip install {brings[0]}')
            )
        elif len(package.distributions) > 1:
            findings.append(
                Finding(
                    WARNING,
                    f'{package.name} comes from several distributions, which overwrite each other',
                    str(package.folder),
                    expected='one of them',
                    found=', '.join(package.distributions),
                    remedy=f'pip uninstall {" ".join(package.distributions)}; pip install {package.distributions[0]}',
                )
            )
    return findings


def find_basicsr(root: Path) -> Package:
    """Return the basicsr that a run in ``root`` imports: the checkout's there, else the installed one."""
    folder = basicsr_folder(root)
    if folder is None:
        return Package('basicsr', None, None)
    return Package('basicsr', _version_in(folder) or UNKNOWN, folder)


def basicsr_copies(root: Path, search_path: Sequence[str]) -> List[Path]:
    """Return all folders named basicsr that an import in ``root`` could find, the one of a run first.

    Args:
        root: The working directory.
        search_path: The import path, ``sys.path``.
    """
    used = basicsr_folder(root)
    # The last: an editable installation may stand behind a finder, outside the path.
    places = [used, *(Path(entry or '.') / 'basicsr' for entry in (str(root), *search_path)), _folder('basicsr')]
    found = [place.resolve() for place in places if place is not None and _is_basicsr(place)]
    return list(dict.fromkeys(found))


def basicsr_findings(root: Path, copies: Sequence[Path]) -> List[Finding]:
    """Return the absence of basicsr as an error, several of them as a warning."""
    if not copies:
        return [
            Finding(
                ERROR,
                'There is no basicsr, neither installed nor in the working directory',
                str(root),
                expected='a package basicsr',
                remedy='pip install "bsr-plugins[basicsr]", or run this in the root of the fork that you train with',
            )
        ]
    if len(copies) == 1:
        return []
    remedy = 'pip uninstall basicsr, or keep one of the folders on the import path'
    if checkout_of(root):
        remedy = (
            '`basicsr train`, `test` and `run` take the first; for scripts run by python itself: pip uninstall basicsr'
        )
    return [
        Finding(
            WARNING,
            'There are several packages named basicsr',
            str(copies[0]),
            expected='one',
            found='also ' + ', '.join(map(str, copies[1:])),
            remedy=remedy,
        )
    ]


def _is_basicsr(folder: Path) -> bool:
    return os.path.isfile(folder / '__init__.py') or os.path.isdir(folder / 'models')


def _installed_version(distribution: str) -> Optional[str]:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _folder(name: str) -> Optional[Path]:
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    places = list(spec.submodule_search_locations or [])
    return Path(places[0]) if places else Path(spec.origin or '').parent


def _version_in(folder: Path) -> Optional[str]:
    """Return the version that stands in or beside a basicsr folder, else that of the distribution it belongs to."""
    written = folder.parent / 'VERSION'
    if os.path.isfile(written):
        return written.read_text(encoding='utf-8', errors='replace').strip()
    module = folder / 'version.py'
    match = (
        _VERSION_LINE.search(module.read_text(encoding='utf-8', errors='replace')) if os.path.isfile(module) else None
    )
    if match:
        return match.group(1)
    try:
        distribution = metadata.distribution('basicsr')
    except metadata.PackageNotFoundError:
        return None
    return distribution.version if Path(str(distribution.locate_file('basicsr'))) == folder else None
