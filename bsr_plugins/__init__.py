"""Long-tail training methods for super-resolution, registered in BasicSR's registries by importing this package."""

from __future__ import annotations

from pathlib import Path

from bsr_plugins.host import patches, registration, spawned_workers
from bsr_plugins.host.additions import ADDITIONS
from bsr_plugins.host.first_log_line import log_with_first_line
from bsr_plugins.host.mends import MENDS
from bsr_plugins.host.version_line import version_line

__version__ = '0.1.0'

patches.install(MENDS, ADDITIONS)
spawned_workers.import_in_spawned_workers()
registration.install()
log_with_first_line(version_line(__version__, Path(__file__).parent))
