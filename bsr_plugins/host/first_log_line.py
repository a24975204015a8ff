"""Lines for BasicSR's log that are known before there is a log."""

from __future__ import annotations

from typing import Any, List

_LOGGED: List[str] = []


def log_with_first_line(message: str) -> None:
    """Write ``message`` (info) to BasicSR's root logger once, as soon as that logger writes its first info line.

    At import time the logger has no level and no file yet, and asking BasicSR for it would set it up without the file.
    """
    if message in _LOGGED:
        return
    _LOGGED.append(message)
    import logging

    logger = logging.getLogger('basicsr')
    waiting = [message]

    def log_waiting(record: Any) -> bool:
        if waiting:
            logger.info(waiting.pop())
        return True

    logger.addFilter(log_waiting)
