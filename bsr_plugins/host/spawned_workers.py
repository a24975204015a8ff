"""Brings the pack into processes that multiprocessing spawns, before anything of BasicSR is unpickled there.

BasicSR's distributed launch starts DataLoader workers by spawn: fresh interpreters that unpickle the data set, and with
it import basicsr. Under ``python -m bsr_plugins`` multiprocessing does not run the main module again, so without this
the workers would meet an unmended basicsr, and an installed one in place of the checkout's.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any, Callable, Optional, Tuple

from bsr_plugins.host import root_finder
from bsr_plugins.host.import_hooks import post_import
from bsr_plugins.host.scripts import main_module

KEY = 'bsr_plugins'


class ImportsThePack:
    """Unpickling an instance imports this package, with the basicsr and the script of the process that pickled it."""

    def __reduce__(self) -> Tuple[Callable[..., Any], Tuple[Optional[str], Optional[str]]]:
        package, script = root_finder.package_in_use(), main_module.script_in_use()
        return prepare_child, (str(package) if package else None, str(script) if script else None)


def prepare_child(package: Optional[str], script: Optional[str]) -> ImportsThePack:
    """Set a spawned process up as the one that spawned it."""
    if package is not None:
        root_finder.use_package(Path(package))
    if script is not None:
        main_module.expose_in_spawned_main(Path(script))
    return ImportsThePack()


def import_in_spawned_workers() -> None:
    """Let every child process import the pack first, from the moment multiprocessing is imported."""
    post_import('multiprocessing.process', _mark_current_process)


def _mark_current_process(process: ModuleType) -> None:
    # Children inherit a copy of this dict and unpickle it before their target; it exists in Python 3.4 to 3.14.
    config = getattr(process.current_process(), '_config', None)
    if isinstance(config, dict):
        config[KEY] = ImportsThePack()
