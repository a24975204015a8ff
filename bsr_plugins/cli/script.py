"""Runs a script unchanged in this process, with the pack registered and the right basicsr found."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import List, Optional

from bsr_plugins.common.errors import DependencyError, OptionError
from bsr_plugins.host import root_finder
from bsr_plugins.host.scripts.main_module import exposed_in_main


def run_script(script: Path, arguments: List[str], root: Path, package: Optional[Path]) -> None:
    """Run ``script`` as Python does (``__name__ == '__main__'``), with ``root`` at the head of the import path.

    ``sys.modules['__main__']`` stays ours: spawned workers would otherwise run the bare script again, without the pack.

    Args:
        script: The script.
        arguments: Its arguments.
        root: The checkout.
        package: The folder that ``import basicsr`` is to find; None: what is installed.

    Raises:
        DependencyError: Another basicsr was imported already.
    """
    put_first(script.parent)
    put_first(root)
    if package is not None:
        root_finder.use_package(package)
        _check_not_another(package)
    namespace = {'__name__': '__main__', '__file__': str(script), '__package__': None, '__builtins__': __builtins__}
    try:
        source = script.read_bytes()
    except OSError as error:
        raise OptionError('The script cannot be read', where=script, found=error) from error
    code = compile(source, str(script), 'exec')
    with arguments_of(str(script), arguments), exposed_in_main(script, namespace):
        exec(code, namespace)


def existing_script(path: str) -> Path:
    """Return the absolute path of a script that the user names.

    Raises:
        OptionError: There is no such file.
    """
    script = Path(path)
    try:
        is_there = script.is_file()
    except OSError as error:
        raise OptionError('The script cannot be read', where=script.absolute(), found=error) from error
    if not is_there:
        raise OptionError(
            'The script does not exist',
            where=script.absolute(),
            expected='a Python file',
            remedy='correct the path: it is read from the working directory',
        )
    return script.absolute()


class arguments_of:  # noqa: N801
    """A context in which ``sys.argv`` is that of a script."""

    def __init__(self, script: str, arguments: List[str]) -> None:
        self._argv = [script, *arguments]
        self._outer: List[str] = []

    def __enter__(self) -> None:
        self._outer = sys.argv
        sys.argv = self._argv

    def __exit__(self, *exception: object) -> None:
        sys.argv = self._outer


def put_first(folder: Path) -> None:
    """Put ``folder`` at the head of ``sys.path``."""
    sys.path[:] = [str(folder), *(entry for entry in sys.path if entry != str(folder))]
    importlib.invalidate_caches()


def _check_not_another(package: Path) -> None:
    loaded = sys.modules.get(root_finder.PACKAGE)
    found = [Path(entry).resolve() for entry in getattr(loaded, '__path__', [])]
    if loaded is not None and package.resolve() not in found:
        raise DependencyError(
            'Another basicsr was imported before the one in the working directory',
            expected=package,
            found=', '.join(map(str, found)),
            remedy='a .pth file or sitecustomize imports it at the start: see python -v',
        )
