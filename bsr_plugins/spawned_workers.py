"""Brings the pack into processes that multiprocessing spawns, before anything of BasicSR is unpickled there.

BasicSR's distributed launch starts DataLoader workers by spawn: fresh interpreters that unpickle the data set, and with
it import basicsr. Under ``python -m bsr_plugins`` multiprocessing does not run the main module again, so without this
the workers would meet an unmended basicsr.
"""
from __future__ import annotations

from types import ModuleType

from bsr_plugins.import_hooks import post_import

KEY = 'bsr_plugins'


class BringsThePack:
    """Unpickling an instance imports this package, and that is all it is for."""


def follow_into_spawned_workers() -> None:
    """Let every child process import the pack first, from the moment multiprocessing is imported."""
    post_import('multiprocessing.process', _mark_current_process)


def _mark_current_process(process: ModuleType) -> None:
    # Children inherit a copy of this dict and unpickle it before their target; it exists in Python 3.4 to 3.14.
    config = getattr(process.current_process(), '_config', None)
    if isinstance(config, dict):
        config[KEY] = BringsThePack()
