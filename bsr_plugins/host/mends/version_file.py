"""Mend: ``PACKAGE.version``, which ``setup.py`` generates and a fresh clone therefore lacks."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

UNKNOWN = '0.0.0+unknown'


def provide_version(module: ModuleType) -> bool:
    """Fill the missing ``PACKAGE.version`` from the file VERSION beside the package (``0.0.0+unknown`` without one).

    Without it ``import basicsr`` (realesrgan, mmrealsr, DiffIR, ...) fails in a clone.
    https://github.com/XPixelGroup/BasicSR/issues/376 and 407.
    """
    package = importlib.import_module(module.__name__.rpartition('.')[0])
    version = UNKNOWN
    for folder in package.__path__:
        # CodeFormer keeps it inside the package.
        for path in (Path(folder) / 'VERSION', Path(folder).parent / 'VERSION'):
            if path.is_file():
                version = path.read_text(encoding='utf-8').strip() or UNKNOWN
    release = version.partition('+')[0].split('.')
    numbers = tuple(int(part) if part.isdigit() else part for part in release)
    vars(module).update(__version__=version, __gitsha__='unknown', version_info=numbers)
    return True
