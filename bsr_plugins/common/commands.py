"""How messages spell the pack's commands, so that what they say can be typed where the user is."""

from __future__ import annotations

import functools
import shlex
import shutil
import sys


@functools.lru_cache(maxsize=None)
def program() -> str:
    """Return ``basicsr``, or ``PYTHON -m bsr_plugins`` where there is no such script on the path.

    There is none under ``torchrun -m bsr_plugins`` in an environment that was not activated, for one.
    """
    return 'basicsr' if shutil.which('basicsr') else f'{shlex.quote(sys.executable)} -m bsr_plugins'


def command(*words: object) -> str:
    """Return the command line of the subcommand ``words[0]`` with the arguments after it, quoted for the shell."""
    return ' '.join([program(), *(shlex.quote(str(word)) for word in words)])
