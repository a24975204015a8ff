"""The ``basicsr`` command: finds the subcommand, runs it, and turns the pack's errors into messages and exit codes."""

from __future__ import annotations

import argparse
import importlib
import os
import re
import sys
from typing import List, Optional, Sequence

import bsr_plugins
from bsr_plugins.cli.messages import without_worker_traceback
from bsr_plugins.common.commands import command as spelled
from bsr_plugins.common.errors import BsrPluginsError, OptionError

# Each is a module here with HELP, add_arguments(parser) and run(args, argv, unknown) -> exit code, light to import;
# it may have DESCRIPTION and EXAMPLES, shown by its --help, and INTERRUPTED, said on Ctrl-C.
COMMANDS = (
    *('option', 'subimages', 'score', 'check', 'train', 'test'),
    *('run', 'link', 'unlink', 'rfs', 'sigma', 'doctor'),
)

# They hand arguments that they do not know on to a script.
_HAND_ON = ('train', 'test', 'run')

# Their output is read through pipes; in training a broken pipe is a fault of its own.
_REPORTS = ('check', 'doctor', 'option', 'rfs')

EXIT_UNREAD = 1
EXIT_WRONG_INPUT = 2
EXIT_INTERRUPTED = 130
_LOCAL_RANK = re.compile(r'--local[-_]rank=\d+')
TRACEBACK_VARIABLE = 'BSR_PLUGINS_TRACEBACK'


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Run ``basicsr ARGV`` and return its exit code.

    0: done. 2: the arguments, the option file or the data are wrong; the message is on stderr, without a traceback
    unless the environment variable BSR_PLUGINS_TRACEBACK is set. 130: interrupted by Ctrl-C. Any other exception is
    raised as it is.
    """
    arguments = _without_leading_rank(list(sys.argv[1:] if argv is None else argv))
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
        code = command.run(args, arguments[arguments.index(args.command) + 1 :], unknown)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        if args.command not in _REPORTS:
            raise
        # Whoever read the report (head, less) has gone: nothing is left to say, at the interpreter's end neither.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_UNREAD
    except KeyboardInterrupt:
        print(f'basicsr: {getattr(command, "INTERRUPTED", "interrupted")}', file=sys.stderr)
        return EXIT_INTERRUPTED
    except BsrPluginsError as error:
        if os.environ.get(TRACEBACK_VARIABLE, '') not in ('', '0'):
            raise
        print(f'basicsr {args.command}: error: {without_worker_traceback(str(error))}', file=sys.stderr)
        return EXIT_WRONG_INPUT


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
        module.add_arguments(command)
    return parser
