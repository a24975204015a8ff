"""What the set-up installs on which Python and platform, and the one answer that basicsr's build needs."""

import hashlib
import importlib.util
import re
import shutil
import sys
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

from .commands import SetUpError
from .state import project_name
from .versions import CONSTRAINTS, TESTED, is_intel_mac

ROOT = Path(__file__).resolve().parents[2]
OLDEST_PYTHON, NEWEST_PYTHON = (3, 8), (3, 13)
BUILD_TOOLS = ('pip>=22.3', 'setuptools>=64', 'wheel')
TORCH = ('torch', 'torchvision')
BASICSR = 'basicsr==1.4.2'
EXTRAS = 'test,figures'
OPENCV_BUILDS = {'opencv-python', 'opencv-contrib-python', 'opencv-python-headless', 'opencv-contrib-python-headless'}

# basicsr's setup.py reads `locals()['__version__']` after `exec(...)` inside a function. From Python 3.13 on (PEP 667)
# locals() is a snapshot that exec() cannot reach. Names written to the frame itself do show up there: this one call is
# answered from outside, the package's sources stay as they are, and any other exec() keeps its meaning.
SITECUSTOMIZE = """\
import builtins
import os
import sys

_exec = builtins.exec


def _exec_into_frame(code, *args, **kwargs):
    if args or kwargs:
        return _exec(code, *args, **kwargs)
    frame = sys._getframe(1)
    names = frame.f_locals if frame.f_locals is frame.f_globals else dict(frame.f_locals)
    _exec(code, frame.f_globals, names)
    if frame.f_code.co_name == 'get_version' and frame.f_globals.get('version_file') == 'basicsr/version.py':
        frame.f_locals.update(names)


builtins.exec = _exec_into_frame
sys.path[:] = [entry for entry in sys.path if os.path.realpath(entry) != os.path.dirname(os.path.realpath(__file__))]
_own = sys.modules.pop('sitecustomize')
try:
    import sitecustomize
except ImportError:
    sys.modules['sitecustomize'] = _own
"""


def check_python(version: Tuple[int, ...]) -> Optional[str]:
    """Refuse a Python below 3.8; return a warning for one above 3.13, the newest that was tried."""
    shown = '.'.join(map(str, version[:3]))
    if version[:2] < OLDEST_PYTHON:
        names = (f'python3.{minor}' for minor in range(NEWEST_PYTHON[1], OLDEST_PYTHON[1] - 1, -1))
        found = next((name for name in names if shutil.which(name)), 'python3.11')
        raise SetUpError(
            'Python',
            f'Python {shown} is too old, 3.8 to 3.13 are supported',
            f'name a newer one: `PYTHON={found} bash tools/test.sh`, or `{found} tools/bootstrap.py`',
        )
    if version[:2] > NEWEST_PYTHON:
        return f'Python {shown} is newer than 3.13, the newest this was tried with; torch may have no build for it'
    return None


def constraints(
    version: Tuple[int, ...],
    pinned: Dict[str, str],
    kept: Dict[str, str],
    system: str = sys.platform,
    machine: str = '',
) -> List[str]:
    """The pip constraints of every step: ``kept`` stays at its version, the rest comes at the pinned one.

    lmdb 1.5+ has no working build for Python 3.8. The last torch for Intel Macs (2.2) was built against numpy 1.
    """
    lines = [f'{name}=={number}' for name, number in kept.items()]
    lines += [f'{name}=={number}' for name, number in pinned.items() if name not in kept]
    if version[:2] < (3, 9) and 'lmdb' not in pinned:
        lines.append('lmdb<1.5')
    if is_intel_mac(system, machine):
        lines.append('numpy<2')
    return lines


def fingerprint(extras: str, choice: str = TESTED, root: Path = ROOT, folder: Path = CONSTRAINTS) -> str:
    """Hash of all that decides what is installed: setup.py, the pack's version, every pin, the extras, the choice."""
    package = (root / 'bsr_plugins' / '__init__.py').read_text(encoding='utf-8')
    version = re.search(r'^__version__ = .*$', package, re.MULTILINE)
    told = repr((BUILD_TOOLS, TORCH, BASICSR, sorted(extras.split(',')), version and version.group(), choice))
    files = [root / 'setup.py', *sorted(folder.glob('*.txt'))]
    return hashlib.sha256(b''.join(file.read_bytes() for file in files) + told.encode()).hexdigest()


def has_foreign_opencv(installed: Dict[str, str], venv: bool) -> bool:
    """Whether ``cv2`` comes from another distribution than opencv-python (headless, contrib, conda): then it stays."""
    if 'opencv-python' in installed:
        return False
    return bool(OPENCV_BUILDS & set(installed)) or (not venv and importlib.util.find_spec('cv2') is not None)


def basicsr_requirements(requires: Sequence[str], foreign_opencv: bool) -> List[str]:
    """basicsr's own requirements, less torch (installed before) and less OpenCV where another build of it is there."""
    left_out = {*TORCH, *(('opencv-python',) if foreign_opencv else ())}
    return [line for line in requires if 'extra ==' not in line and _project(line) not in left_out]


def without_opencv(requires: Sequence[str], extras: Sequence[str]) -> List[str]:
    """Requirement lines without opencv-python, those of ``extras`` among them."""
    wanted = []
    for line in requires:
        extra = _EXTRA.search(line)
        if _project(line) != 'opencv-python' and (extra is None or extra.group(1) in extras):
            wanted.append(_EXTRA.sub('', line))
    return wanted


_EXTRA = re.compile(r"""\s*(?:;|\band\b)\s*extra == ['"]([\w.-]+)['"]""")


def _project(line: str) -> str:
    return project_name(re.split(r'[\s;<>=!~\[(]', line)[0])
