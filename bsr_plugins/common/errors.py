"""The typed errors of the pack: each says what is wrong, where, what was expected, what was found and the remedy."""

from __future__ import annotations

from typing import Any, Optional


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
        lines = [self.problem]
        for label in ('where', 'expected', 'found', 'remedy'):
            value = getattr(self, label)
            if value is not None:
                lines.append(f'  {label + ":":<10}{value}')
        return '\n'.join(lines)

    def __reduce__(self) -> tuple:
        # Errors travel from DataLoader workers to the training process by pickle.
        return _rebuild, (type(self), self.problem, self.where, self.expected, self.found, self.remedy)


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
