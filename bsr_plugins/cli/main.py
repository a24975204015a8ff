"""The ``basicsr`` command: finds the subcommand, runs it, and turns the pack's errors into messages and exit codes."""

from __future__ import annotations

import argparse
import importlib
import os
import re
import sys
from typing import List, Optional, Sequence

import bsr_plugins
from bsr_plugins.cli.gathered_arguments import gather
from bsr_plugins.cli.messages import error_text, say_error
from bsr_plugins.common.commands import command as spelled
from bsr_plugins.common.errors import BsrPluginsError, OptionError
from bsr_plugins.common.streams import GONE, guarded_streams

# Each is a module here with HELP, add_arguments(parser) and run(args, argv, unknown) -> exit code, light to import;
# it may have DESCRIPTION and EXAMPLES, shown by its --help, and INTERRUPTED, said on Ctrl-C.
COMMANDS = (
    *('option', 'subimages', 'score', 'saliency', 'check', 'prepare', 'train', 'test'),
    *('compare', 'report', 'run', 'link', 'unlink', 'rfs', 'sigma', 'lam', 'doctor'),
)

# They hand arguments that they do not know on to a script.
_HAND_ON = ('train', 'test', 'run')

# What they print stands in a log file too.
_LOGGED = ('train', 'test')
_ASKS_FOR_HELP = {'-h', '--help'}

#: The exceptions that may mean something wrong with the options.
FAULTS = (AssertionError, AttributeError, ImportError, LookupError, OSError, RuntimeError, TypeError, ValueError)

EXIT_UNREAD = 1
EXIT_WRONG_INPUT = 2
EXIT_INTERRUPTED = 130
_LOCAL_RANK = re.compile(r'--local[-_]rank=\d+')
TRACEBACK_VARIABLE = 'BSR_PLUGINS_TRACEBACK'


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run the ``basicsr`` command with ``argv`` and return its exit code.

    0: done. 1: what was printed was not read to its end (a pipe to ``head``). 2: the arguments, the option file or the
    data are wrong, a file cannot be read or written, or the output cannot (a full disk); the message is on stderr,
    without a traceback unless the environment variable BSR_PLUGINS_TRACEBACK is set. So is that of a fault of BasicSR
    or torch that options cause (:mod:`bsr_plugins.host.known_faults`). 130: interrupted by Ctrl-C. Any other exception
    is raised as it is.
    """
    arguments = _without_leading_rank(list(sys.argv[1:] if argv is None else argv))
    with guarded_streams() as output:
        code = _run(arguments)
        sys.stdout.flush()
        lost = next((file.lost for file in output if file.lost is not None), None)
        is_logged = bool(set(arguments[:1]) & set(_LOGGED)) and not set(arguments) & _ASKS_FOR_HELP
        if lost is None or is_logged:
            return code
        if lost.errno in GONE:
            # Whoever read it (head, less) has gone: nothing is left to say.
            return EXIT_UNREAD
        say_error(f'basicsr: error: The output cannot be written: {lost.strerror}')
        return EXIT_WRONG_INPUT


def _run(arguments: List[str]) -> int:
    try:
        args, unknown = _parser().parse_known_args(arguments)
    except SystemExit as stop:  # argparse has printed the help or what is wrong
        return stop.code if isinstance(stop.code, int) else EXIT_WRONG_INPUT
    command = importlib.import_module(f'bsr_plugins.cli.{args.command}')
    try:
        if unknown and args.command not in _HAND_ON:
            raise OptionError(
                f'Unknown arguments: {" ".join(unknown)}', remedy=f'see {spelled(args.command, "--help")}'
            )
        return command.run(args, arguments[arguments.index(args.command) + 1 :], unknown)
    except KeyboardInterrupt:
        say_error(f'basicsr: {getattr(command, "INTERRUPTED", "interrupted")}')
        return EXIT_INTERRUPTED
    except (BsrPluginsError, *FAULTS) as error:
        if os.environ.get(TRACEBACK_VARIABLE, '') not in ('', '0'):
            raise
        meant = error if isinstance(error, BsrPluginsError) else _explained(error)
        # A script's own errors are its own affair, as under python.
        text = None if meant is None and args.command == 'run' else error_text(meant or error)
        if text is None:
            raise
        say_error(f'basicsr {args.command}: error: {text}')
        return EXIT_WRONG_INPUT


def _explained(error: Exception) -> Optional[BsrPluginsError]:
    from bsr_plugins.host.known_faults import explained

    return explained(error)


def _without_leading_rank(arguments: List[str]) -> List[str]:
    """Leave out what torch.distributed.launch puts before the subcommand; processes read their rank elsewhere."""
    return arguments[1:] if arguments and _LOCAL_RANK.fullmatch(arguments[0]) else arguments


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='basicsr',
        description='BasicSR with the methods of bsr_plugins registered.',
        epilog='basicsr COMMAND --help shows the arguments of a command.',
    )
    parser.add_argument('--version', action='version', version=f'bsr_plugins {bsr_plugins.__version__}')
    commands = parser.add_subparsers(dest='command', metavar='COMMAND', required=True)
    for name in COMMANDS:
        module = importlib.import_module(f'bsr_plugins.cli.{name}')
        described = hasattr(module, 'DESCRIPTION')
        command = commands.add_parser(
            name,
            help=module.HELP,
            description=module.DESCRIPTION if described else module.HELP,
            epilog=getattr(module, 'EXAMPLES', None),
            formatter_class=argparse.RawDescriptionHelpFormatter if described else argparse.HelpFormatter,
        )
        gather(command)
        module.add_arguments(command)
    return parser
