"""``basicsr check X.yml``: all that is wrong with an option file or a grid, and its data; nothing is trained."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import List

from bsr_plugins.checks.option_checks import check_options
from bsr_plugins.cli.messages import print_findings, say
from bsr_plugins.cli.unused_arguments import refuse_unused
from bsr_plugins.common.commands import command
from bsr_plugins.common.errors import OptionError
from bsr_plugins.common.findings import WARNING, Finding, errors_in
from bsr_plugins.host.source_names import basicsr_folder
from bsr_plugins.options.forced_options import apply_force_yml
from bsr_plugins.options.option_file import OptionFile, read_option_file

HELP = 'check an option file and its data: all problems at once, without training'
EXIT_RIGHT, EXIT_WARNINGS, EXIT_ERRORS = 0, 1, 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('files', nargs='*', metavar='X.yml', help='option file')
    parser.add_argument(
        '-opt', '--opt', action='append', default=[], metavar='X.yml', help='the same, as `basicsr train` takes it'
    )
    phase = parser.add_mutually_exclusive_group()
    phase.add_argument(
        '--train', action='store_true', help='check it as a training file (default if it has a section `train`)'
    )
    phase.add_argument('--test', action='store_true', help='check it as a test file')
    parser.add_argument('--deep', action='store_true', help='decode every image and compare every pair')
    parser.add_argument('--strict', action='store_true', help='exit code 1 where there are warnings')
    parser.add_argument('--auto_resume', action='store_true', help='as for `basicsr train`')
    parser.add_argument('--force_yml', nargs='+', metavar='KEY:KEY=VALUE', help='as for `basicsr train`')


def run(args: argparse.Namespace, argv: List[str], unknown: List[str]) -> int:
    """Print what is wrong; return 0, 1 (warnings, with ``--strict``) or 2 (errors, a file that cannot be read too).

    Raises:
        OptionError: No file is given.
    """
    if args.test:
        refuse_unused(args, 'with --test', '--auto_resume')
    files = args.files + args.opt
    if not files:
        raise OptionError('No option file is given', expected=command('check', 'X.yml'))
    return max([_check(path, args) for path in files])


def _check(path: str, args: argparse.Namespace) -> int:
    try:
        option_file = apply_force_yml(read_option_file(path), args.force_yml)
    except OptionError as error:
        print(f'error: {error}')
        return EXIT_ERRORS
    is_grid = 'methods' in option_file.options and 'network_g' not in option_file.options
    is_train = args.train or not (args.test or _is_test(option_file))
    if is_grid:
        from bsr_plugins.comparison.checking import check_grid

        # Its test images stay where they are: the folder is that of what a comparison makes.
        findings = check_grid(option_file, Path.cwd(), Path.cwd()).findings
    else:
        findings = check_options(option_file, Path.cwd(), is_train, args.auto_resume, args.deep)
    if basicsr_folder(Path.cwd()) is None:
        findings.append(
            Finding(
                WARNING,
                'There is no basicsr here: names and keys were not checked',
                str(Path.cwd()),
                remedy="run it in your fork's folder, or install bsr-plugins[basicsr]",
            )
        )
    kind = 'grid' if is_grid else 'training file' if is_train else 'test file'
    print_findings(findings, sys.stdout)
    errors = errors_in(findings)
    if not findings:
        say(f'{path}: no problem found, checked as a {kind}')
    elif len(args.files) > 1 or not errors:
        say(f'{path}: checked as a {kind}')
    return EXIT_ERRORS if errors else EXIT_WARNINGS if findings and args.strict else EXIT_RIGHT


def _is_test(option_file: OptionFile) -> bool:
    """Return whether the file says nothing of training."""
    return not option_file.section('train') and 'train' not in option_file.section('datasets')
