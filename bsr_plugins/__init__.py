"""Long-tail training methods for super-resolution, registered in BasicSR's registries by importing this package."""

from __future__ import annotations

from pathlib import Path

from bsr_plugins.common import search_path

search_path.leave_out_working_directory()

from bsr_plugins.host import patches, registration, spawned_workers  # noqa: E402
from bsr_plugins.host.additions import ADDITIONS  # noqa: E402
from bsr_plugins.host.first_log_line import log_with_first_line  # noqa: E402
from bsr_plugins.host.mends import MENDS  # noqa: E402
from bsr_plugins.host.version_line import version_line  # noqa: E402

__version__ = '0.1.0'

patches.install(MENDS, ADDITIONS)
spawned_workers.import_in_spawned_workers()
registration.install()
log_with_first_line(version_line(__version__, Path(__file__).parent))
