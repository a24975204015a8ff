"""Work in a forked child, for tests of what processes do to each other by files."""

from __future__ import annotations

import os
from typing import Any, Callable

from bsr_plugins.common.locks import Holder


def in_child(work: Callable[[], Any], wait: bool = True) -> int:
    """Call ``work`` in a forked child; its exit code (0: returned, 3: Holder), or its number where not waited for."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        except Holder:
            code = 3
        finally:
            os._exit(code)
    return os.WEXITSTATUS(os.waitpid(pid, 0)[1]) if wait else pid
