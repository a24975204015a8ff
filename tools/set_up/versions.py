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
_RESTORE = f'restore it with `git checkout {{}}`, or take the newest versions with `{VARIABLE}={NEWEST}`'
# The oldest torch that the pack's tests pass with (setup.py asks for it), and the torchvision that belongs to it.
OLDEST_TORCH = {'torch': '2.0.1', 'torchvision': '0.15.2'}
OLDEST_TORCH_PYTHON = (3, 8)


def constraints_file(version: Tuple[int, ...], choice: str = TESTED, folder: Path = CONSTRAINTS) -> Path:
    """Where the pins for this Python lie, whether or not there are any."""
    name = f'py{version[0]}{version[1]}'
    return folder / (f'{name}-oldest-torch.txt' if choice == OLDEST else f'{name}.txt')


def read_pins(file: Path) -> Dict[str, str]:
    """Project name -> version of the ``name==version`` lines of a constraints file.

    Raises:
        SetUpError: It cannot be read, holds another line that is no comment, or pins no torch.
    """
    try:
        lines = [line.strip() for line in file.read_text(encoding='utf-8').splitlines()]
    except (OSError, ValueError) as error:
        raise SetUpError('versions', f'{file} cannot be read: {error}', _RESTORE.format(file)) from error
    pins = {}
    for line in filter(None, lines):
        pin = re.fullmatch(r'([\w.-]+)==(\S+)', line)
        if pin is not None:
            pins[project_name(pin.group(1))] = pin.group(2)
        elif not line.startswith('#'):
            raise SetUpError('versions', f'{file} is damaged: {line[:60]!r} is no version', _RESTORE.format(file))
    if 'torch' not in pins:
        raise SetUpError('versions', f'{file} is damaged: it names no torch', _RESTORE.format(file))
    return pins


def pinned_versions(
    version: Tuple[int, ...], choice: str, system: str = sys.platform, machine: str = '', folder: Path = CONSTRAINTS
) -> Tuple[Dict[str, str], Optional[str]]:
    """Return the pinned versions and, where tested ones were asked for and there are none, the reason.

    Raises:
        SetUpError: ``choice`` is unknown, or the oldest torch is asked of another Python than the one it is tested on.
    """
    check_choice(choice)
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


def check_choice(choice: str) -> None:
    """Raise SetUpError where ``choice`` is unknown."""
    if choice not in (TESTED, NEWEST, OLDEST):
        known = f'{TESTED}, {NEWEST} or {OLDEST}'
        raise SetUpError('versions', f'{VARIABLE} is {choice!r}', f'set it to {known}, or unset it')


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
