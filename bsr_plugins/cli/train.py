"""``basicsr train``: checks an option file, then trains with BasicSR's own, unchanged script."""

from __future__ import annotations

import argparse
from typing import List

from bsr_plugins.cli import launch
from bsr_plugins.cli.messages import say_error
from bsr_plugins.common.processes import is_first_process
from bsr_plugins.runs import stop_signals
from bsr_plugins.runs.peak_memory import log_peak_memory

HELP = "train with an option file: BasicSR's train.py and its arguments, with the pack registered"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    launch.add_arguments(parser)


def run(args: argparse.Namespace, argv: List[str], unknown: List[str]) -> int:
    """Train; stopped by SIGTERM or Ctrl-C, the run saves, and the exit code is 143 or 130."""
    try:
        with stop_signals.handling_stop_signals():
            code = launch.launch('train', args, argv, unknown)
            if is_first_process():
                log_peak_memory()
            return code
    except stop_signals.Stopped as stop:
        if is_first_process():
            say_error(f'basicsr train: {stop}')
        return stop.exit_code
