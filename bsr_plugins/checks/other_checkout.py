"""Check: the option file lies in a fork that is not the working directory, so that another basicsr would run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import List, Optional

from bsr_plugins.common.findings import WARNING, Finding
from bsr_plugins.host.scripts.fork_scripts import has_own_script
from bsr_plugins.host.source_names import checkout_of
from bsr_plugins.options.option_file import OptionFile

# What the root of a project has; other folders are not searched for scripts.
_ROOT_FILES = ('.git', 'setup.py', 'pyproject.toml')


def check_working_directory(option_file: OptionFile, root: Path) -> List[Finding]:
    """Warn where ``root`` is no checkout and the option file, or ``root`` itself, lies in one."""
    if checkout_of(root) is not None or has_own_script(root):
        return []
    checkout = _checkout_around(Path(option_file.path)) or _checkout_around(root)
    if checkout is None:
        return []
    return [
        Finding(
            WARNING,
            'The working directory is not the root of the checkout that this belongs to: its script '
            'and its classes are not taken',
            str(option_file.path),
            expected=str(checkout),
            found=str(root),
            remedy=f'cd {checkout}',
        )
    ]


def _checkout_around(path: Path) -> Optional[Path]:
    return next((folder for folder in Path(os.path.abspath(path)).parents if _is_checkout(folder)), None)


def _is_checkout(folder: Path) -> bool:
    if checkout_of(folder) is not None:
        return True
    return any(os.path.exists(folder / name) for name in _ROOT_FILES) and has_own_script(folder)
