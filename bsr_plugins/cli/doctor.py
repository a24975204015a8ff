"""``basicsr doctor``: what is installed, registered and mended here, and what is wrong with it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import List

HELP = 'show which basicsr, torch, ... run here, what is registered and mended, and what is wrong; for bug reports'
EXIT_UNSOUND = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--json', action='store_true', help='print JSON')
    parser.add_argument(
        '--import',
        dest='import_checkout',
        action='store_true',
        help="in a fork's checkout: import its basicsr too, which runs its code, to show what is registered and mended",
    )


def run(args: argparse.Namespace, argv: List[str], unknown: List[str]) -> int:
    """Print the report of the working directory, in which nothing is run; 0 without errors in it, 1 with."""
    from bsr_plugins.doctor.report import examine

    report = examine(Path.cwd(), sys.path, args.import_checkout)
    print(report.json() if args.json else report.text())
    return 0 if report.is_sound else EXIT_UNSOUND
