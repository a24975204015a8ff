"""``basicsr link``: puts the stub file into a fork, so that the fork's own scripts find the pack."""

from __future__ import annotations

import argparse
import os
from typing import List

from bsr_plugins.common.errors import OptionError

HELP = "put one stub file into a fork's checkout, so that its own, unchanged scripts find the pack"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('folder', metavar='DIR', help="the root of the fork's checkout")


def run(args: argparse.Namespace, argv: List[str], unknown: List[str]) -> int:
    from bsr_plugins.host.linking import link

    refuse_unknown('link', unknown)
    linked = link(args.folder)
    print(f'{"linked" if linked.written else "linked already"}: {linked.stub}')
    if linked.exclude is not None:
        print(f'left out of git by: {linked.exclude}')
    script = linked.fork.script.relative_to(linked.fork.root).as_posix()
    print(
        f"run the fork's scripts with the checkout on the path: cd {os.path.relpath(linked.fork.root)} && "
        f'PYTHONPATH=. python {script} ...'
    )
    return 0


def refuse_unknown(command: str, unknown: List[str]) -> None:
    """Raise where there are arguments that the command does not know."""
    if unknown:
        raise OptionError(f'Unknown arguments: {" ".join(unknown)}', remedy=f'see `basicsr {command} --help`')
