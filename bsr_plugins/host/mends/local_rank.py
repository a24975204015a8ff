"""Mend: ``--local-rank``, as ``torch.distributed.launch`` passes it since torch 2.0, to ``--local_rank``."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

from bsr_plugins.host.patches import texts_used
from bsr_plugins.host.scripts.fork_scripts import known_arguments

NEW, OLD = '--local-rank', '--local_rank'


def mend_local_rank(module: ModuleType) -> bool:
    """Rewrite the argument in ``sys.argv`` where this script's ``parse_options`` knows the old spelling alone.

    It stands in this module, or in the script itself (forks of releases before 1.3.5).

    Only for a launch of BasicSR's kind, with ``-opt`` and ``--launcher`` on the command line. Without it:
    ``error: unrecognized arguments: --local-rank=0``. https://github.com/XPixelGroup/BasicSR/issues/626.
    """
    parse_options = getattr(module, 'parse_options', None)
    known = texts_used(parse_options) if parse_options is not None else known_arguments(Path(sys.argv[0]), None)
    if OLD not in known or NEW in known or not is_basicsr_launch(sys.argv[1:]):
        return False
    found = False
    for position, argument in enumerate(sys.argv):
        if argument == NEW or argument.startswith(f'{NEW}='):
            sys.argv[position] = OLD + argument[len(NEW) :]
            found = True
    return found


def is_basicsr_launch(arguments: list) -> bool:
    """Return whether the arguments are those of BasicSR's train or test script under a launcher."""
    names = {argument.partition('=')[0] for argument in arguments}
    return bool(names & {'-opt', '--opt'}) and '--launcher' in names
