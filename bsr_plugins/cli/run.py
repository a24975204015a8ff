"""``basicsr run SCRIPT ARGUMENTS``: any script of a fork (its demo, its evaluation), unchanged, with the pack."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import List, Optional

from bsr_plugins.cli.script import existing_script, run_script
from bsr_plugins.host.source_names import checkout_of

HELP = "run a script, unchanged, with the pack registered: a fork's demo or evaluation, BasicSR's own scripts"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('script', metavar='SCRIPT', help='the script, a Python file')
    arguments = parser.add_argument(
        'arguments', nargs=argparse.REMAINDER, metavar='ARGUMENTS', help='arguments of the script, passed on unchanged'
    )
    # argparse would name it beside SCRIPT where that one is missing.
    arguments.required = False


def run(args: argparse.Namespace, argv: List[str], unknown: List[str]) -> int:
    """Run the script: in it ``basicsr`` is the working directory's, else that of the checkout the script lies in.

    Raises:
        OptionError: There is no such file.
    """
    script = existing_script(args.script)
    home = _checkout_with(script)
    run_script(script, argv[argv.index(args.script) + 1 :], home or Path.cwd(), checkout_of(home) if home else None)
    return 0


def _checkout_with(script: Path) -> Optional[Path]:
    """Return the working directory, else the nearest folder above the script, that holds a basicsr."""
    for folder in (Path.cwd(), *script.parents):
        if checkout_of(folder) is not None:
            return folder
    return None
