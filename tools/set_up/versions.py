"""Which versions the set-up takes: the tested ones of a constraints file, the newest, or the oldest torch."""

import platform
import re
import sys
from pathlib import Path
from typing import Dict, List, Optional, Tuple

from .commands import SetUpError
from .state import project_name

VARIABLE = 'BSR_PLUGINS_VERSIONS'
TESTED, NEWEST, OLDEST = 'tested', 'newest', 'oldest'
CONSTRAINTS = Path(__file__).resolve().with_name('constraints')
# The oldest torch that the pack's tests pass with (setup.py asks for it), and the torchvision that belongs to it.
OLDEST_TORCH = {'torch': '2.0.1', 'torchvision': '0.15.2'}
OLDEST_TORCH_PYTHON = (3, 8)


def constraints_file(version: Tuple[int, ...], choice: str = TESTED, folder: Path = CONSTRAINTS) -> Path:
    """Where the pins for this Python lie, whether or not there are any."""
    name = f'py{version[0]}{version[1]}'
    return folder / (f'{name}-oldest-torch.txt' if choice == OLDEST else f'{name}.txt')


def read_pins(file: Path) -> Dict[str, str]:
    """Project name -> version of the ``name==version`` lines of a constraints file."""
    pairs = re.findall(r'^([\w.-]+)==(\S+)$', file.read_text(encoding='utf-8'), re.MULTILINE)
    return {project_name(name): version for name, version in pairs}


def pinned_versions(
    version: Tuple[int, ...], choice: str, system: str = sys.platform, machine: str = '', folder: Path = CONSTRAINTS
) -> Tuple[Dict[str, str], Optional[str]]:
    """Return the pinned versions and, where tested ones were asked for and there are none, the reason.

    Raises:
        SetUpError: ``choice`` is unknown, or the oldest torch is asked of another Python than the one it is tested on.
    """
    if choice not in (TESTED, NEWEST, OLDEST):
        known = f'{TESTED}, {NEWEST} or {OLDEST}'
        raise SetUpError('versions', f'{VARIABLE} is {choice!r}', f'set it to {known}, or unset it')
    if choice == NEWEST:
        return {}, None
    if choice == TESTED and is_intel_mac(system, machine):
        return {}, 'torch has left Intel Macs: the newest versions that go with its last release there are taken'
    file = constraints_file(version, choice, folder)
    if file.is_file():
        return read_pins(file), None
    python = '.'.join(map(str, version[:2]))
    if choice == OLDEST:
        wanted = '.'.join(map(str, OLDEST_TORCH_PYTHON))
        raise SetUpError(
            'versions',
            f'the oldest torch is tested on Python {wanted}, this is Python {python}',
            f'name the other one: `{VARIABLE}={OLDEST} PYTHON=python{wanted} bash tools/test.sh`',
        )
    return {}, f'no tested versions for Python {python}: the newest are taken'


def is_intel_mac(system: str = sys.platform, machine: str = '') -> bool:
    """Whether this is a Mac for which torch has no release after 2.2."""
    return system == 'darwin' and (machine or platform.machine()) == 'x86_64'


def differing(pinned: Dict[str, str], installed: Dict[str, str], names: Tuple[str, ...]) -> List[str]:
    """Return ``name version`` of those of ``names`` that are installed at another version (+cu118 and such apart)."""
    return [
        f'{name} {installed[name]}'
        for name in names
        if name in installed and name in pinned and installed[name].partition('+')[0] != pinned[name]
    ]
