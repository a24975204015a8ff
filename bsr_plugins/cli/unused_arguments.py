"""Arguments that another one leaves without effect: they are refused, never passed over."""

from __future__ import annotations

import argparse
from typing import Any

from bsr_plugins.common.errors import OptionError


def value_of(args: argparse.Namespace, flag: str) -> Any:
    """Return the value of ``--some-flag``."""
    return getattr(args, flag.lstrip('-').replace('-', '_'))


def refuse_unused(args: argparse.Namespace, why: str, *flags: str) -> None:
    """Refuse those of ``flags`` that are given (neither None nor false).

    Args:
        args: The parsed arguments.
        why: What leaves the flags without effect: ``with --list``, ``without --lr``.
        flags: As they are typed.

    Raises:
        OptionError: One is given.
    """
    given = ', '.join(flag for flag in flags if value_of(args, flag) not in (None, False))
    if given:
        raise OptionError(f'{given} would have no effect {why}', where=given, remedy=f'leave out {given}')
