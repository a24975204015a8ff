"""The typed errors of the pack: each says what is wrong, where, what was expected, what was found and the remedy."""

from __future__ import annotations

import errno
import os
from typing import Any, Dict, Optional

from bsr_plugins.common.shown import Lines, shown, shown_lines


class BsrPluginsError(Exception):
    """Base of every error that the pack raises on purpose.

    Args:
        problem: One sentence: what is wrong. It names the file, option or key.
        where: The file and, inside it, the option key (``options/x.yml: train.bspa.beta``).
        expected: What would have been right.
        found: What was there instead.
        remedy: What the user can do about it, an exact command where there is one.
    """

    def __init__(
        self,
        problem: str,
        *,
        where: Optional[Any] = None,
        expected: Optional[Any] = None,
        found: Optional[Any] = None,
        remedy: Optional[str] = None,
    ) -> None:
        self.problem = problem
        self.where = where
        self.expected = expected
        self.found = found
        self.remedy = remedy
        super().__init__(problem, where, expected, found, remedy)

    def __str__(self) -> str:
        # What a data-loading worker raises arrives with its traceback around it, escaped already.
        lines = [self.problem if _TRACEBACK in self.problem else _shown(self.problem)]
        for label in ('where', 'expected', 'found', 'remedy'):
            value = getattr(self, label)
            if value is not None:
                lines.append(f'  {label + ":":<10}{_shown(value)}')
        return '\n'.join(lines)

    def __reduce__(self) -> tuple:
        # Errors travel from DataLoader workers to the training process by pickle.
        return _rebuild, (type(self), self.problem, self.where, self.expected, self.found, self.remedy)


_TRACEBACK = '\nOriginal Traceback (most recent call last)'


def _shown(value: Any) -> str:
    return shown_lines(value) if isinstance(value, (Lines, BaseException)) else shown(value)


def _rebuild(cls: type, problem: str, where: Any, expected: Any, found: Any, remedy: Any) -> BsrPluginsError:
    return cls(problem, where=where, expected=expected, found=found, remedy=remedy)


class OptionError(BsrPluginsError, ValueError):
    """An option file or an option in it is wrong."""


class DataError(BsrPluginsError, ValueError):
    """An image, an LMDB, a difficulty file or another data file is missing, unreadable or does not fit."""


class ImageFileError(DataError, OSError):
    """The file of an image cannot be read; an OSError too, which data sets of BasicSR answer with another image."""


class CheckpointError(BsrPluginsError, RuntimeError):
    """Weights or a training state are missing, damaged or belong to another run."""


class TrainingError(BsrPluginsError, RuntimeError):
    """Training cannot go on: its losses, gradients or weights are not finite."""


class RegistrationError(BsrPluginsError, RuntimeError):
    """A name cannot be registered, or stands twice in the pack's own table."""


class DependencyError(BsrPluginsError, ImportError):
    """A package that is needed here is not installed or too old."""


class MissingModuleError(DependencyError, ModuleNotFoundError):
    """A module that the pack would serve in its absence is missing, and the user has switched that off."""


class HookError(BsrPluginsError, RuntimeError):
    """A patch of BasicSR, or the registration in it, failed while one of its modules was being imported."""


class LinkError(BsrPluginsError, RuntimeError):
    """A stub cannot be put into a fork, would not work there, or cannot be taken out of it."""


_SYSTEM_REMEDIES: Dict[int, str] = {
    **dict.fromkeys(
        (errno.EACCES, errno.EPERM), 'give this user the right to it (chmod, chown), or name another place'
    ),
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), 'free some space, or name a place on another disk'),
    errno.EROFS: 'name a place that can be written',
    errno.EMFILE: 'raise the limit of open files (ulimit -n), or use fewer workers',
}


def system_error(error: OSError) -> BsrPluginsError:
    """Return what the system says of a file as an error with a remedy."""
    name = error.filename if error.filename is not None else error.filename2
    said = error.strerror or str(error)
    return BsrPluginsError(
        f'{"A file" if name is None else os.fsdecode(name)} cannot be used: {said}',
        where=None if name is None else os.path.abspath(os.fsdecode(name)),
        remedy=_SYSTEM_REMEDIES.get(error.errno or 0, 'BSR_PLUGINS_TRACEBACK=1 shows which code wanted it'),
    )
