"""``basicsr link``: puts the stub file into a fork, so that the fork's own scripts find the pack."""

from __future__ import annotations

import argparse
import os
from typing import List

from bsr_plugins.cli.messages import say

HELP = "put one stub file into a fork's checkout, so that its own, unchanged scripts find the pack"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('folder', metavar='DIR', help="the root of the fork's checkout")


def run(args: argparse.Namespace, argv: List[str], unknown: List[str]) -> int:
    from bsr_plugins.host.linking import link

    linked = link(args.folder)
    say(f'{"linked" if linked.written else "linked already"}: {linked.stub}')
    if linked.exclude is not None:
        say(f'ignored by git through: {linked.exclude}')
    script = linked.fork.script.relative_to(linked.fork.root).as_posix()
    say(
        f"run the fork's scripts with the checkout on the path: cd {os.path.relpath(linked.fork.root)} && "
        f'PYTHONPATH=. python {script} ...'
    )
    return 0
