"""Addition: logs, tensorboard and pictures of a validation that cannot be written end no training."""

from __future__ import annotations

import errno
import functools
import logging
import os
import shutil
import sys
import threading
from types import ModuleType
from typing import Any, Callable

from bsr_plugins.common.streams import open_closed_streams
from bsr_plugins.host.patches import names_used
from bsr_plugins.runs.reports import is_training, only_a_report

_FULL_BYTES = 1 << 20


def survive_lost_logs(module: ModuleType) -> bool:
    """Wrap ``get_root_logger`` and ``init_tb_logger``; streams that are closed are opened on nothing.

    Upstream's handlers print a traceback for every line that cannot be written, and tensorboard's writer raises out of
    the training loop. It writes in a thread, whose own traceback would only repeat what is said.
    """
    open_closed_streams()
    threading.excepthook = _with_quiet_writer(threading.excepthook)
    patched = False
    for name, wrap in (('get_root_logger', _with_quiet_handlers), ('init_tb_logger', _with_guarded_writer)):
        function = getattr(module, name, None)
        if function is not None and not hasattr(function, 'patched_by_bsr_plugins'):
            setattr(module, name, wrap(function))
            patched = True
    return patched


def survive_lost_pictures(module: ModuleType) -> bool:
    """Wrap ``imwrite``: in a training its failure is a warning, elsewhere an error that names the file and the cause.

    Upstream: "Failed in writing images."
    """
    upstream_write = getattr(module, 'imwrite', None)
    if (
        upstream_write is None
        or hasattr(upstream_write, 'patched_by_bsr_plugins')
        or 'imwrite' not in names_used(upstream_write)
    ):
        return False

    @functools.wraps(upstream_write)
    def imwrite(img: Any, file_path: Any, *args: Any, **kwargs: Any) -> Any:
        if not is_training():
            return write(img, file_path, *args, **kwargs)
        with only_a_report('A picture of a validation'):
            return write(img, file_path, *args, **kwargs)
        return False

    def write(img: Any, file_path: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return upstream_write(img, file_path, *args, **kwargs)
        except OSError as error:
            if error.errno is not None:
                raise
            raise _cause(str(file_path)) from error

    imwrite.patched_by_bsr_plugins = True  # type: ignore[attr-defined]
    module.imwrite = imwrite  # type: ignore[attr-defined]
    return True


class GuardedWriter:
    """Stands before tensorboard's writer; from its first failure on nothing is written."""

    def __init__(self, writer: Any) -> None:
        self._writer = writer
        self._is_whole = True

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._writer, name)
        if not callable(value):
            return value

        @functools.wraps(value)
        def call(*args: Any, **kwargs: Any) -> Any:
            if not self._is_whole:
                return None
            self._is_whole = False
            with only_a_report('The file of tensorboard'):
                result = value(*args, **kwargs)
                self._is_whole = True
                return result
            return None

        return call


def _with_quiet_writer(upstream_hook: Callable[..., Any]) -> Callable[..., Any]:
    if hasattr(upstream_hook, 'patched_by_bsr_plugins'):
        return upstream_hook

    @functools.wraps(upstream_hook)
    def hook(args: Any) -> Any:
        if not (isinstance(args.exc_value, OSError) and type(args.thread).__name__ == '_AsyncWriterThread'):
            upstream_hook(args)

    hook.patched_by_bsr_plugins = True  # type: ignore[attr-defined]
    return hook


def _with_guarded_writer(upstream_init: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(upstream_init)
    def init_tb_logger(*args: Any, **kwargs: Any) -> Any:
        writer = upstream_init(*args, **kwargs)
        return None if writer is None else GuardedWriter(writer)

    init_tb_logger.patched_by_bsr_plugins = True  # type: ignore[attr-defined]
    return init_tb_logger


def _with_quiet_handlers(upstream_get: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(upstream_get)
    def get_root_logger(*args: Any, **kwargs: Any) -> Any:
        logger = upstream_get(*args, **kwargs)
        for handler in getattr(logger, 'handlers', []):
            if 'handleError' not in vars(handler):
                handler.handleError = functools.partial(_lose_line, handler)
        return logger

    get_root_logger.patched_by_bsr_plugins = True  # type: ignore[attr-defined]
    return get_root_logger


def _lose_line(handler: logging.Handler, record: logging.LogRecord) -> None:
    """Say once of a handler that it cannot write; what is wrong with a line itself is shown as upstream does."""
    error = sys.exc_info()[1]
    if not isinstance(error, OSError):
        type(handler).handleError(handler, record)
        return
    handler.handleError = lambda record: None  # type: ignore[method-assign]
    if isinstance(handler, logging.FileHandler):
        with only_a_report(f'The log file {os.fspath(handler.baseFilename)}'):
            raise error


def _cause(path: str) -> OSError:
    folder = os.path.dirname(os.path.abspath(path))
    if os.path.isdir(folder) and shutil.disk_usage(folder).free < _FULL_BYTES:
        number = errno.ENOSPC
    else:
        number = errno.EIO if os.access(folder, os.W_OK) else errno.EACCES
    return OSError(number, os.strerror(number), path)
