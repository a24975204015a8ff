"""``basicsr test``: checks an option file, then tests with BasicSR's own, unchanged script."""

from __future__ import annotations

import argparse
from typing import List

from bsr_plugins.cli import launch

HELP = "test with an option file: BasicSR's test.py and its arguments, with the pack registered"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    launch.add_arguments(parser)


def run(args: argparse.Namespace, argv: List[str], unknown: List[str]) -> int:
    return launch.launch('test', args, argv, unknown)
