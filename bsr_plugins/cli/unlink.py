"""``basicsr unlink``: removes the stub file of ``basicsr link`` and leaves the checkout as it was."""

from __future__ import annotations

import argparse
from typing import List

from bsr_plugins.cli.messages import say

HELP = "remove the stub file of `basicsr link` from a fork's checkout"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('folder', metavar='DIR', help="the root of the fork's checkout")


def run(args: argparse.Namespace, argv: List[str], unknown: List[str]) -> int:
    from bsr_plugins.host.linking import unlink

    removed = unlink(args.folder)
    say(*(f'removed: {path}' for path in removed) if removed else [f'nothing to remove in {args.folder}'])
    return 0
